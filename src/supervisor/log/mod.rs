//! What workers write, passed on line by line, and never at the price that a worker waits for ever.

mod cold;
mod format;
mod lines;
mod plain;
mod sink;
mod time;

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::watch;
use tokio::time::Instant;

use cold::{Block, Cold, QUIET};
pub use format::{Format, Origin, Stream, Style};
pub use lines::{LIMITS, LONGEST_LINE, Lines, Piece};
pub use sink::{CAPACITY, PATIENCE, RETRY, Sink, Source, Trouble, WeakSink};
pub use time::utc;

use super::report::Report;
use crate::sys::output::{BlockingWriter, are_same};

const STDOUT: &str = "standard output";
const STDERR: &str = "standard error";

/// How output is passed on.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// How lines look.
    pub style: Style,
    /// A longer line is passed on in parts ([`LONGEST_LINE`], within [`LIMITS`]). So much memory may each output
    /// of a worker take.
    pub longest_line: usize,
    /// Of our own lines, only those about something that is wrong.
    pub quiet: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { style: Style::default(), longest_line: LONGEST_LINE, quiet: false }
    }
}

/// Our own outputs: one or two.
#[derive(Clone, Debug)]
pub struct Log {
    settings: Settings,
    stdout: Sink,
    /// The same sink where both are one file, so that no line is written into another.
    stderr: Sink,
    is_one: bool,
    cold: Cold,
    stage: watch::Sender<Stage>,
}

/// What is passed on how.
#[derive(Clone, Copy, Debug)]
struct Stage {
    /// No worker has ever been up: see [`cold`].
    is_cold: bool,
    /// All workers have ended. Processes that they started may keep their outputs open for ever.
    is_ending: bool,
}

impl Log {
    /// To standard output and standard error.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn new(settings: Settings) -> io::Result<Self> {
        let style = settings.style;
        let (ours, errors) = (io::stdout(), io::stderr());
        let stdout = Sink::new(BlockingWriter::new(ours.as_fd())?, style.lost())?;
        let is_one = are_same(ours.as_fd(), errors.as_fd());
        let stderr = match is_one {
            true => stdout.clone(),
            false => Sink::new(BlockingWriter::new(errors.as_fd())?, style.lost())?,
        };
        if !is_one {
            for (sink, name, other) in [(&stdout, STDOUT, &stderr), (&stderr, STDERR, &stdout)] {
                let other = other.downgrade();
                sink.on_trouble(move |trouble| other.write_now(&style.trouble(name, &trouble), 1));
            }
        }
        let stage = watch::Sender::new(Stage { is_cold: true, is_ending: false });
        Ok(Log { settings, stdout, stderr, is_one, cold: Cold::default(), stage })
    }

    /// Whether a worker can have one pipe for both of its outputs.
    pub fn is_one_output(&self) -> bool {
        self.is_one && self.settings.style.format != Format::Json
    }

    /// A line of our own that says that all is well.
    pub fn inform(&self, text: &str, report: &Report) {
        if !self.settings.quiet {
            self.report(text, report);
        }
    }

    /// A line of our own.
    pub fn say(&self, text: &str) {
        self.write(text, None);
    }

    /// A line of our own about an event.
    pub fn report(&self, text: &str, report: &Report) {
        self.write(text, Some(report));
    }

    fn write(&self, text: &str, report: Option<&Report>) {
        let mut line = Vec::new();
        self.settings.style.ours(text, report, &mut line);
        self.stderr.write_now(&line, 1);
    }

    /// A worker is up, or all are to end: from now on everything is passed on as it comes.
    pub fn end_cold_start(&self) {
        if self.stage.send_if_modified(|stage| std::mem::replace(&mut stage.is_cold, false)) {
            self.say_repeats();
        }
    }

    /// All workers have ended: what they have written is passed on, and nothing more is waited for.
    pub fn end_output(&self) {
        self.stage.send_modify(|stage| stage.is_ending = true);
    }

    /// Says for how many workers their output was left out.
    pub fn say_repeats(&self) {
        match self.cold.take_repeats() {
            0 => {}
            1 => self.say("1 more worker wrote the same to standard error"),
            more => self.say(&format!("{more} more workers wrote the same to standard error")),
        }
    }

    /// Passes on what comes from there, until its end.
    pub async fn pass_on(self, mut from: impl AsyncRead + Unpin, origin: Origin) {
        let (sink, may_repeat) = match origin.stream {
            Stream::Stdout => (&self.stdout, false),
            Stream::Both => (&self.stdout, true),
            Stream::Stderr => (&self.stderr, true),
        };
        let source = Source::Worker(origin.pid, origin.stream);
        let mut stage = self.stage.subscribe();
        let mut lines = Lines::new(self.settings.longest_line);
        let mut buffer = vec![0; 16 * 1024];
        let mut block = Block::new(self.cold.clone());
        loop {
            let Stage { is_cold, is_ending } = *stage.borrow_and_update();
            let is_cold = is_cold && may_repeat;
            if !is_cold && block.has_anything() {
                let text = block.take();
                sink.write(&text.bytes, text.lines, source).await;
            }
            let has_waited = async {
                match is_cold && !block.is_empty() {
                    true => tokio::time::sleep_until(block.settles_at(Instant::now())).await,
                    false if is_ending => tokio::time::sleep(QUIET).await,
                    false => std::future::pending().await,
                }
            };
            let read = tokio::select! {
                biased;
                // An error is an end.
                read = from.read(&mut buffer) => Some(read.unwrap_or(0)),
                _ = stage.changed() => continue,
                () = has_waited => is_ending.then_some(0),
            };
            let mut take = |line: &[u8], piece: Piece| {
                if is_cold {
                    block.compare(line);
                }
                self.settings.style.theirs(&origin, line, piece, block.add());
            };
            match read {
                Some(0) => lines.end(&mut take),
                Some(n) => lines.feed(&buffer[..n], &mut take),
                None => {}
            }
            let text = match read {
                _ if !is_cold || block.is_too_long() => block.take(),
                Some(0) => block.end(Instant::now()),
                Some(_) => continue,
                None => block.settle(Instant::now()),
            };
            if text.lines > 0 {
                sink.write(&text.bytes, text.lines, source).await;
                block.reuse(text);
            }
            if read == Some(0) {
                return;
            }
        }
    }

    /// Waits until all is written, for so long at the most, and says what is not.
    pub async fn flush(&self, patience: Duration) {
        let _ = tokio::time::timeout(patience, self.stdout.flush()).await;
        match self.stdout.unwritten() {
            0 => {}
            lines => self.say(&format!("{lines} lines could not be written to {STDOUT}, and are lost")),
        }
        let _ = tokio::time::timeout(patience, self.stderr.flush()).await;
    }
}
