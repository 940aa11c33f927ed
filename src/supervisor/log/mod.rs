//! What workers write, passed on line by line, and never at the price that a worker waits for ever.

mod format;
mod lines;
mod sink;
mod tail;

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};

pub use format::{Format, Origin, Stream};
pub use lines::{LONGEST_LINE, Lines};
pub use sink::{CAPACITY, PATIENCE, RETRY, Sink, Trouble, WeakSink};
use tail::Tail;

use crate::sys::output::Patient;

const STDOUT: &str = "standard output";
const STDERR: &str = "standard error";

/// Our own two outputs.
#[derive(Clone, Debug)]
pub struct Log {
    format: Format,
    stdout: Sink,
    stderr: Sink,
    tail: Tail,
}

impl Log {
    /// To standard output and standard error.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn new(format: Format) -> io::Result<Self> {
        let stdout = Sink::new(Patient::new(io::stdout().as_fd())?, format.lost())?;
        let stderr = Sink::new(Patient::new(io::stderr().as_fd())?, format.lost())?;
        for (sink, name, other) in [(&stdout, STDOUT, &stderr), (&stderr, STDERR, &stdout)] {
            let other = other.downgrade();
            sink.on_trouble(move |trouble| other.write_now(&format.trouble(name, &trouble), 1));
        }
        Ok(Log { format, stdout, stderr, tail: Tail::new() })
    }

    /// A line of our own.
    pub fn say(&self, text: &str) {
        let mut line = Vec::new();
        self.format.ours(text, &mut line);
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
            Stream::Stdout => &self.stdout,
            Stream::Stderr => &self.stderr,
        };
        let mut lines = Lines::default();
        let mut buffer = vec![0; 16 * 1024];
        let (mut text, mut count) = (Vec::new(), 0);
        loop {
            // An error is an end.
            let read = from.read(&mut buffer).await.unwrap_or(0);
            let mut take = |line: &[u8]| {
                if origin.stream == Stream::Stderr {
                    self.tail.add(origin.pid, line);
                }
                self.format.theirs(&origin, line, &mut text);
                count += 1;
            };
            match read {
                0 => lines.end(&mut take),
                n => lines.feed(&buffer[..n], &mut take),
            }
            if count > 0 {
                sink.write(&text, count).await;
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
