//! Signals to one thread, for which nix has no safe call.
#![allow(unsafe_code)]

use std::os::unix::thread::JoinHandleExt;
use std::thread::JoinHandle;

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

/// Handles the signal: it no longer ends the process, but interrupts a blocking system call.
pub fn handle(signal: Signal) {
    extern "C" fn nothing(_: libc::c_int) {}
    let action = SigAction::new(SigHandler::Handler(nothing), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does nothing.
    unsafe { sigaction(signal, &action) }.unwrap();
}

/// Signals one thread of this process only.
pub fn interrupt<T>(thread: &JoinHandle<T>, signal: Signal) {
    // SAFETY: the thread is not joined yet, so that this is still its name.
    let result = unsafe { libc::pthread_kill(thread.as_pthread_t(), signal as libc::c_int) };
    assert!(result == 0 || result == libc::ESRCH, "error {result}");
}
