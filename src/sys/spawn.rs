//! Controls what a new process inherits: the given descriptors at the given numbers, and no others.

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

/// Descriptors that must stay open until the process has started.
#[must_use = "if they are dropped before the start, the process does not inherit them"]
pub struct Kept {
    fds: Vec<OwnedFd>,
    targets: Arc<[Target]>,
}

/// A descriptor number that the child overwrites, and which file it was before the start. Atomic,
/// because the child reads it between fork and exec.
struct Target {
    number: RawFd,
    device: AtomicU64,
    inode: AtomicU64,
}

impl Kept {
    /// Records which files the numbers are. Call it before each attempt to start.
    pub fn look(&self) {
        for target in &*self.targets {
            let (device, inode) = identity(target.number).unwrap_or_default();
            target.device.store(device, Ordering::Relaxed);
            target.inode.store(inode, Ordering::Relaxed);
        }
    }

    /// Closes the descriptors. Call it after the start.
    pub fn clear(&mut self) {
        self.fds.clear();
    }
}

/// The error number by which a child reports that another thread disturbed its start, by closing a
/// number that the child was to overwrite. It is above all error numbers of the kernel.
const DISTURBED: i32 = 0x1_0000;

/// Whether a start failed because another thread disturbed it. No program was run; the start can be retried.
pub fn is_disturbed(error: &io::Error) -> bool {
    error.raw_os_error() == Some(DISTURBED)
}

/// The process's session, and whether it ends with its parent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Life {
    /// Start it in a new session.
    pub new_session: bool,
    /// Kill it when the thread that started it ends, and so when this process ends. Linux only.
    pub ends_with_us: bool,
}

/// Makes the process inherit each descriptor at its number. In the process, all other descriptors above
/// 2 are closed, including those that this process itself inherited without close-on-exec.
pub fn inherit(command: &mut Command, fds: Vec<(RawFd, OwnedFd)>, life: Life) -> io::Result<Kept> {
    let highest = fds.iter().map(|(number, _)| *number).max().unwrap_or(2).max(2);
    let mut kept = Vec::new();
    let mut moves = Vec::new();
    for (number, fd) in fds {
        // Above all numbers that are overwritten, so that no dup2 overwrites a source.
        let source = above(&fd, highest)?;
        moves.push((source.as_raw_fd(), number));
        kept.push(source);
    }
    // All numbers that are overwritten are in use until the start, so that the socket over which the
    // standard library reports a failed exec gets a number above them too.
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
    let ends_with = life.ends_with_us.then(std::process::id);
    let child_side = move || {
        // Another thread may have closed a number, and that socket may have got it.
        if looked_at.iter().any(Target::has_report) {
            return Err(io::Error::from_raw_os_error(DISTURBED));
        }
        if life.new_session {
            nix::unistd::setsid()?;
        }
        if let Some(parent) = ends_with {
            end_with(parent)?;
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
    /// Whether the number may now be the socket that reports a failed exec. If another thread opened
    /// something else at this number, the child has only a copy of it, which it can overwrite.
    fn has_report(&self) -> bool {
        let before = (self.device.load(Ordering::Relaxed), self.inode.load(Ordering::Relaxed));
        identity(self.number).is_some_and(|now| now != before)
            && super::inherit::peek(self.number, may_be_report).unwrap_or(true)
    }
}

/// The standard library reports a failed exec over a packet socket on Linux, and over a pipe elsewhere.
fn may_be_report(fd: BorrowedFd<'_>) -> io::Result<bool> {
    Ok(match cfg!(target_os = "linux") {
        true => matches!(getsockopt(&fd, sockopt::SockType), Ok(SockType::SeqPacket)),
        false => true,
    })
}

/// Returns device and inode of the file that the number refers to.
fn identity(number: RawFd) -> Option<(u64, u64)> {
    let file = super::inherit::peek(number, |fd| Ok(nix::sys::stat::fstat(fd)?)).ok()?;
    #[allow(clippy::unnecessary_cast)] // Not the same type on every system.
    Some((file.st_dev as u64, file.st_ino as u64))
}

/// Opens `/dev/null` at each free number up to `highest`.
fn fill(highest: RawFd, kept: &mut Vec<OwnedFd>) -> io::Result<()> {
    loop {
        let filler = File::open("/dev/null")?;
        if filler.as_raw_fd() > highest {
            return Ok(());
        }
        kept.push(filler.into());
    }
}

/// Makes the kernel send SIGKILL to the calling process when its parent ends. Called in the new process.
fn end_with(parent: u32) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)?;
        // The parent may have ended before the call.
        if nix::unistd::getppid().as_raw().cast_unsigned() != parent {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = parent;
    Ok(())
}

/// Clears `O_NONBLOCK`, because programs that write to a standard stream treat `EAGAIN` as a failure.
/// Does nothing if the descriptor is not open.
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
    // SAFETY: just created, and has no other owner.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// Sets close-on-exec instead of closing, because the standard library needs its socket until the exec.
fn close_others_on_exec() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: takes numbers only. Called by number, because the C library may not have it yet.
        let result =
            unsafe { libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
        if result == 0 {
            return Ok(());
        }
    }
    // An older kernel, or another system: sets it one by one, up to the likely maximum.
    // SAFETY: takes a number only.
    let most = unsafe { libc::sysconf(libc::_SC_OPEN_MAX) }.clamp(256, 65536) as RawFd;
    for number in 3..most {
        // SAFETY: takes numbers only, and fails on one that is not open.
        unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    Ok(())
}

/// Waits until the process has exited, at most for `timeout`. Does not reap it. Returns false if the
/// timeout has passed.
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

/// Whether this process still has a child with this PID, running or exited: neither this process nor,
/// if SIGCHLD is ignored, the kernel has reaped it.
pub fn is_unreaped(pid: u32) -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
    waitid(Id::Pid(Pid::from_raw(pid as i32)), flags) != Err(Errno::ECHILD)
}

fn wait_id(pid: u32, flags: WaitPidFlag) -> io::Result<bool> {
    loop {
        let id = Id::Pid(Pid::from_raw(pid as i32));
        match waitid(id, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | flags) {
            Ok(WaitStatus::StillAlive) => return Ok(false),
            // Another thread has reaped it.
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
    // SAFETY: just created, and has no other owner. The kernel makes it close-on-exec.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Reaps a process when it exits, so that it does not stay as a zombie. Use it if nothing else waits for
/// the process. It takes one small thread for each process until that exits: a program with hundreds of
/// processes should wait for them instead.
pub fn reap_later(pid: u32) {
    let builder = thread::Builder::new().name("crossfork-reaper".into()).stack_size(32 * 1024);
    // If no thread can start, init reaps the process after this one exits.
    let _ = builder.spawn(move || {
        // Blocks signals, because this stack is too small for the program's signal handlers.
        let _ = SigSet::all().thread_block();
        let pid = Pid::from_raw(pid as i32);
        while waitpid(pid, None) == Err(Errno::EINTR) {}
    });
}
