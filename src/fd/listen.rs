//! Socket activation: the sockets that systemd, or whoever plays its part, has opened for us.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::sys::describe::describe;
use crate::sys::inherit;

/// A descriptor that was open when this process started, meant for it.
#[derive(Debug)]
#[non_exhaustive]
pub struct ListenFd {
    /// What it is called, `unknown` if it has no name.
    pub name: String,
    /// It is close-on-exec now. Whether it is blocking is up to who has opened it, and unchanged.
    pub fd: OwnedFd,
}

/// Takes the descriptors that `LISTEN_FDS`, `LISTEN_PID` and `LISTEN_FDNAMES` tell of: the second time
/// there is none. The caller owns them.
///
/// The variables leave the environment if this process has no other thread that may be reading it. Else
/// they stay, which is of no harm: they name the process that they are meant for.
///
/// There is none where `LISTEN_PID` is another process's: that of a shell or of npm, say, between systemd
/// and this program. Have systemd start the program itself.
///
/// # Errors
/// `EINVAL` if the variables make no sense, `EBADF` if a descriptor is not open.
pub fn listen_fds() -> io::Result<Vec<ListenFd>> {
    let values = inherit::take_env(["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]);
    let [pid, count, names] = values.map(|value| value.map(|value| value.to_string_lossy().into_owned()));
    ListenFd::from_values(pid.as_deref(), count.as_deref(), names.as_deref())
}

impl ListenFd {
    /// As [`listen_fds`], for those who have read the three variables already, in the order
    /// `LISTEN_PID`, `LISTEN_FDS`, `LISTEN_FDNAMES`.
    ///
    /// # Errors
    /// As [`listen_fds`].
    pub fn from_values(
        pid: Option<&str>,
        count: Option<&str>,
        names: Option<&str>,
    ) -> io::Result<Vec<ListenFd>> {
        let (Some(pid), Some(count)) = (pid, count) else {
            return Ok(Vec::new());
        };
        let number = |text: &str| text.parse::<u32>().map_err(|_| io::Error::from_raw_os_error(libc::EINVAL));
        // Meant for another, who has started us and forgot to remove them.
        if number(pid)? != std::process::id() {
            return Ok(Vec::new());
        }
        let count = i32::try_from(number(count)?).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
        let numbers = FIRST..FIRST.saturating_add(count);
        // All or none: if the number is wrong, some may be another's, and closing them would harm.
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

/// After the standard three.
const FIRST: i32 = 3;
