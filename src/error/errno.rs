//! The names of the system's errors, which Node has as codes.

use std::io;

/// The name of the system's error, such as `ENOENT`; `None` for an error that is no system's.
pub(super) fn name(error: &io::Error) -> Option<&'static str> {
    if let Some(number) = error.raw_os_error() {
        return by_number(number);
    }
    // One that was wrapped to say more.
    let inner = error.get_ref()?.source()?.downcast_ref::<io::Error>()?;
    by_number(inner.raw_os_error()?)
}

/// The name of the system's error that an error is, or that it is one of our own about.
#[cfg(feature = "calls")]
pub(crate) fn system_code(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    match error.downcast_ref::<super::Error>() {
        Some(error) => Some(error.code()),
        None => name(error.downcast_ref()?),
    }
}

macro_rules! names {
    ($($name:ident),+ $(,)?) => {
        fn by_number(number: i32) -> Option<&'static str> {
            Some(match number {
                $(libc::$name => stringify!($name),)+
                _ => return None,
            })
        }
    };
}

// What libuv has names for. EOPNOTSUPP is the same as ENOTSUP on Linux.
names!(
    E2BIG,
    EACCES,
    EADDRINUSE,
    EADDRNOTAVAIL,
    EAFNOSUPPORT,
    EAGAIN,
    EALREADY,
    EBADF,
    EBUSY,
    ECANCELED,
    ECONNABORTED,
    ECONNREFUSED,
    ECONNRESET,
    EDESTADDRREQ,
    EEXIST,
    EFAULT,
    EFBIG,
    EHOSTUNREACH,
    EILSEQ,
    EINTR,
    EINVAL,
    EIO,
    EISCONN,
    EISDIR,
    ELOOP,
    EMFILE,
    EMLINK,
    EMSGSIZE,
    ENAMETOOLONG,
    ENETDOWN,
    ENETUNREACH,
    ENFILE,
    ENOBUFS,
    ENODATA,
    ENODEV,
    ENOENT,
    ENOEXEC,
    ENOMEM,
    ENOPROTOOPT,
    ENOSPC,
    ENOSYS,
    ENOTCONN,
    ENOTDIR,
    ENOTEMPTY,
    ENOTSOCK,
    ENOTSUP,
    ENOTTY,
    ENXIO,
    EOVERFLOW,
    EPERM,
    EPIPE,
    EPROTO,
    EPROTONOSUPPORT,
    EPROTOTYPE,
    ERANGE,
    EROFS,
    ESHUTDOWN,
    ESPIPE,
    ESRCH,
    ETIMEDOUT,
    ETXTBSY,
    EXDEV,
);
