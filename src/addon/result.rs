//! Converts results for JavaScript.

use std::io;

use napi::Either;
use napi_derive::napi;
use nix::errno::Errno;

/// A value, or a negative error number.
pub type OrErrno<T> = Either<T, i32>;

pub fn or_errno<T>(result: io::Result<T>) -> OrErrno<T> {
    match result {
        Ok(value) => Either::A(value),
        Err(e) => Either::B(errno(&e)),
    }
}

/// Returns the non-negative number, or a negative error number.
pub fn number(result: io::Result<i32>) -> i32 {
    result.unwrap_or_else(|e| errno(&e))
}

pub fn errno(error: &io::Error) -> i32 {
    let number = error.raw_os_error().unwrap_or(match error.kind() {
        io::ErrorKind::OutOfMemory => Errno::ENOMEM as i32,
        _ => Errno::EINVAL as i32,
    });
    -number
}

/// Returns the name of an error number, such as `EBADF`, and its meaning.
#[napi(catch_unwind)]
pub fn describe_errno(number: i32) -> Vec<String> {
    let meaning = io::Error::from_raw_os_error(number).to_string().to_lowercase();
    let meaning = meaning.split(" (os error").next().unwrap_or_default().to_owned();
    vec![format!("{:?}", Errno::from_raw(number)), meaning]
}
