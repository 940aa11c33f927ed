//! Memfds that Buffers show, by numbers that are never used again: a Buffer may outlive its mapping.
//!
//! A mapping ends when the runtime lets go of the Buffer's memory, or when that is detached: never before, and so
//! nothing of JavaScript can reach what is no longer there.

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
    /// It has its Buffer: a second one would outlive it.
    shown: bool,
}

static MAPPINGS: LazyLock<Mutex<Mappings>> = LazyLock::new(Mutex::default);

/// How many there are in this process.
pub fn count() -> usize {
    mappings().all.len()
}

/// Keeps a mapping, until its Buffer goes: [`show`] makes that.
pub fn keep(mapping: Mapping) -> i64 {
    let mut mappings = mappings();
    mappings.last += 1;
    let number = mappings.last;
    mappings.all.insert(number, Kept { mapping, shown: false });
    number
}

/// A Buffer over a mapping that was kept just now. None if there is no such mapping, and where the runtime
/// allows only memory of its own in a Buffer: then it is unmapped.
pub fn show(env: &Env, number: i64) -> napi::Result<Option<BufferSlice<'_>>> {
    let place = mappings().all.get_mut(&number).and_then(Kept::show);
    let Some((start, len)) = place else { return Ok(None) };
    // SAFETY: the memory can be read and written to and won't shrink. It stays until the finalizer runs, or until
    // `unmap` has detached it. Others may write to it, as with a SharedArrayBuffer: nothing in Rust reads it.
    let buffer = unsafe { BufferSlice::from_external(env, start, len, number, |_, number| remove(number)) }?;
    Ok((buffer.as_ptr() == start.cast_const()).then_some(buffer))
}

/// Detaches the memory of a mapping's Buffer from JavaScript, and unmaps it. True also if it was unmapped before;
/// false if the memory is another's now, or the runtime knows that it is in use.
pub fn unmap(memory: ArrayBuffer<'_>, number: i64) -> napi::Result<bool> {
    let Some(start) = mappings().all.get(&number).map(|kept| kept.mapping.as_ptr()) else { return Ok(true) };
    if memory.is_detached()? || memory.as_ptr() != start.cast_const() {
        return Ok(false);
    }
    // Some runtimes say that they did, and have not.
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

/// Unmaps it.
fn remove(number: i64) {
    drop(mappings().all.remove(&number));
}

fn mappings() -> MutexGuard<'static, Mappings> {
    MAPPINGS.lock().unwrap_or_else(|e| e.into_inner())
}
