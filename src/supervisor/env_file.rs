//! Variables for workers, from a file of lines such as `NAME=value`.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The file cannot be read.
#[derive(Debug)]
pub struct EnvFileError {
    path: PathBuf,
    reason: io::Error,
}

/// The file's variables, in its order. Those that our own environment has are left out: it wins, as
/// with `node --env-file`.
///
/// # Errors
/// [`EnvFileError`] names the file.
pub fn read(path: &Path) -> Result<Vec<(String, String)>, EnvFileError> {
    let failed = |reason| EnvFileError { path: path.to_owned(), reason };
    let text = fs::read_to_string(path).map_err(failed)?;
    let is_new = |(name, _): &(String, String)| std::env::var_os(name).is_none();
    Ok(parse(&text).into_iter().filter(is_new).collect())
}

/// The variables in such a text, as Node reads it: nothing is put in the place of `$NAME`, and a line
/// that makes no sense is passed over.
pub fn parse(text: &str) -> Vec<(String, String)> {
    let text = text.replace('\r', "");
    let mut rest = text.trim_start();
    let mut variables = Vec::new();
    while !rest.is_empty() {
        let line = rest.split('\n').next().unwrap_or_default();
        match line.find('=').filter(|_| !line.starts_with('#')) {
            Some(at) => {
                let name = line[..at].trim();
                let name = name.strip_prefix("export ").map_or(name, str::trim_start);
                let (value, after) = value(rest[at + 1..].trim_start_matches([' ', '\t']));
                // No environment has a place for others.
                if !name.is_empty() && !name.contains('\0') && !value.contains('\0') {
                    variables.push((name.to_owned(), value));
                }
                rest = after;
            }
            None => rest = &rest[line.len()..],
        }
        rest = rest.trim_start();
    }
    variables
}

/// The value that this begins with, and what comes after its line. In quotes it may have several.
fn value(text: &str) -> (String, &str) {
    let end_of_line = |text: &str| text.find('\n').unwrap_or(text.len());
    for quote in ['"', '\'', '`'] {
        if let Some((value, after)) = text.strip_prefix(quote).and_then(|text| text.split_once(quote)) {
            let value = if quote == '"' { value.replace("\\n", "\n") } else { value.to_owned() };
            return (value, &after[end_of_line(after)..]);
        }
    }
    let (line, after) = text.split_at(end_of_line(text));
    (line.split('#').next().unwrap_or_default().trim().to_owned(), after)
}

impl fmt::Display for EnvFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.reason)
    }
}

impl std::error::Error for EnvFileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.reason.source()
    }
}
