//! What a program that was run to its end has written, and why that was not its proper end.

use std::fmt;
use std::process::Output;

use crate::error::{Error, brief};

/// Why `output` of a `Command` failed: Node's error of `exec` and `execFile`.
///
/// Both forms of it, `Display` and `Debug`, show little of what the program wrote: see
/// [`output`](Self::output) for all of it.
#[non_exhaustive]
pub enum ExecError {
    /// It could not be started, or waited for.
    Start(Error),
    /// It ended with an exit code that is not 0, or by a signal that we did not send.
    Failed(Output),
    /// It did not end in time, and was killed. This is what it had written.
    TimedOut(Output),
    /// It wrote more than the maximum to one stream, and was killed. This is what was kept of it.
    MaxBuffer {
        /// `stdout` or `stderr`.
        stream: &'static str,
        /// The limit, in bytes.
        limit: usize,
        /// What was kept.
        output: Output,
    },
}

impl ExecError {
    /// What it had written, if it ran.
    pub fn output(&self) -> Option<&Output> {
        match self {
            ExecError::Start(_) => None,
            ExecError::Failed(output) | ExecError::TimedOut(output) | ExecError::MaxBuffer { output, .. } => {
                Some(output)
            }
        }
    }

    /// The code that Node gives to the same failure, or one of the same form.
    pub fn code(&self) -> &'static str {
        match self {
            ExecError::Start(e) => e.code(),
            ExecError::Failed(_) => "ERR_CHILD_PROCESS_FAILED",
            ExecError::TimedOut(_) => "ETIMEDOUT",
            ExecError::MaxBuffer { .. } => "ERR_CHILD_PROCESS_STDIO_MAXBUFFER",
        }
    }
}

impl fmt::Debug for ExecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExecError::Start(e) => f.debug_tuple("Start").field(e).finish(),
            ExecError::Failed(output) => f.debug_tuple("Failed").field(&Brief(output)).finish(),
            ExecError::TimedOut(output) => f.debug_tuple("TimedOut").field(&Brief(output)).finish(),
            ExecError::MaxBuffer { stream, limit, output } => f
                .debug_struct("MaxBuffer")
                .field("stream", stream)
                .field("limit", limit)
                .field("output", &Brief(output))
                .finish(),
        }
    }
}

/// An output of which the beginnings and the ends are shown.
struct Brief<'a>(&'a Output);

impl fmt::Debug for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |bytes: &[u8]| brief(&String::from_utf8_lossy(bytes));
        f.debug_struct("Output")
            .field("status", &self.0.status)
            .field("stdout", &format_args!("\"{}\"", text(&self.0.stdout)))
            .field("stderr", &format_args!("\"{}\"", text(&self.0.stderr)))
            .finish()
    }
}

impl fmt::Display for ExecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExecError::Start(e) => e.fmt(f),
            ExecError::Failed(output) => {
                write!(f, "the program ended with {}", output.status)?;
                let text = String::from_utf8_lossy(&output.stderr);
                match text.trim_end().lines().last() {
                    Some(last) => write!(f, ": {}", brief(last)),
                    None => Ok(()),
                }
            }
            ExecError::TimedOut(_) => f.write_str("the program did not end in time, and was killed"),
            ExecError::MaxBuffer { stream, limit, .. } => {
                write!(f, "the program wrote more than {limit} bytes to {stream}, and was killed")
            }
        }
    }
}

impl std::error::Error for ExecError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ExecError::Start(e) => e.source(),
            _ => None,
        }
    }
}

impl From<Error> for ExecError {
    fn from(e: Error) -> Self {
        ExecError::Start(e)
    }
}

impl From<std::io::Error> for ExecError {
    fn from(e: std::io::Error) -> Self {
        ExecError::Start(e.into())
    }
}

/// Why reading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// Both streams ended.
    AtEnd,
    TimedOut,
    Over(&'static str),
}

/// The result that `output` gives.
pub(crate) fn conclude(stopped: Stopped, limit: usize, output: Output) -> Result<Output, ExecError> {
    match stopped {
        Stopped::AtEnd if output.status.success() => Ok(output),
        Stopped::AtEnd => Err(ExecError::Failed(output)),
        Stopped::TimedOut => Err(ExecError::TimedOut(output)),
        Stopped::Over(stream) => Err(ExecError::MaxBuffer { stream, limit, output }),
    }
}
