//! What is to be run: a module for Node, or a program that is a worker by itself.

use std::ffi::OsStr;
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
    /// If there is nothing that Node would find under this name either; and if it is a package manager, or a
    /// script for another interpreter, which Node could not run.
    pub fn find(path: &Path) -> io::Result<Self> {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if PACKAGE_MANAGERS.contains(&name) {
            return Err(not_a_program(
                "this is a package manager, not a program: give the file that it would start, as in \
                 crossfork run server.js (see \"scripts\" in package.json)"
                    .to_owned(),
            ));
        }
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
        if metadata.is_file()
            && let Some(interpreter) = foreign_interpreter(path)?
        {
            return Err(not_a_program(format!(
                "this is a script for {interpreter}, which Node cannot run: give the JavaScript file that it \
                 starts"
            )));
        }
        let is_executable = metadata.is_file() && metadata.permissions().mode() & 0o111 != 0;
        if !is_executable || !begins_as_binary(path)? {
            return Ok(Program::Module(path.to_owned()));
        }
        // Else it would be sought on PATH. Symbolic links stay, which may lead elsewhere by the next start.
        Ok(Program::Binary(std::path::absolute(path)?))
    }
}

/// What starts programs, and is none.
const PACKAGE_MANAGERS: [&str; 6] = ["npm", "npx", "pnpm", "pnpx", "yarn", "yarnpkg"];

/// Interpreters of scripts that are often taken for programs: package managers write such scripts into
/// `node_modules/.bin`, and containers have them as their entry points.
const FOREIGN: [&str; 13] =
    ["sh", "bash", "dash", "ash", "zsh", "ksh", "csh", "tcsh", "fish", "python", "python3", "perl", "ruby"];

fn not_a_program(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

/// The interpreter in a script's first line, if it is none of JavaScript.
fn foreign_interpreter(path: &Path) -> io::Result<Option<String>> {
    let mut start = Vec::new();
    File::open(path)?.take(256).read_to_end(&mut start)?;
    let start = String::from_utf8_lossy(&start);
    let Some(line) = start.lines().next().and_then(|line| line.strip_prefix("#!")) else {
        return Ok(None);
    };
    // Behind `env` and its options.
    let words = line.split_whitespace().map(|word| word.rsplit('/').next().unwrap_or(word));
    let name = words.into_iter().find(|word| *word != "env" && !word.starts_with('-'));
    Ok(name.filter(|name| FOREIGN.contains(name)).map(str::to_owned))
}

fn begins_as_binary(path: &Path) -> io::Result<bool> {
    let mut start = Vec::new();
    File::open(path)?.take(4).read_to_end(&mut start)?;
    Ok(BINARIES.iter().any(|binary| *binary == *start))
}
