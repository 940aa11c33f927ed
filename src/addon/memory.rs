//! Shared memory: memfds, and Buffers over them.
//!
//! A runtime releases a Buffer's memory in a later turn of its event loop at the earliest, and ends the
//! process when it cannot get another mapping from the kernel. So a mapping can be unmapped at once, and
//! the number of mappings is bounded.

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

/// Half of the kernel's limit, because the runtime needs mappings too.
static MAX_MAPPINGS: LazyLock<u32> = LazyLock::new(|| {
    let allowed = fs::read_to_string("/proc/sys/vm/max_map_count").ok();
    allowed.and_then(|text| text.trim().parse::<u32>().ok()).unwrap_or(DEFAULT_MAX_MAP_COUNT) / 2
});

/// Linux's default.
const DEFAULT_MAX_MAP_COUNT: u32 = 65_530;

/// Returns the number of a new memfd, which the caller must close.
#[napi(catch_unwind)]
pub fn memfd(name: String, contents: &[u8], shrink: bool, grow: bool, write: bool, seal: bool) -> i32 {
    let Ok(name) = CString::new(name) else { return -(Errno::EINVAL as i32) };
    let wanted = [(shrink, Seals::SHRINK), (grow, Seals::GROW), (write, Seals::WRITE), (seal, Seals::SEAL)];
    let seals = wanted.iter().filter(|(on, _)| *on).fold(Seals::NONE, |all, (_, seal)| all | *seal);
    number(fd::memfd(&name, contents, seals).map(|fd| fd.into_raw_fd()))
}

/// Returns how many memfds can be mapped at the same time.
#[napi(catch_unwind)]
pub fn max_mappings() -> u32 {
    *MAX_MAPPINGS
}

/// Maps a memfd. Returns the number of the mapping, for an immediate call of [`mapped_buffer`], or 0 if the
/// memfd is empty. `EFBIG` if it is longer than `max`, `ENOBUFS` if the maximum number of memfds is mapped.
#[napi(catch_unwind)]
pub fn map_fd(fd: i32, max: i64) -> i64 {
    if mappings::count() >= *MAX_MAPPINGS as usize {
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

/// Returns a Buffer over a mapping, which stays mapped as long as the Buffer exists unless [`unmap`] is called.
/// `ENOTSUP` if the runtime does not support external memory in Buffers.
#[napi(catch_unwind)]
pub fn mapped_buffer(env: &Env, number: i64) -> napi::Result<Either<BufferSlice<'_>, i32>> {
    Ok(mappings::show(env, number)?.map_or(Either::B(-(Errno::ENOTSUP as i32)), Either::A))
}

/// Detaches a Buffer's memory from JavaScript, and unmaps it. Returns false if the memory was transferred to
/// another owner, or the runtime refuses because it is in use.
#[napi(catch_unwind)]
pub fn unmap(memory: ArrayBuffer<'_>, number: i64) -> napi::Result<bool> {
    mappings::unmap(memory, number)
}
