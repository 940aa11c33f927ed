//! A descriptor that was open when this process started, and the environment that named it.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Mutex;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

/// The numbers that were adopted: a second owner would close another's descriptor.
static ADOPTED: Mutex<Vec<RawFd>> = Mutex::new(Vec::new());

/// Variables, and the values that they had together.
type Group = Vec<(&'static str, Option<OsString>)>;

/// What was taken and could not be removed.
static TAKEN: Mutex<Vec<Group>> = Mutex::new(Vec::new());

/// Takes variables, all at once, so that no second caller gets these values. Returns them.
///
/// They leave the environment only if no other thread can be reading it. Else they are remembered as
/// taken, until they have other values.
pub fn take_env<const N: usize>(names: [&'static str; N]) -> [Option<OsString>; N] {
    let mut taken = TAKEN.lock().unwrap_or_else(|e| e.into_inner());
    let values = untaken(&names, &taken);
    if values.iter().all(Option::is_none) {
        return values;
    }
    if is_only_thread() {
        for name in names {
            // SAFETY: nobody reads the environment meanwhile, in Rust or in C, for this process has no
            // thread but this one, and so nobody else can start one.
            unsafe { std::env::remove_var(name) };
        }
    } else {
        taken.push(group(&names, &values));
    }
    values
}

/// What [`take_env`] would take.
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

/// Whether this process has no other threads. If nothing tells, it may have some.
fn is_only_thread() -> bool {
    std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1)
}

/// Looks at an inherited descriptor without taking it.
pub fn peek<T>(number: RawFd, look: impl FnOnce(BorrowedFd<'_>) -> io::Result<T>) -> io::Result<T> {
    if number < 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: not -1, and only looked at while it is borrowed. If it is not open, the system
    // calls that are made on it fail.
    look(unsafe { BorrowedFd::borrow_raw(number) })
}

/// Takes ownership of an inherited descriptor: once, and never of one that is not open. It comes
/// back close-on-exec, and never as one of the standard three: if it was one of these, its place
/// is taken by `/dev/null`, so that a stray `println!` cannot write to it.
pub fn adopt(number: RawFd) -> io::Result<OwnedFd> {
    let mut adopted = ADOPTED.lock().unwrap_or_else(|e| e.into_inner());
    if adopted.contains(&number) {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    peek(number, set_cloexec)?;
    adopted.push(number);
    if number > 2 {
        // SAFETY: it is open, it was announced to be ours, and the list above makes sure that
        // nobody adopts it twice.
        return Ok(unsafe { OwnedFd::from_raw_fd(number) });
    }
    // The clone's number is above 2, and it is close-on-exec.
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

/// Sets or clears `FD_CLOEXEC`, the only flag that a descriptor has by itself.
pub fn set_cloexec_to(fd: BorrowedFd<'_>, on: bool) -> io::Result<()> {
    fcntl(fd, FcntlArg::F_SETFD(if on { FdFlag::FD_CLOEXEC } else { FdFlag::empty() }))?;
    Ok(())
}

/// Prepares a socket for [`scm::send`](super::scm::send), where the flags of a call are not
/// enough: no SIGPIPE on a system without `MSG_NOSIGNAL`.
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
