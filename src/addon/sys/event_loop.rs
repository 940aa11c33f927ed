//! Polls a descriptor in the runtime's event loop, so that no other thread is needed. Uses its own
//! `uv_poll_t`, which is closed when the environment ends.

use std::cell::Cell;
use std::ffi::{CStr, c_int, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;
use std::rc::Rc;

use napi::bindgen_prelude::{Function, JsValue};
use napi::{Env, check_status, sys};

use super::uv::{self, Poll, Uv, uv};

/// A reference to a descriptor that the event loop polls.
pub struct InLoop(Rc<Watch>);

/// libuv holds the other reference, as its handle's data, until it has closed the handle.
struct Watch {
    uv: &'static Uv,
    /// libuv's handle.
    memory: Box<[Cell<MaybeUninit<u128>>]>,
    /// The handle must not be used any more.
    closing: Cell<bool>,
    env: sys::napi_env,
    notify: Cell<sys::napi_ref>,
    place: Cell<sys::napi_async_context>,
    hook: Cell<sys::napi_async_cleanup_hook_handle>,
    end: (u32, fn(u32)),
}

impl InLoop {
    /// Calls `notify` while the descriptor is readable, until the environment ends. Then calls `end` with
    /// its number; after that the descriptor may be closed. Returns `None` if there is no libuv.
    pub fn begin(
        env: &Env,
        notify: &Function<'_, (), ()>,
        fd: BorrowedFd<'_>,
        end: (u32, fn(u32)),
    ) -> napi::Result<Option<io::Result<InLoop>>> {
        let Some(uv) = uv() else { return Ok(None) };
        let watch = Rc::new(Watch {
            uv,
            memory: (0..uv.poll_size().div_ceil(16)).map(|_| Cell::new(MaybeUninit::uninit())).collect(),
            closing: Cell::new(true),
            env: env.raw(),
            notify: Cell::new(ptr::null_mut()),
            place: Cell::new(ptr::null_mut()),
            hook: Cell::new(ptr::null_mut()),
            end,
        });
        let result = watch.begin(notify, fd);
        if !matches!(result, Ok(Ok(()))) {
            watch.release();
        }
        Ok(Some(result?.map(|()| InLoop(watch))))
    }

    /// Sets whether this keeps the event loop running.
    pub fn keep_alive(&self, on: bool) {
        let Watch { uv, closing, .. } = &*self.0;
        if !closing.get() {
            // SAFETY: the handle was initialized, and its loop exists until it is closed.
            unsafe { (if on { uv.refer } else { uv.unref })(self.0.handle()) }
        }
    }
}

impl Watch {
    fn handle(&self) -> *mut Poll {
        self.memory.as_ptr().cast_mut().cast()
    }

    fn begin(
        self: &Rc<Self>,
        notify: &Function<'_, (), ()>,
        fd: BorrowedFd<'_>,
    ) -> napi::Result<io::Result<()>> {
        let name = self.enter(notify)?;
        let (uv, handle) = (self.uv, self.handle());
        // SAFETY: the memory is large enough. It does not move until libuv has closed the handle, because
        // libuv holds a reference to it from here on. This is the event loop's own thread.
        unsafe {
            let failed = (uv.poll_init)(name, handle, fd.as_raw_fd());
            if failed < 0 {
                return Ok(Err(io::Error::from_raw_os_error(-failed)));
            }
            (uv.set_data)(handle, Rc::into_raw(self.clone()).cast_mut().cast());
            self.closing.set(false);
            // Cannot fail for a handle that was just initialized.
            (uv.poll_start)(handle, uv::READABLE, on_readable);
            (uv.unref)(handle);
        }
        Ok(Ok(()))
    }

    /// Creates the Node-API objects, which `release` frees. Returns the event loop.
    fn enter(&self, notify: &Function<'_, (), ()>) -> napi::Result<*mut uv::Loop> {
        let env = self.env;
        let mut event_loop = ptr::null_mut();
        let mut name = ptr::null_mut();
        // SAFETY: this runs in a call from JavaScript, in this environment. All pointers point to variables
        // for results, and the hook is removed before `self` is dropped.
        unsafe {
            check_status!(sys::napi_get_uv_event_loop(env, &mut event_loop))?;
            check_status!(sys::napi_create_reference(env, notify.raw(), 1, self.notify.as_ptr()))?;
            check_status!(sys::napi_create_string_utf8(
                env,
                NAME.as_ptr(),
                NAME.count_bytes() as isize,
                &mut name
            ))?;
            check_status!(sys::napi_async_init(env, ptr::null_mut(), name, self.place.as_ptr()))?;
            let this = ptr::from_ref(self).cast_mut().cast();
            check_status!(sys::napi_add_async_cleanup_hook(env, Some(on_end), this, self.hook.as_ptr()))?;
        }
        Ok(event_loop.cast())
    }

    fn release(&self) {
        // SAFETY: each was created in this environment, which waits for the hook, and is freed once.
        unsafe {
            let [notify, place, hook] = [
                self.notify.replace(ptr::null_mut()).cast::<c_void>(),
                self.place.replace(ptr::null_mut()).cast(),
                self.hook.replace(ptr::null_mut()).cast(),
            ];
            if !notify.is_null() {
                sys::napi_delete_reference(self.env, notify.cast());
            }
            if !place.is_null() {
                sys::napi_async_destroy(self.env, place.cast());
            }
            if !hook.is_null() {
                sys::napi_remove_async_cleanup_hook(hook.cast());
            }
        }
    }

    /// Calls JavaScript as the runtime does: process.nextTick callbacks and promise jobs run right after it.
    ///
    /// # Safety
    /// Only the event loop may call it.
    unsafe fn notify(&self) {
        let env = self.env;
        let (mut scope, mut global, mut notify) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        let (mut ignored, mut exception) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: the environment exists as long as the hook does, and all pointers point to variables for
        // results. A call fails only if the environment is ending; that is ignored.
        unsafe {
            sys::napi_open_handle_scope(env, &mut scope);
            sys::napi_get_global(env, &mut global);
            sys::napi_get_reference_value(env, self.notify.get(), &mut notify);
            let status =
                sys::napi_make_callback(env, self.place.get(), global, notify, 0, ptr::null(), &mut ignored);
            if status == sys::Status::napi_pending_exception
                && sys::napi_get_and_clear_last_exception(env, &mut exception) == sys::Status::napi_ok
            {
                sys::napi_fatal_exception(env, exception);
            }
            sys::napi_close_handle_scope(env, scope);
        }
    }
}

/// The name of the asynchronous resource, in lists of resources.
const NAME: &CStr = c"CROSSFORK";

/// # Safety
/// Only libuv may call it, while it holds a reference to the handle's `Watch`.
unsafe extern "C" fn on_readable(handle: *mut Poll, _status: c_int, _events: c_int) {
    // SAFETY: `begin` has set libuv's reference as the handle's data.
    unsafe { watch_of(handle).notify() };
}

/// # Safety
/// Only the end of the environment may call it. `data` must be a `Watch` whose hook is not yet removed.
unsafe extern "C" fn on_end(_hook: sys::napi_async_cleanup_hook_handle, data: *mut c_void) {
    // SAFETY: libuv's reference keeps it until the handle is closed.
    let watch = unsafe { &*data.cast::<Watch>() };
    watch.closing.set(true);
    // SAFETY: the handle was initialized, and is closed only here, once, when the environment ends.
    unsafe { (watch.uv.close)(watch.handle(), on_closed) };
    let (number, end) = watch.end;
    end(number);
}

/// # Safety
/// Only libuv may call it. It returns libuv's reference.
unsafe extern "C" fn on_closed(handle: *mut Poll) {
    // SAFETY: the reference that `begin` gave to libuv, returned once.
    let watch = unsafe { Rc::from_raw(watch_of(handle)) };
    watch.release();
}

/// # Safety
/// `begin` must have set the handle's data.
unsafe fn watch_of<'a>(handle: *mut Poll) -> &'a Watch {
    // SAFETY: the handle exists, so libuv is present; its data is a `Watch`, as the caller guarantees.
    unsafe { &*uv().map_or(ptr::null_mut(), |uv| (uv.get_data)(handle)).cast::<Watch>() }
}
