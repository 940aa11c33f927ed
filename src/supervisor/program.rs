//! What is to be run: a module for Node, or a program that is a worker by itself.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What was found at the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// For Node: a script, also one that could be executed.
    Module(PathBuf),
    /// A binary, to be executed in Node's place.
    Binary(PathBuf),
}

/// How binaries begin: on Linux, and on macOS.
const BINARIES: [[u8; 4]; 3] = [*b"\x7fELF", [0xcf, 0xfa, 0xed, 0xfe], [0xca, 0xfe, 0xba, 0xbe]];

impl Program {
    /// Looks at it.
    ///
    /// # Errors
    /// If there is nothing that Node would find under this name either.
    pub fn find(path: &Path) -> io::Result<Self> {
        // Node tries these ends, and finds out by itself what a folder's main file is.
        let with = |end: &str| {
            let mut path = path.as_os_str().to_owned();
            path.push(end);
            Path::new(&path).exists()
        };
        let metadata = match path.metadata() {
            Ok(metadata) => metadata,
            Err(_) if [".js", ".json", ".node"].into_iter().any(with) => {
                return Ok(Program::Module(path.to_owned()));
            }
            Err(e) => return Err(e),
        };
        let is_executable = metadata.is_file() && metadata.permissions().mode() & 0o111 != 0;
        if !is_executable || !begins_as_binary(path)? {
            return Ok(Program::Module(path.to_owned()));
        }
        // Else it would be sought on PATH.
        Ok(Program::Binary(path.canonicalize()?))
    }
}

fn begins_as_binary(path: &Path) -> io::Result<bool> {
    let mut start = Vec::new();
    File::open(path)?.take(4).read_to_end(&mut start)?;
    Ok(BINARIES.iter().any(|binary| *binary == *start))
}
