//! The few libuv functions that are needed, looked up in the process. Node exports them for addons, and they
//! are stable in all 1.x versions. Bun and Deno export functions of these names too, but those end the process.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::sync::OnceLock;

/// libuv's event loop (`uv_loop_t`), and its handle for polling a descriptor (`uv_poll_t`).
pub enum Loop {}
pub enum Poll {}

/// `UV_POLL` and `UV_READABLE`.
const POLL: c_int = 8;
pub const READABLE: c_int = 1;

pub struct Uv {
    handle_size: unsafe extern "C" fn(c_int) -> usize,
    pub poll_init: unsafe extern "C" fn(*mut Loop, *mut Poll, c_int) -> c_int,
    pub poll_start:
        unsafe extern "C" fn(*mut Poll, c_int, unsafe extern "C" fn(*mut Poll, c_int, c_int)) -> c_int,
    pub set_data: unsafe extern "C" fn(*mut Poll, *mut c_void),
    pub get_data: unsafe extern "C" fn(*const Poll) -> *mut c_void,
    pub refer: unsafe extern "C" fn(*mut Poll),
    pub unref: unsafe extern "C" fn(*mut Poll),
    pub close: unsafe extern "C" fn(*mut Poll, unsafe extern "C" fn(*mut Poll)),
}

/// Returns the functions, or `None` if any is missing.
pub fn uv() -> Option<&'static Uv> {
    static UV: OnceLock<Option<Uv>> = OnceLock::new();
    // SAFETY: the names and types are libuv's, and its version is checked.
    UV.get_or_init(|| unsafe { find() }).as_ref()
}

impl Uv {
    /// Returns the size of a `Poll` in bytes.
    pub fn poll_size(&self) -> usize {
        // SAFETY: it only returns a constant.
        unsafe { (self.handle_size)(POLL) }
    }
}

/// # Safety
/// If the process has functions of these names, they are libuv's.
unsafe fn find() -> Option<Uv> {
    /// # Safety
    /// `F` must be the type of the function of this name.
    unsafe fn get<F: Copy>(name: &CStr) -> Option<F> {
        const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
        // SAFETY: the name ends with a zero byte.
        let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr().cast::<c_char>()) };
        // SAFETY: it is not null, so it is the address of a function, whose type the caller guarantees.
        (!found.is_null()).then(|| unsafe { std::mem::transmute_copy(&found) })
    }
    // SAFETY: the types are those in libuv's header; a `Poll` can be used as its base type, the handle.
    unsafe {
        let version: unsafe extern "C" fn() -> c_uint = get(c"uv_version")?;
        if version() >> 16 != 1 {
            return None;
        }
        Some(Uv {
            handle_size: get(c"uv_handle_size")?,
            poll_init: get(c"uv_poll_init")?,
            poll_start: get(c"uv_poll_start")?,
            set_data: get(c"uv_handle_set_data")?,
            get_data: get(c"uv_handle_get_data")?,
            refer: get(c"uv_ref")?,
            unref: get(c"uv_unref")?,
            close: get(c"uv_close")?,
        })
    }
}
