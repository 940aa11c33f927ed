//! The addon's only unsafe code: descriptor numbers from JavaScript, where they have no owner, memory
//! that JavaScript uses, and libuv's event loop.
#![allow(unsafe_code)]

pub mod event_loop;
pub mod mappings;
mod uv;

use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};

use napi::bindgen_prelude::{Uint8ArraySlice, Uint32ArraySlice};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};

/// Borrows a descriptor by its number. Fails with `EBADF` if it is not open. Use it at once, because
/// JavaScript may close it as soon as it runs again.
pub fn borrow(number: RawFd) -> io::Result<BorrowedFd<'static>> {
    if number < 0 {
        return Err(Errno::EBADF.into());
    }
    // SAFETY: not -1. The first call on it fails if it is not open.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl(fd, FcntlArg::F_GETFD)?;
    Ok(fd)
}

/// Takes ownership of a descriptor that JavaScript hands over.
pub fn own(number: RawFd) -> io::Result<OwnedFd> {
    borrow(number)?;
    // SAFETY: it is open, and the caller's documentation says that this call takes ownership.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Returns JavaScript memory for writing. No JavaScript runs meanwhile that could detach it.
pub fn writable<'a>(memory: &'a mut Uint8ArraySlice<'_>) -> &'a mut [u8] {
    // SAFETY: the memory exists until JavaScript runs again. If it is shared, another thread may change
    // it, but only the kernel accesses it here.
    unsafe { memory.as_mut() }
}

/// Like [`writable`], for 32-bit numbers.
pub fn numbers<'a>(memory: &'a mut Uint32ArraySlice<'_>) -> &'a mut [u32] {
    // SAFETY: as in `writable`. The memory belongs to this package's own JavaScript, and is not shared.
    unsafe { memory.as_mut() }
}
