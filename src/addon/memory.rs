//! Shared memory: memfds, and Buffers over them.
//!
//! A runtime lets go of a Buffer's memory in a later turn of its loop at the earliest, and ends the
//! process when the kernel gives it no more mappings. So there is a way to unmap at once, and a
//! bound on how many are mapped.

use std::ffi::CString;
use std::fs;
use std::os::fd::IntoRawFd;
use std::sync::LazyLock;

use crossfork::fd::{self, Seals};
use napi::bindgen_prelude::{ArrayBuffer, BufferSlice};
use napi::{Either, Env};
use napi_derive::napi;
use nix::errno::Errno;

use crate::result::{errno, number};
use crate::sys::{borrow, mappings};

/// Half of what the kernel allows, for the runtime needs mappings too.
static MOST: LazyLock<u32> = LazyLock::new(|| {
    let allowed = fs::read_to_string("/proc/sys/vm/max_map_count").ok();
    allowed.and_then(|text| text.trim().parse::<u32>().ok()).unwrap_or(USUAL) / 2
});

/// Linux's own choice.
const USUAL: u32 = 65_530;

/// The number of a new memfd, which the caller closes.
#[napi(catch_unwind)]
pub fn memfd(name: String, contents: &[u8], shrink: bool, grow: bool, write: bool, seal: bool) -> i32 {
    let Ok(name) = CString::new(name) else { return -(Errno::EINVAL as i32) };
    let wanted = [(shrink, Seals::SHRINK), (grow, Seals::GROW), (write, Seals::WRITE), (seal, Seals::SEAL)];
    let seals = wanted.iter().filter(|(on, _)| *on).fold(Seals::NONE, |all, (_, seal)| all | *seal);
    number(fd::memfd(&name, contents, seals).map(|fd| fd.into_raw_fd()))
}

/// How many memfds can be mapped at a time.
#[napi(catch_unwind)]
pub fn most_mappings() -> u32 {
    *MOST
}

/// Maps a memfd. The number of the mapping, which [`mapped_buffer`] is to be called with at once; 0 if it
/// is empty. `ENOBUFS` if as many as can be are mapped already.
#[napi(catch_unwind)]
pub fn map_fd(fd: i32, max: i64) -> i64 {
    if mappings::count() >= *MOST as usize {
        return -(Errno::ENOBUFS as i64);
    }
    match borrow(fd).and_then(fd::map) {
        Ok(Some(mapping)) if i64::try_from(mapping.len()).is_ok_and(|len| len <= max) => {
            mappings::keep(mapping)
        }
        Ok(Some(_)) => -(Errno::EFBIG as i64),
        Ok(None) => 0,
        Err(e) => errno(&e).into(),
    }
}

/// The memory of a mapping, which lasts as long as the Buffer unless it is unmapped before. `ENOTSUP` where the
/// runtime allows only memory of its own in a Buffer.
#[napi(catch_unwind)]
pub fn mapped_buffer(env: &Env, number: i64) -> napi::Result<Either<BufferSlice<'_>, i32>> {
    Ok(mappings::show(env, number)?.map_or(Either::B(-(Errno::ENOTSUP as i32)), Either::A))
}

/// Detaches the memory of a Buffer from JavaScript, and unmaps it. False if the memory is another's now (it was
/// transferred), or the runtime knows that it is in use.
#[napi(catch_unwind)]
pub fn unmap(memory: ArrayBuffer<'_>, number: i64) -> napi::Result<bool> {
    mappings::unmap(memory, number)
}
