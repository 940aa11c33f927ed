//! Shared memory: memfds, and Buffers over them.
//!
//! A runtime lets go of a Buffer's memory in a later turn of its loop at the earliest, and ends the
//! process when the kernel gives it no more mappings. So there is a way to unmap at once, and a
//! bound on how many are mapped.

use std::collections::HashMap;
use std::ffi::CString;
use std::fs;
use std::os::fd::IntoRawFd;
use std::sync::{LazyLock, Mutex, MutexGuard};

use crossfork::fd::{self, Mapping, Seals};
use napi::bindgen_prelude::{ArrayBuffer, BufferSlice};
use napi::{Either, Env};
use napi_derive::napi;
use nix::errno::Errno;

use crate::result::{errno, number};
use crate::sys::{borrow, buffer};

/// What is mapped in this process, by numbers that are never used again: a Buffer may outlive its mapping.
#[derive(Default)]
struct Mapped {
    all: HashMap<i64, Mapping>,
    last: i64,
}

static MAPPED: LazyLock<Mutex<Mapped>> = LazyLock::new(Mutex::default);

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
    if mapped().all.len() >= *MOST as usize {
        return -(Errno::ENOBUFS as i64);
    }
    match borrow(fd).and_then(fd::map) {
        Ok(Some(mapping)) if i64::try_from(mapping.len()).is_ok_and(|len| len <= max) => {
            mapped().add(mapping)
        }
        Ok(Some(_)) => -(Errno::EFBIG as i64),
        Ok(None) => 0,
        Err(e) => errno(&e).into(),
    }
}

/// The memory of a mapping, which lasts as long as the Buffer unless it is unmapped before.
#[napi(catch_unwind)]
pub fn mapped_buffer(env: &Env, number: i64) -> napi::Result<Either<BufferSlice<'_>, i32>> {
    let place = mapped().all.get(&number).map(|mapping| (mapping.as_ptr(), mapping.len()));
    let Some(place) = place else { return Ok(Either::B(-(Errno::EBADF as i32))) };
    // SAFETY: the mapping is removed by its number alone: here, or by `unmap` when the Buffer's memory is
    // detached.
    let buffer = unsafe { buffer(env, place, move || drop(mapped().remove(number))) };
    Ok(match buffer? {
        Some(buffer) => Either::A(buffer),
        None => Either::B(-(Errno::ENOTSUP as i32)),
    })
}

/// Detaches the memory of a Buffer from JavaScript, and unmaps it. True also if it was unmapped before; false if
/// the memory is another's now: it was transferred.
#[napi(catch_unwind)]
pub fn unmap(memory: ArrayBuffer<'_>, number: i64) -> napi::Result<bool> {
    let Some(start) = mapped().all.get(&number).map(Mapping::as_ptr) else { return Ok(true) };
    if memory.is_detached()? || memory.as_ptr() != start.cast_const() {
        return Ok(false);
    }
    memory.detach()?;
    // Some runtimes say that they did, and have not.
    if !memory.is_detached()? {
        return Ok(false);
    }
    drop(mapped().remove(number));
    Ok(true)
}

impl Mapped {
    fn add(&mut self, mapping: Mapping) -> i64 {
        self.last += 1;
        self.all.insert(self.last, mapping);
        self.last
    }

    fn remove(&mut self, number: i64) -> Option<Mapping> {
        self.all.remove(&number)
    }
}

fn mapped() -> MutexGuard<'static, Mapped> {
    MAPPED.lock().unwrap_or_else(|e| e.into_inner())
}
