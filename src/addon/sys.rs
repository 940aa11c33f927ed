//! The addon's only unsafe code: numbers that come from JavaScript, where nothing owns them,
//! memory that goes there, and the loop that libuv has.
#![allow(unsafe_code)]

pub mod event_loop;
pub mod mappings;
mod uv;

use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};

use napi::bindgen_prelude::{Uint8ArraySlice, Uint32ArraySlice};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};

/// A descriptor by its number, made sure to be open. To be used at once: JavaScript may close it
/// as soon as it runs again.
pub fn borrow(number: RawFd) -> io::Result<BorrowedFd<'static>> {
    if number < 0 {
        return Err(Errno::EBADF.into());
    }
    // SAFETY: not -1. Until it is known to be open, it is given to a call that fails if it isn't.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl(fd, FcntlArg::F_GETFD)?;
    Ok(fd)
}

/// A descriptor that JavaScript hands over.
pub fn own(number: RawFd) -> io::Result<OwnedFd> {
    borrow(number)?;
    // SAFETY: it is open, and whoever gave us the number was told that it is ours from now on.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Memory of JavaScript's to write to. Nothing of JavaScript runs meanwhile that could detach it.
pub fn writable<'a>(memory: &'a mut Uint8ArraySlice<'_>) -> &'a mut [u8] {
    // SAFETY: the memory is there until JavaScript runs again. Another thread that it is shared
    // with may change it, and only the kernel looks at it.
    unsafe { memory.as_mut() }
}

/// As [`writable`], for numbers.
pub fn numbers<'a>(memory: &'a mut Uint32ArraySlice<'_>) -> &'a mut [u32] {
    // SAFETY: as there. The memory is of this package's own JavaScript, and not shared.
    unsafe { memory.as_mut() }
}
