//! What workers write, passed on line by line, and never at the price that a worker waits for ever.

mod format;
mod lines;
mod plain;
mod sink;
mod tail;
mod time;

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};

pub use format::{Format, Origin, Stream, Style};
pub use lines::{LIMITS, LONGEST_LINE, Lines, Piece};
pub use sink::{CAPACITY, PATIENCE, RETRY, Sink, Source, Trouble, WeakSink};
use tail::Tail;
pub use time::utc;

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
    tail: Tail,
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
        Ok(Log { settings, stdout, stderr, is_one, tail: Tail::new() })
    }

    /// Whether a worker can have one pipe for both of its outputs.
    pub fn is_one_output(&self) -> bool {
        self.is_one && self.settings.style.format != Format::Json
    }

    /// A line of our own that says that all is well.
    pub fn inform(&self, text: &str) {
        if !self.settings.quiet {
            self.say(text);
        }
    }

    /// A line of our own.
    pub fn say(&self, text: &str) {
        let mut line = Vec::new();
        self.settings.style.ours(text, &mut line);
        self.stderr.write_now(&line, 1);
    }

    /// Says what one of the workers has written last on standard error, if it has.
    pub fn say_last_lines(&self) {
        let lines = self.tail.of_last();
        if !lines.is_empty() {
            self.say("the last lines of a worker on standard error:");
        }
        for line in lines {
            self.say(&format!("  {line}"));
        }
    }

    /// No lines need to be kept for that any more.
    pub fn forget_last_lines(&self) {
        self.tail.forget();
    }

    /// Passes on what comes from there, until its end.
    pub async fn pass_on(self, mut from: impl AsyncRead + Unpin, origin: Origin) {
        let sink = match origin.stream {
            Stream::Stdout | Stream::Both => &self.stdout,
            Stream::Stderr => &self.stderr,
        };
        let source = Source::Worker(origin.pid, origin.stream);
        let mut lines = Lines::new(self.settings.longest_line);
        let mut buffer = vec![0; 16 * 1024];
        let (mut text, mut count) = (Vec::new(), 0);
        loop {
            // An error is an end.
            let read = from.read(&mut buffer).await.unwrap_or(0);
            let mut take = |line: &[u8], piece: Piece| {
                if origin.stream != Stream::Stdout {
                    self.tail.add(origin.pid, line);
                }
                self.settings.style.theirs(&origin, line, piece, &mut text);
                count += 1;
            };
            match read {
                0 => lines.end(&mut take),
                n => lines.feed(&buffer[..n], &mut take),
            }
            if count > 0 {
                sink.write(&text, count, source).await;
            }
            if read == 0 {
                return;
            }
            text.clear();
            count = 0;
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
