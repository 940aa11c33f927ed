//! The few functions of libuv that are needed, found in the process: Node has them for addons, and
//! keeps them as they are for all versions that begin with 1. Bun and Deno have functions of these
//! names too, that end the process.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::sync::OnceLock;

/// libuv's loop, and its handle for a descriptor that is waited for.
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

/// None where they are not all there.
pub fn uv() -> Option<&'static Uv> {
    static UV: OnceLock<Option<Uv>> = OnceLock::new();
    // SAFETY: the names and the types are libuv's, and its version is looked at.
    UV.get_or_init(|| unsafe { find() }).as_ref()
}

impl Uv {
    /// How much memory a `Poll` takes.
    pub fn poll_size(&self) -> usize {
        // SAFETY: it only looks the number up.
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
        // SAFETY: a name that ends with a zero byte.
        let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr().cast::<c_char>()) };
        // SAFETY: it is not null, and so the address of a function, of this type by the caller's word.
        (!found.is_null()).then(|| unsafe { std::mem::transmute_copy(&found) })
    }
    // SAFETY: as libuv's header declares them; a handle's type stands for the types derived from it.
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
