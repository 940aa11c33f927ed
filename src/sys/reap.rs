//! Reaps orphaned processes, which become children of PID 1 or of a subreaper.

use std::io;

use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;

/// Whether orphaned processes become children of this process.
pub fn adopts_orphans() -> bool {
    #[cfg(target_os = "linux")]
    let is_subreaper = nix::sys::prctl::get_child_subreaper().unwrap_or(false);
    #[cfg(not(target_os = "linux"))]
    let is_subreaper = false;
    is_subreaper || std::process::id() == 1
}

/// Reaps exited children, up to the first one for which `is_waited_for` returns true. Call it again after
/// that one was reaped.
///
/// # Errors
/// Those of waitid(2) and waitpid(2).
pub fn reap_orphans(is_waited_for: impl Fn(u32) -> bool) -> io::Result<()> {
    loop {
        // Does not reap: the status belongs to the code that waits for the child.
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
            // ECHILD: other code has reaped it already.
            Ok(_) | Err(Errno::ECHILD | Errno::EINTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
}
