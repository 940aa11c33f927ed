//! What is wrong with a start before anything is started, where the system would say less.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::{error, fmt, io};

pub(super) fn program(name: &OsStr) -> io::Result<()> {
    if name.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the name of the program is empty"));
    }
    no_zero_byte("the name of the program", name)
}

/// A string that the system would read only as far as its first zero byte.
pub(super) fn no_zero_byte(what: impl fmt::Display, text: &OsStr) -> io::Result<()> {
    match text.as_bytes().contains(&0) {
        false => Ok(()),
        true => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{what} has a zero byte in it, which no program can be given"),
        )),
    }
}

/// Left to exec, this error would name the program.
pub(super) fn directory(path: &Path) -> io::Result<()> {
    no_zero_byte("the working directory", path.as_os_str())?;
    let source = match path.metadata() {
        Ok(found) if found.is_dir() => return Ok(()),
        Ok(_) => io::Error::from_raw_os_error(libc::ENOTDIR),
        Err(e) => e,
    };
    Err(io::Error::new(source.kind(), BadDirectory { path: path.display().to_string(), source }))
}

#[derive(Debug)]
struct BadDirectory {
    path: String,
    source: io::Error,
}

impl fmt::Display for BadDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the working directory {}: {}", self.path, self.source)
    }
}

impl error::Error for BadDirectory {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&self.source)
    }
}
