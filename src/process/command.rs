//! [`Command`]: starts any program.

use std::ffi::{OsStr, OsString};
use std::marker::PhantomData;
use std::time::Duration;

use super::{Prepared, Spec, Stdio};
use crate::error::Error;

/// Starts any program: Node's `spawn`, `exec` and `execFile`. A clone starts another one with the same
/// settings.
///
/// ```
/// use crossfork::blocking::Command;
/// use std::time::Duration;
///
/// let output = Command::shell("echo $WORD").env("WORD", "hello").timeout(Duration::from_secs(10)).output()?;
/// assert_eq!(output.stdout, b"hello\n");
/// # Ok::<(), crossfork::ExecError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Command<D> {
    pub(super) spec: Spec,
    program: OsString,
    pub(crate) limit: OutputLimit,
    driver: PhantomData<D>,
}

/// What Node's `exec` and `execFile` limit, with Node's defaults.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutputLimit {
    pub(crate) timeout: Option<Duration>,
    pub(crate) max_buffer: usize,
}

impl<D> Command<D> {
    /// A program, found on PATH if it has no slash in it.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Command {
            spec: Spec::default(),
            program: program.as_ref().to_owned(),
            limit: OutputLimit { timeout: None, max_buffer: 1024 * 1024 },
            driver: PhantomData,
        }
    }

    /// A command line for `/bin/sh`: Node's `exec`. Never put what others wrote into it unquoted.
    pub fn shell(line: impl AsRef<OsStr>) -> Self {
        Self::new("/bin/sh").arg("-c").arg(line)
    }

    /// How long [`output`](Self::output) lets it run before it is killed.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.limit.timeout = Some(timeout);
        self
    }

    /// How many bytes [`output`](Self::output) reads of each stream before the process is killed
    /// (1 MiB, as in Node).
    pub fn max_buffer(mut self, bytes: usize) -> Self {
        self.limit.max_buffer = bytes;
        self
    }

    /// With pipes for what it writes, and nothing to read, unless these were set.
    pub(crate) fn piped(mut self) -> Self {
        for (number, default) in [Stdio::Null, Stdio::Pipe, Stdio::Pipe].into_iter().enumerate() {
            self.spec.stdio.entry(number).or_insert(default);
        }
        self
    }

    pub(crate) fn prepare(self, ipc: Option<usize>) -> Result<Prepared, Error> {
        self.spec.prepare(self.program, Vec::new(), ipc)
    }
}
