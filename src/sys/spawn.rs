//! What a new process inherits: chosen descriptors at chosen numbers, and no others.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::SigSet;
use nix::sys::socket::{SockType, getsockopt, sockopt};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;

/// Descriptors that must stay open until the process is started.
#[must_use = "dropped before the start, they would not be there to be inherited"]
pub struct Kept {
    fds: Vec<OwnedFd>,
    targets: Arc<[Target]>,
}

/// A number that is written to in the child, and what was there before the start. Atomic, for it
/// is read between fork and exec.
struct Target {
    number: RawFd,
    device: AtomicU64,
    inode: AtomicU64,
}

impl Kept {
    /// To be called before each try to start.
    pub fn look(&self) {
        for target in &*self.targets {
            let (device, inode) = identity(target.number).unwrap_or_default();
            target.device.store(device, Ordering::Relaxed);
            target.inode.store(inode, Ordering::Relaxed);
        }
    }

    /// Closes them, after the start.
    pub fn clear(&mut self) {
        self.fds.clear();
    }
}

/// How a child says that other threads have disturbed its start, by closing a number that was to be
/// written to. No system call fails with this number, which is above all of the kernel's.
const DISTURBED: i32 = 0x1_0000;

/// Whether other threads have disturbed a start. Nothing has happened, and it can be tried again.
pub fn is_disturbed(error: &io::Error) -> bool {
    error.raw_os_error() == Some(DISTURBED)
}

