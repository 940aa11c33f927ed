//! Socket activation: sockets that systemd, or a program like it, opened for this process.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::sys::describe::describe;
use crate::sys::inherit;

/// A descriptor that this process was started with.
#[derive(Debug)]
#[non_exhaustive]
pub struct ListenFd {
    /// The name, or `unknown` if it has no name.
    pub name: String,
    /// The descriptor, made close-on-exec. Its `O_NONBLOCK` flag is unchanged.
    pub fd: OwnedFd,
}

/// Takes the descriptors that `LISTEN_FDS`, `LISTEN_PID` and `LISTEN_FDNAMES` describe. The caller owns
/// them. A second call returns an empty list.
///
/// Removes the variables from the environment if this process has no other thread that may be reading it.
/// Otherwise they stay. That does no harm, because `LISTEN_PID` names the process that they are for.
///
/// The list is also empty if `LISTEN_PID` is another process, such as a shell or npm between systemd and
/// this program. Configure systemd to start the program directly.
///
/// # Errors
/// `EINVAL` if the variables are malformed, `EBADF` if a descriptor is not open.
pub fn listen_fds() -> io::Result<Vec<ListenFd>> {
    let values = inherit::take_env(["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]);
    let [pid, count, names] = values.map(|value| value.map(|value| value.to_string_lossy().into_owned()));
    ListenFd::from_values(pid.as_deref(), count.as_deref(), names.as_deref())
}

impl ListenFd {
    /// Like [`listen_fds`], from given values of `LISTEN_PID`, `LISTEN_FDS` and `LISTEN_FDNAMES`, in this
    /// order. Use it if you have read the variables already.
    ///
    /// # Errors
    /// Those of [`listen_fds`].
    pub fn from_values(
        pid: Option<&str>,
        count: Option<&str>,
        names: Option<&str>,
    ) -> io::Result<Vec<ListenFd>> {
        let (Some(pid), Some(count)) = (pid, count) else {
            return Ok(Vec::new());
        };
        let number = |text: &str| text.parse::<u32>().map_err(|_| io::Error::from_raw_os_error(libc::EINVAL));
        // Meant for another process, which started this one without removing the variables.
        if number(pid)? != std::process::id() {
            return Ok(Vec::new());
        }
        let count = i32::try_from(number(count)?).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
        let numbers = FIRST..FIRST.saturating_add(count);
        // Takes all or none: if the count is wrong, some descriptors may belong to other code, which
        // closing them would break.
        for number in numbers.clone() {
            inherit::peek(number, |fd| describe(fd).map(drop))?;
        }
        let mut names = names.into_iter().flat_map(|names| names.split(':'));
        numbers
            .map(|number| {
                let name = names.next().filter(|name| !name.is_empty()).unwrap_or("unknown").to_owned();
                Ok(ListenFd { name, fd: inherit::adopt(number)? })
            })
            .collect()
    }
}

impl AsFd for ListenFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl From<ListenFd> for OwnedFd {
    fn from(listen: ListenFd) -> OwnedFd {
        listen.fd
    }
}

/// The number after the standard three (`SD_LISTEN_FDS_START`).
const FIRST: i32 = 3;
