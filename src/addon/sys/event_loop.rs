//! A descriptor in the runtime's own loop, so that what happens to it is told without another
//! thread: a `uv_poll_t` of ours, which is closed when the environment ends.

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

/// A share of what the loop watches.
pub struct InLoop(Rc<Watch>);

/// libuv has the other share, as the data of its handle, until it has closed that.
struct Watch {
    uv: &'static Uv,
    /// libuv's handle.
    memory: Box<[Cell<MaybeUninit<u128>>]>,
    /// Nothing is to be done with the handle any longer.
    closing: Cell<bool>,
    env: sys::napi_env,
    notify: Cell<sys::napi_ref>,
    place: Cell<sys::napi_async_context>,
    hook: Cell<sys::napi_async_cleanup_hook_handle>,
    end: (u32, fn(u32)),
}

impl InLoop {
    /// Has `notify` called while something can be read, until the environment ends: then `end` is
    /// called with its number, and the descriptor may be closed. None where there is no libuv.
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

    /// Whether the loop goes on for this.
    pub fn keep_alive(&self, on: bool) {
        let Watch { uv, closing, .. } = &*self.0;
        if !closing.get() {
            // SAFETY: the handle was initialized, and its loop is there until it is closed.
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
        // SAFETY: the memory is large enough, and stays where it is until libuv has closed the
        // handle, for libuv has a share of it from here on. We are in the loop's own thread.
        unsafe {
            let failed = (uv.poll_init)(name, handle, fd.as_raw_fd());
            if failed < 0 {
                return Ok(Err(io::Error::from_raw_os_error(-failed)));
            }
            (uv.set_data)(handle, Rc::into_raw(self.clone()).cast_mut().cast());
            self.closing.set(false);
            // It cannot fail for a handle that was made just now.
            (uv.poll_start)(handle, uv::READABLE, on_readable);
            (uv.unref)(handle);
        }
        Ok(Ok(()))
    }

    /// What is needed of Node-API; `release` gives it back. Returns the loop.
    fn enter(&self, notify: &Function<'_, (), ()>) -> napi::Result<*mut uv::Loop> {
        let env = self.env;
        let mut event_loop = ptr::null_mut();
        let mut name = ptr::null_mut();
        // SAFETY: we were called from JavaScript, in this environment; all pointers are to places
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
        // SAFETY: each was made in this environment, which waits for the hook, and is taken once.
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

    /// Calls JavaScript as the runtime itself does: what was put off with process.nextTick, and
    /// promises, come right behind.
    ///
    /// # Safety
    /// To be called from the loop alone.
    unsafe fn notify(&self) {
        let env = self.env;
        let (mut scope, mut global, mut notify) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        let (mut ignored, mut exception) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: the environment is there as long as our hook is, and all pointers are to places
        // for results. What fails does so because the environment is ending, and that is ignored.
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

/// What it is called where asynchronous resources are listed.
const NAME: &CStr = c"CROSSFORK";

/// # Safety
/// For libuv, which has a share of the handle's `Watch`.
unsafe extern "C" fn on_readable(handle: *mut Poll, _status: c_int, _events: c_int) {
    // SAFETY: `begin` has made libuv's share the handle's data, and the handle was found, so that libuv is.
    unsafe { watch_of(handle).notify() };
}

/// # Safety
/// For the environment's end. `data` is a `Watch` whose hook is not yet removed.
unsafe extern "C" fn on_end(_hook: sys::napi_async_cleanup_hook_handle, data: *mut c_void) {
    // SAFETY: libuv's share keeps it until the handle is closed.
    let watch = unsafe { &*data.cast::<Watch>() };
    watch.closing.set(true);
    // SAFETY: it was initialized, and is closed here only, which the environment's end reaches once.
    unsafe { (watch.uv.close)(watch.handle(), on_closed) };
    let (number, end) = watch.end;
    end(number);
}

/// # Safety
/// For libuv, which gives its share back.
unsafe extern "C" fn on_closed(handle: *mut Poll) {
    // SAFETY: the share that `begin` gave away, given back once.
    let watch = unsafe { Rc::from_raw(watch_of(handle)) };
    watch.release();
}

/// # Safety
/// The handle must be one that `begin` has given its data.
unsafe fn watch_of<'a>(handle: *mut Poll) -> &'a Watch {
    // SAFETY: the handle exists, so libuv is there; its data is a `Watch`, by the caller's word.
    unsafe { &*uv().map_or(ptr::null_mut(), |uv| (uv.get_data)(handle)).cast::<Watch>() }
}