/// Arranges that the process finds each descriptor at its number. All others above 2 are closed
/// in it, also those that this process inherited without close-on-exec itself.
pub fn inherit(command: &mut Command, fds: Vec<(RawFd, OwnedFd)>, new_session: bool) -> io::Result<Kept> {
    let highest = fds.iter().map(|(number, _)| *number).max().unwrap_or(2).max(2);
    let mut kept = Vec::new();
    let mut moves = Vec::new();
    for (number, fd) in fds {
        // Above all the numbers that are written to, so that no move overwrites a source.
        let source = above(&fd, highest)?;
        moves.push((source.as_raw_fd(), number));
        kept.push(source);
    }
    // Every number that is written to is taken meanwhile, so that the socket over which
    // the standard library reports a failed exec lies above them too.
    if highest > 2 || (0..=2).any(|number| identity(number).is_none()) {
        fill(highest, &mut kept)?;
    }
    let target = |&(_, number): &(RawFd, RawFd)| Target {
        number,
        device: AtomicU64::new(0),
        inode: AtomicU64::new(0),
    };
    let targets: Arc<[Target]> = moves.iter().map(target).collect();
    let looked_at = targets.clone();
    let child_side = move || {
        // A number that changed hands meanwhile may have become that report's.
        if looked_at.iter().any(Target::has_report) {
            return Err(io::Error::from_raw_os_error(DISTURBED));
        }
        if new_session {
            nix::unistd::setsid()?;
        }
        close_others_on_exec()?;
        for &(source, number) in &moves {
            // SAFETY: plain numbers; dup2 clears close-on-exec on the new one.
            if unsafe { libc::dup2(source, number) } < 0 {
                return Err(io::Error::last_os_error());
            }
        }
        (0..=2).for_each(make_blocking);
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes system calls only: no allocation, no lock.
    unsafe { command.pre_exec(child_side) };
    Ok(Kept { fds: kept, targets })
}

impl Target {
    /// Whether the report of a failed exec may be there, which was not before the start. Anything
    /// else that other threads have opened there is the child's copy of it, and can be overwritten.
    fn has_report(&self) -> bool {
        let before = (self.device.load(Ordering::Relaxed), self.inode.load(Ordering::Relaxed));
        identity(self.number).is_some_and(|now| now != before)
            && super::inherit::peek(self.number, may_be_report).unwrap_or(true)
    }
}

/// The standard library reports over a socket of packets on Linux, and over a pipe elsewhere.
fn may_be_report(fd: BorrowedFd<'_>) -> io::Result<bool> {
    Ok(match cfg!(target_os = "linux") {
        true => matches!(getsockopt(&fd, sockopt::SockType), Ok(SockType::SeqPacket)),
        false => true,
    })
}

/// Which open file the number stands for.
fn identity(number: RawFd) -> Option<(u64, u64)> {
    let file = super::inherit::peek(number, |fd| Ok(nix::sys::stat::fstat(fd)?)).ok()?;
    #[allow(clippy::unnecessary_cast)] // Not the same type on every system.
    Some((file.st_dev as u64, file.st_ino as u64))
}

/// Opens something at each number up to the highest that is free.
fn fill(highest: RawFd, kept: &mut Vec<OwnedFd>) -> io::Result<()> {
    loop {
        let filler = File::open("/dev/null")?;
        if filler.as_raw_fd() > highest {
            return Ok(());
        }
        kept.push(filler.into());
    }
}

/// A program that writes to a standard stream takes `EAGAIN` for a failure. Nothing to do if there is
/// no such descriptor.
fn make_blocking(number: RawFd) {
    // SAFETY: takes numbers only.
    unsafe {
        let flags = libc::fcntl(number, libc::F_GETFL);
        if flags >= 0 && flags & libc::O_NONBLOCK != 0 {
            libc::fcntl(number, libc::F_SETFL, flags & !libc::O_NONBLOCK);
        }
    }
}

fn above(fd: &OwnedFd, number: RawFd) -> io::Result<OwnedFd> {
    let raw = fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(number + 1))?;
    // SAFETY: just made, and owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// Not closed at once, for the standard library still needs its own until the exec.
fn close_others_on_exec() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: takes numbers only. By its number, for the C library may be older than it.
        let result =
            unsafe { libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
        if result == 0 {
            return Ok(());
        }
    }
    // An older kernel, or another system: one by one, as far as numbers are likely to go.
    // SAFETY: takes a number only.
    let most = unsafe { libc::sysconf(libc::_SC_OPEN_MAX) }.clamp(256, 65536) as RawFd;
    for number in 3..most {
        // SAFETY: takes numbers only, and fails on one that is not open.
        unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    Ok(())
}

/// Waits until the process has ended, for so long at the most, and leaves it to be reaped. False
/// if the time went by.
pub fn wait_exit(pid: u32, timeout: Option<Duration>) -> io::Result<bool> {
    let Some(timeout) = timeout else {
        return wait_id(pid, WaitPidFlag::empty());
    };
    let Some(deadline) = Instant::now().checked_add(timeout) else {
        return wait_exit(pid, None);
    };
    #[cfg(target_os = "linux")]
    if let Ok(process) = pidfd(pid) {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = left.saturating_add(Duration::from_micros(999));
            let mut fds = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
                Ok(0) if Instant::now() >= deadline => return Ok(false),
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => return Ok(true),
                Err(e) => return Err(e.into()),
            }
        }
    }
    // A kernel before 5.3, or another system.
    loop {
        if wait_id(pid, WaitPidFlag::WNOHANG)? {
            return Ok(true);
        }
        if Instant::now() >= deadline {
            return Ok(false);
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Whether the number is still that of a child of ours, whether or not it has ended: nobody has reaped
/// it, in this process or, where SIGCHLD is ignored, in the kernel.
pub fn is_unreaped(pid: u32) -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
    waitid(Id::Pid(Pid::from_raw(pid as i32)), flags) != Err(Errno::ECHILD)
}

fn wait_id(pid: u32, flags: WaitPidFlag) -> io::Result<bool> {
    loop {
        let id = Id::Pid(Pid::from_raw(pid as i32));
        match waitid(id, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | flags) {
            Ok(WaitStatus::StillAlive) => return Ok(false),
            // Reaped by another thread meanwhile.
            Ok(_) | Err(Errno::ECHILD) => return Ok(true),
            Err(Errno::EINTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
}

/// A descriptor that can be read when the process, which must not have been reaped, has ended.
///
/// # Errors
/// On a kernel before 5.3, and if this process has no descriptor free.
#[cfg(target_os = "linux")]
pub fn pidfd(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: takes numbers only.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid as libc::pid_t, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: just made, and owned by nobody else. It is close-on-exec by itself.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Waits for a process that nobody else waits for, so that it leaves no zombie. One small thread
/// for each, until it ends: whoever drops running processes by the hundred should wait for them.
pub fn reap_later(pid: u32) {
    let builder = thread::Builder::new().name("crossfork-reaper".into()).stack_size(32 * 1024);
    // Without a thread it is left to init, when we end.
    let _ = builder.spawn(move || {
        // A handler of the program would find little room on this stack.
        let _ = SigSet::all().thread_block();
        let pid = Pid::from_raw(pid as i32);
        while waitpid(pid, None) == Err(Errno::EINTR) {}
    });
}
