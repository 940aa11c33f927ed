//! Variables for workers, from a file of lines such as `NAME=value`.

use std::fmt;
use std::path::{Path, PathBuf};

/// The file cannot be read, or has a line that cannot be understood.
#[derive(Debug)]
pub struct EnvFileError {
    path: PathBuf,
    reason: dotenvy::Error,
}

/// The file's variables, in its order. Those that our own environment has are left out: it wins, as
/// with `node --env-file`.
///
/// # Errors
/// [`EnvFileError`] names the file.
pub fn read(path: &Path) -> Result<Vec<(String, String)>, EnvFileError> {
    let failed = |reason| EnvFileError { path: path.to_owned(), reason };
    let all: Result<Vec<_>, _> = dotenvy::from_path_iter(path).map_err(failed)?.collect();
    let is_new = |(name, _): &(String, String)| std::env::var_os(name).is_none();
    Ok(all.map_err(failed)?.into_iter().filter(is_new).collect())
}

impl fmt::Display for EnvFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        match &self.reason {
            // Its own words have the line in them, which may well be a secret.
            dotenvy::Error::LineParse(..) => f.write_str("a line of it cannot be understood"),
            reason => reason.fmt(f),
        }
    }
}

impl std::error::Error for EnvFileError {}
