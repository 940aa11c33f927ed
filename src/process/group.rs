//! [`Group`]: which processes get a signal together.

use std::io;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::process::Signal;
use crate::sys::spawn;

/// Which processes get the signals of a terminal together with a new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Group {
    #[default]
    Ours,
    Own,
    /// And a session, so that it has no terminal.
    OwnSession,
}

impl Group {
    /// Sends a signal to the group of a process that was started so. False if there is nobody left in it,
    /// or if the process was reaped: until then no other process, and no other group, has its number.
    ///
    /// # Errors
    /// If they run as another user; and if the process does not lead a group.
    pub(crate) fn kill(self, leader: u32, signal: Signal) -> io::Result<bool> {
        if self == Group::Ours {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the process has no group of its own: start it with own_process_group or detached",
            ));
        }
        if !spawn::is_unreaped(leader) {
            return Ok(false);
        }
        match kill(Pid::from_raw(-(leader as i32)), signal.native()) {
            Ok(()) => Ok(true),
            Err(Errno::ESRCH) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }
}
