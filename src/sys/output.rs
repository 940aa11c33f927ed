//! Blocking writes to descriptors that other processes may have made non-blocking.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Writes to a duplicate of a descriptor, and blocks even if the open file is non-blocking. All processes
/// that share the open file share that flag, and any of them may change it.
#[derive(Debug)]
pub struct BlockingWriter(File);

impl BlockingWriter {
    /// Duplicates the descriptor.
    ///
    /// # Errors
    /// Fails if the descriptor is not open, or if this process cannot open more descriptors.
    pub fn new(fd: BorrowedFd<'_>) -> io::Result<Self> {
        Ok(BlockingWriter(fd.try_clone_to_owned()?.into()))
    }
}

impl Write for BlockingWriter {
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

/// Whether both descriptors refer to the same file, pipe or terminal.
pub fn are_same(a: BorrowedFd<'_>, b: BorrowedFd<'_>) -> bool {
    let identity = |fd| nix::sys::stat::fstat(fd).map(|file| (file.st_dev, file.st_ino));
    matches!((identity(a), identity(b)), (Ok(a), Ok(b)) if a == b)
}

fn wait_writable(fd: BorrowedFd<'_>) -> io::Result<()> {
    let mut fds = [PollFd::new(fd, PollFlags::POLLOUT)];
    match poll(&mut fds, PollTimeout::NONE) {
        // Also returned if the reader is gone. The next write then fails.
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(e) => Err(e.into()),
    }
}
