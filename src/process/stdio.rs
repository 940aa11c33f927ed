//! [`Stdio`]: what the descriptors of a new process are.

use std::fs::{File, OpenOptions};
use std::io;
use std::net::TcpStream;
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::process;
use std::sync::Arc;

use crate::sys::inherit;

/// What a descriptor of the new process is.
///
/// Descriptors 0, 1 and 2 are blocking in the new process, as most programs expect of their standard
/// streams, and whatever else has the same open file sees that too.
///
/// A file, a pipe, a socket or another process's output becomes one with `into`, or is given to
/// `stdio` as it is:
///
/// ```no_run
/// use crossfork::{Stdio, blocking::Fork};
/// use std::fs::File;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let log = File::create("worker.log")?;
/// let fork = Fork::new("worker.js").stdio(0, Stdio::Null).stdio(1, log.try_clone()?).stdio(2, log);
/// # drop(fork); Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Stdio {
    /// The same open file as ours of that number, also where ours is close-on-exec (as Node's
    /// standard streams are). If ours of 0, 1 or 2 is closed, it is `/dev/null`; above that, starting
    /// fails.
    Inherit,
    /// `/dev/null`.
    Null,
    /// A pipe to us. At 0, 1 and 2 it is in the process's `stdin`, `stdout` and `stderr`; above
    /// that it is a Unix stream socket, as in Node, in its `pipes`.
    Pipe,
    /// A descriptor, made with [`Stdio::from`]. Clones share it, and our copy is closed with the last
    /// of them: as long as one is left, a reader of its other end does not see the end.
    Fd(Arc<OwnedFd>),
}

impl From<OwnedFd> for Stdio {
    fn from(fd: OwnedFd) -> Self {
        Stdio::Fd(Arc::new(fd))
    }
}

macro_rules! from_owned {
    ($($source:ty),* $(,)?) => {$(
        impl From<$source> for Stdio {
            fn from(source: $source) -> Self {
                OwnedFd::from(source).into()
            }
        }
    )*};
}

from_owned!(
    File,
    UnixStream,
    TcpStream,
    io::PipeReader,
    io::PipeWriter,
    process::ChildStdin,
    process::ChildStdout,
    process::ChildStderr,
);

#[cfg(feature = "tokio")]
macro_rules! from_tokio {
    ($($source:ty),*) => {$(
        /// # Errors
        /// If the reactor does not let go of it, which then is closed.
        impl TryFrom<$source> for Stdio {
            type Error = io::Error;

            fn try_from(source: $source) -> io::Result<Self> {
                Ok(source.into_owned_fd()?.into())
            }
        }
    )*};
}

#[cfg(feature = "tokio")]
from_tokio!(::tokio::process::ChildStdin, ::tokio::process::ChildStdout, ::tokio::process::ChildStderr);

/// The descriptor to give away: a duplicate if clones have it too.
fn own(fd: Arc<OwnedFd>) -> io::Result<OwnedFd> {
    Arc::try_unwrap(fd).or_else(|shared| shared.try_clone())
}

/// A number that a descriptor can have: as far as any process is likely to be allowed.
pub(super) fn descriptor(number: usize) -> io::Result<RawFd> {
    const MOST: usize = 1 << 16;
    match RawFd::try_from(number) {
        Ok(fd) if number < MOST => Ok(fd),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{number} is too high for the number of a descriptor"),
        )),
    }
}

/// Sets one of the standard three.
pub(super) fn standard(command: &mut process::Command, number: RawFd, stdio: Stdio) -> io::Result<()> {
    let stdio = match stdio {
        Stdio::Inherit => inherited(number)?,
        Stdio::Null => process::Stdio::null(),
        Stdio::Pipe => process::Stdio::piped(),
        Stdio::Fd(fd) => own(fd)?.into(),
    };
    match number {
        0 => command.stdin(stdio),
        1 => command.stdout(stdio),
        _ => command.stderr(stdio),
    };
    Ok(())
}

/// A duplicate: a number that is left alone would keep its close-on-exec.
fn inherited(number: RawFd) -> io::Result<process::Stdio> {
    match inherit::peek(number, |fd| fd.try_clone_to_owned()) {
        Ok(fd) => Ok(fd.into()),
        Err(e) if e.raw_os_error() == Some(libc::EBADF) => Ok(process::Stdio::null()),
        Err(e) => Err(e),
    }
}

/// Makes one above the standard three.
pub(super) fn extra(
    number: RawFd,
    stdio: Stdio,
    fds: &mut Vec<(RawFd, OwnedFd)>,
    pipes: &mut Vec<(RawFd, UnixStream)>,
) -> io::Result<()> {
    let fd = match stdio {
        Stdio::Null => OpenOptions::new().read(true).write(true).open("/dev/null")?.into(),
        Stdio::Inherit => inherit::peek(number, |fd| fd.try_clone_to_owned())?,
        Stdio::Fd(fd) => own(fd)?,
        Stdio::Pipe => {
            let (ours, theirs) = UnixStream::pair()?;
            pipes.push((number, ours));
            theirs.into()
        }
    };
    fds.push((number, fd));
    Ok(())
}
