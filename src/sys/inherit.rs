//! Inherited descriptors, and the environment variables that name them.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Mutex;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

/// The numbers that were adopted. A second owner could close a descriptor that is not its own.
static ADOPTED: Mutex<Vec<RawFd>> = Mutex::new(Vec::new());

/// Variables with their values, read together.
type Group = Vec<(&'static str, Option<OsString>)>;

/// The variables that were taken but could not be removed from the environment.
static TAKEN: Mutex<Vec<Group>> = Mutex::new(Vec::new());

/// Takes environment variables together and returns their values. No later call returns the same values.
///
/// Removes the variables from the environment if this process has no other thread that could be reading
/// it. Otherwise the variables stay, and count as taken until their values change.
pub fn take_env<const N: usize>(names: [&'static str; N]) -> [Option<OsString>; N] {
    let mut taken = TAKEN.lock().unwrap_or_else(|e| e.into_inner());
    let values = untaken(&names, &taken);
    if values.iter().all(Option::is_none) {
        return values;
    }
    if is_only_thread() {
        for name in names {
            // SAFETY: no other code, in Rust or in C, can be reading the environment, because this is
            // the process's only thread, and only this thread could start another one.
            unsafe { std::env::remove_var(name) };
        }
    } else {
        taken.push(group(&names, &values));
    }
    values
}

/// Returns what [`take_env`] would return, without taking it.
pub fn look_env<const N: usize>(names: [&'static str; N]) -> [Option<OsString>; N] {
    untaken(&names, &TAKEN.lock().unwrap_or_else(|e| e.into_inner()))
}

fn untaken<const N: usize>(names: &[&'static str; N], taken: &[Group]) -> [Option<OsString>; N] {
    let values = names.map(std::env::var_os);
    if taken.contains(&group(names, &values)) { [const { None }; N] } else { values }
}

fn group(names: &[&'static str], values: &[Option<OsString>]) -> Group {
    names.iter().copied().zip(values.iter().cloned()).collect()
}

/// Whether this process has only one thread. Returns false if the system does not tell.
fn is_only_thread() -> bool {
    std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1)
}

/// Inspects an inherited descriptor without taking it.
pub fn peek<T>(number: RawFd, look: impl FnOnce(BorrowedFd<'_>) -> io::Result<T>) -> io::Result<T> {
    if number < 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: not -1, and only inspected while it is borrowed. If it is not open, system calls on it
    // fail.
    look(unsafe { BorrowedFd::borrow_raw(number) })
}

/// Takes ownership of an inherited descriptor and makes it close-on-exec. Fails with `EBADF` if it is not
/// open, or was adopted before. Never returns one of the standard three: one of these is duplicated and
/// replaced by `/dev/null`, so that a stray `println!` cannot write to it.
pub fn adopt(number: RawFd) -> io::Result<OwnedFd> {
    let mut adopted = ADOPTED.lock().unwrap_or_else(|e| e.into_inner());
    if adopted.contains(&number) {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    peek(number, set_cloexec)?;
    adopted.push(number);
    if number > 2 {
        // SAFETY: it is open, this process was told that it owns it, and the list above prevents a
        // second adoption.
        return Ok(unsafe { OwnedFd::from_raw_fd(number) });
    }
    // The clone has a number above 2 and is close-on-exec.
    let moved = peek(number, |fd| fd.try_clone_to_owned())?;
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    // SAFETY: both are open; dup2 replaces the standard descriptor, which stays open throughout.
    if unsafe { libc::dup2(null.as_raw_fd(), number) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(moved)
}

/// Sets `FD_CLOEXEC`.
pub fn set_cloexec(fd: BorrowedFd<'_>) -> io::Result<()> {
    set_cloexec_to(fd, true)
}

/// Sets or clears `FD_CLOEXEC`, the only flag that belongs to the descriptor and not to the open file.
pub fn set_cloexec_to(fd: BorrowedFd<'_>, on: bool) -> io::Result<()> {
    fcntl(fd, FcntlArg::F_SETFD(if on { FdFlag::FD_CLOEXEC } else { FdFlag::empty() }))?;
    Ok(())
}

/// Prepares a socket for [`scm::send`](super::scm::send): disables SIGPIPE on systems without
/// `MSG_NOSIGNAL`.
pub fn prepare(socket: BorrowedFd<'_>) -> io::Result<()> {
    #[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
    {
        let on: libc::c_int = 1;
        // SAFETY: the value is an int that lives longer than the call.
        let result = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_NOSIGPIPE,
                (&raw const on).cast(),
                size_of_val(&on) as _,
            )
        };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    let _ = socket;
    Ok(())
}
