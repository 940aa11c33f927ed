//! [`Stdio`]: what the descriptors of a new process are.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::process;

use crate::sys::inherit;

/// What a descriptor of the new process is.
///
/// Descriptors 0, 1 and 2 are blocking in the new process, as most programs expect of their standard
/// streams, and whatever else has the same open file sees that too.
#[derive(Debug)]
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
    /// A descriptor that is given away.
    Fd(OwnedFd),
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
        Stdio::Fd(fd) => fd.into(),
    };
    match number {
        0 => command.stdin(stdio),
        1 => command.stdout(stdio),
        _ => command.stderr(stdio),
    };
    Ok(())
}

/// A duplicate, for a number that is left alone keeps its close-on-exec.
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
        Stdio::Fd(fd) => fd,
        Stdio::Pipe => {
            let (ours, theirs) = UnixStream::pair()?;
            pipes.push((number, ours));
            theirs.into()
        }
    };
    fds.push((number, fd));
    Ok(())
}
