//! Waiting to write to descriptors that others may have made non-blocking.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// A duplicate of a descriptor that blocks in each write until something is written, also where the open file
/// is non-blocking: the flag belongs to all who have it, and may come and go.
#[derive(Debug)]
pub struct Patient(File);

impl Patient {
    /// Makes the duplicate.
    ///
    /// # Errors
    /// If there is no such descriptor, or no room for another.
    pub fn new(fd: BorrowedFd<'_>) -> io::Result<Self> {
        Ok(Patient(fd.try_clone_to_owned()?.into()))
    }
}

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.0.write(bytes) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => wait_writable(self.0.as_fd())?,
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether both are one file, pipe or terminal.
pub fn are_same(a: BorrowedFd<'_>, b: BorrowedFd<'_>) -> bool {
    let identity = |fd| nix::sys::stat::fstat(fd).map(|file| (file.st_dev, file.st_ino));
    matches!((identity(a), identity(b)), (Ok(a), Ok(b)) if a == b)
}

fn wait_writable(fd: BorrowedFd<'_>) -> io::Result<()> {
    let mut fds = [PollFd::new(fd, PollFlags::POLLOUT)];
    match poll(&mut fds, PollTimeout::NONE) {
        // Also where the reader is gone, as the next write says.
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(e) => Err(e.into()),
    }
}
