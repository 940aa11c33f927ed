//! Processes that others have left to us: those of PID 1, or of a subreaper.

use std::io;

use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;

/// Whether orphans become our children.
pub fn adopts_orphans() -> bool {
    #[cfg(target_os = "linux")]
    let is_subreaper = nix::sys::prctl::get_child_subreaper().unwrap_or(false);
    #[cfg(not(target_os = "linux"))]
    let is_subreaper = false;
    is_subreaper || std::process::id() == 1
}

/// Reaps the children that have ended, up to the first that somebody here waits for. Call it again
/// when that one is reaped.
///
/// # Errors
/// If the system cannot tell of children.
pub fn reap_orphans(is_waited_for: impl Fn(u32) -> bool) -> io::Result<()> {
    loop {
        // Only looks: the status belongs to whoever waits.
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        let pid = match waitid(Id::All, flags) {
            Ok(WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..)) => pid,
            Ok(_) | Err(Errno::ECHILD) => return Ok(()),
            Err(Errno::EINTR) => continue,
            Err(e) => return Err(e.into()),
        };
        if u32::try_from(pid.as_raw()).is_ok_and(&is_waited_for) {
            return Ok(());
        }
        match waitpid(Pid::from_raw(pid.as_raw()), Some(WaitPidFlag::WNOHANG)) {
            // Or somebody else was faster.
            Ok(_) | Err(Errno::ECHILD | Errno::EINTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
}
