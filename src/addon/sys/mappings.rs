//! Mapped memfds behind Buffers. Their numbers are never reused, because a Buffer may outlive its mapping.
//!
//! A mapping ends when the runtime releases the Buffer's memory, or after that memory was detached: never before,
//! so that JavaScript cannot access unmapped memory.

use std::collections::HashMap;
use std::mem;
use std::sync::{LazyLock, Mutex, MutexGuard};

use crossfork::fd::Mapping;
use napi::Env;
use napi::bindgen_prelude::{ArrayBuffer, BufferSlice};

#[derive(Default)]
struct Mappings {
    all: HashMap<i64, Kept>,
    last: i64,
}

struct Kept {
    mapping: Mapping,
    /// Its Buffer was created. A second Buffer could outlive the mapping.
    shown: bool,
}

static MAPPINGS: LazyLock<Mutex<Mappings>> = LazyLock::new(Mutex::default);

/// Returns the number of mappings in this process.
pub fn count() -> usize {
    mappings().all.len()
}

/// Keeps a mapping until its Buffer, which [`show`] creates, is released. Returns its number.
pub fn keep(mapping: Mapping) -> i64 {
    let mut mappings = mappings();
    mappings.last += 1;
    let number = mappings.last;
    mappings.all.insert(number, Kept { mapping, shown: false });
    number
}

/// Creates the Buffer over a mapping that was just kept. Returns `None` if there is no such mapping, or if the
/// runtime does not support external memory in Buffers: then the memfd is unmapped.
pub fn show(env: &Env, number: i64) -> napi::Result<Option<BufferSlice<'_>>> {
    let place = mappings().all.get_mut(&number).and_then(Kept::show);
    let Some((start, len)) = place else { return Ok(None) };
    // SAFETY: the memory is readable and writable and cannot shrink. It stays mapped until the finalizer runs, or
    // until `unmap` has detached it. Others may write to it, as with a SharedArrayBuffer: no Rust code reads it.
    let buffer = unsafe { BufferSlice::from_external(env, start, len, number, |_, number| remove(number)) }?;
    Ok((buffer.as_ptr() == start.cast_const()).then_some(buffer))
}

/// Detaches the memory of a mapping's Buffer from JavaScript, and unmaps it. Returns true also if it was unmapped
/// before; false if the memory has another owner now, or the runtime refuses because it is in use.
pub fn unmap(memory: ArrayBuffer<'_>, number: i64) -> napi::Result<bool> {
    let Some(start) = mappings().all.get(&number).map(|kept| kept.mapping.as_ptr()) else { return Ok(true) };
    if memory.is_detached()? || memory.as_ptr() != start.cast_const() {
        return Ok(false);
    }
    // Some runtimes report success without detaching.
    if memory.detach().is_err() || !memory.is_detached()? {
        return Ok(false);
    }
    remove(number);
    Ok(true)
}

impl Kept {
    fn show(&mut self) -> Option<(*mut u8, usize)> {
        let first = !mem::replace(&mut self.shown, true);
        first.then(|| (self.mapping.as_ptr(), self.mapping.len()))
    }
}

/// Unmaps a memfd.
fn remove(number: i64) {
    drop(mappings().all.remove(&number));
}

fn mappings() -> MutexGuard<'static, Mappings> {
    MAPPINGS.lock().unwrap_or_else(|e| e.into_inner())
}
