//! The addon's only unsafe code: numbers that come from JavaScript, where nothing owns them,
//! memory that goes there, and the loop that libuv has.
#![allow(unsafe_code)]

pub mod event_loop;
mod uv;

use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};

use napi::Env;
use napi::bindgen_prelude::{BufferSlice, Uint8ArraySlice, Uint32ArraySlice};
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

/// A Buffer over a mapping. `end` is called when nothing of JavaScript can reach the memory any longer.
/// None where the runtime allows only memory of its own in a Buffer: then `end` was called.
///
/// # Safety
/// The mapping stays until `end` is called, or until the Buffer's memory is detached.
pub unsafe fn buffer<'a>(
    env: &'a Env,
    (start, len): (*mut u8, usize),
    end: impl FnOnce() + 'static,
) -> napi::Result<Option<BufferSlice<'a>>> {
    // SAFETY: the memory can be read and written to and won't shrink, and lives long enough by the
    // caller's word. Others may write to it, as with a SharedArrayBuffer: nothing in Rust reads it.
    let buffer = unsafe { BufferSlice::from_external(env, start, len, end, |_, end| end()) }?;
    Ok((buffer.as_ptr() == start.cast_const()).then_some(buffer))
}
