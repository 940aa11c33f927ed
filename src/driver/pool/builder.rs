//! What a pool runs, and how: the part of its builder that knows no driver.

use std::ffi::{OsStr, OsString};
use std::num::NonZero;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use std::{fs, io, thread};

use super::{OnEvent, OnOutput};
use crate::calls::pool::Settings;
use crate::error::Error;
use crate::process::{Command, Fork, Stdio};
use crate::wire::Serialization;

/// What is said about a pool, beside what it runs.
#[derive(Clone, Default)]
pub(crate) struct Common {
    pub(crate) min: Option<usize>,
    pub(crate) max: Option<usize>,
    pub(crate) settings: Settings,
    /// The time of calls that say none.
    pub(crate) timeout: Option<Duration>,
    pub(crate) on_event: Option<OnEvent>,
    pub(crate) on_output: Option<OnOutput>,
}

impl Common {
    /// With the numbers of workers that hold where nothing is said.
    pub(crate) fn settled(self) -> Self {
        let size = thread::available_parallelism().map_or(1, NonZero::get);
        let max = self.max.unwrap_or(size.max(self.min.unwrap_or(0))).max(1);
        let min = self.min.unwrap_or(size).min(max);
        Common { settings: Settings { min, max, ..self.settings }, ..self }
    }
}

/// What each worker is started by, as users say it.
pub(crate) enum Start<D> {
    /// A path, told by what is there.
    Path(OsString),
    Said(Program<D>),
}

/// What each worker is started by.
pub(crate) enum Program<D> {
    Fork(Box<Fork<D>>),
    Command(Box<Command<D>>),
}

impl<D> Start<D> {
    /// A script is told by its name, and a program by its permissions.
    pub(crate) fn told(self) -> Result<Program<D>, Error> {
        match self {
            Start::Path(path) => told_by_what_it_is(&path)
                .map_err(|reason| Error::Spawn { program: path.to_string_lossy().into_owned(), reason }),
            Start::Said(program) => Ok(program),
        }
    }
}

impl<D: Clone> Program<D> {
    /// The next worker, for this place. With a reader for its output, the pool gets that.
    pub(crate) fn next(&self, place: usize, common: &Common) -> Self {
        let output = common.on_output.as_ref().map_or(Stdio::Inherit, |_| Stdio::Pipe);
        macro_rules! prepared {
            ($start:expr) => {
                $start
                    .env("CROSSFORK_WORKER_ID", (place + 1).to_string())
                    .stdio_unless_said(0, Stdio::Null)
                    .stdio_unless_said(1, output)
                    .stdio_unless_said(2, Stdio::Pipe)
                    .kill_on_drop()
            };
        }
        match self {
            Program::Fork(fork) => Program::Fork(Box::new(prepared!(Fork::clone(fork)))),
            Program::Command(command) => Program::Command(Box::new(prepared!(Command::clone(command)))),
        }
    }
}

fn told_by_what_it_is<D>(path: &OsStr) -> io::Result<Program<D>> {
    const SCRIPTS: [&str; 6] = ["js", "cjs", "mjs", "ts", "cts", "mts"];
    let what = Path::new(path);
    let extension = what.extension().and_then(OsStr::to_str).unwrap_or_default();
    if SCRIPTS.contains(&extension) {
        fs::metadata(what)?;
        return Ok(Program::Fork(Box::new(Fork::new(path).serialization(Serialization::Advanced))));
    }
    let program = || Program::Command(Box::new(Command::new(path).serialization(Serialization::Advanced)));
    // A name without a slash is looked for on the PATH.
    if what.components().count() == 1 && !what.is_absolute() && !path.as_encoded_bytes().contains(&b'/') {
        return Ok(program());
    }
    let found = fs::metadata(what)?;
    if found.is_file() && found.permissions().mode() & 0o111 != 0 {
        return Ok(program());
    }
    let why = "not a script (by its file extension) and not executable: use `Pool::fork` or `Pool::command`";
    Err(io::Error::new(io::ErrorKind::InvalidInput, why))
}
