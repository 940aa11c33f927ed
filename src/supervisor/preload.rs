//! The file that a Node worker loads before the program, and that drains it: `js/drain.cjs`.
//!
//! It is written once for each user and each version, and stays: a manager that is killed could not remove it, and
//! so leaves nothing that was not there before. Node looks up the real path of what it loads. So it cannot be in
//! memory alone.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, Permissions};
use std::hash::{DefaultHasher, Hasher};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use std::{env, io, process};

use super::Options;
use super::log::Log;
use super::program::Program;
use crate::process::Signal;

/// The file's text. The command has it inside, so that it needs nothing beside itself.
const TEXT: &str = include_str!("../../js/drain.cjs");

/// Tells it what was chosen: it takes the variable out of the environment.
const SETTINGS: &str = "CROSSFORK_DRAIN";

/// How often [`Preload::keep`] is to be called: much more often than systems remove temporary files.
pub(super) const KEEP_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// The file, in a folder in which only we can write. Everybody can read it: each thread of a worker loads it
/// again, also when the program has become another user.
pub(super) struct Preload {
    settings: String,
    signal: Signal,
    /// Where it was last.
    file: Option<PathBuf>,
    /// It could not be written for the last worker.
    is_failing: bool,
}

impl Preload {
    /// `None` where workers cannot load it, or must not.
    pub(super) fn new(options: &Options, program: &Program) -> Option<Self> {
        if !options.drain || !is_node(options, program) {
            return None;
        }
        let signal_after = options.signal_after.as_millis();
        let settings = serde_json::json!({
            "signal": options.stop_signal.name(),
            "signalAfter": u64::try_from(signal_after).unwrap_or(u64::MAX),
            "shutdownMessage": options.shutdown_message,
        });
        let signal = options.stop_signal;
        Some(Preload { settings: settings.to_string(), signal, file: None, is_failing: false })
    }

    /// For a worker that is started now: gives the file, which is written if it is not there, and a variable.
    /// `None` if there is nowhere to write, which is said once: a worker without it is better than none.
    pub(super) fn for_worker(&mut self, log: &Log) -> Option<(PathBuf, (OsString, OsString))> {
        let prepared = match self.file.take() {
            Some(file) if restore(&file).is_ok() => Ok(file),
            _ => find_place(),
        };
        if let Err(e) = &prepared
            && !self.is_failing
        {
            log.say(&format!(
                "cannot write the file that drains workers ({e}): they start without it, and are told to end by {} \
                 alone",
                self.signal
            ));
        }
        self.is_failing = prepared.is_err();
        self.file = prepared.ok();
        Some((self.file.clone()?, (SETTINGS.into(), self.settings.clone().into())))
    }

    /// Makes the file look new, because systems remove temporary files that are old. Without it a worker could
    /// start no thread.
    pub(super) fn keep(&self) -> io::Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        restore(file)?;
        File::options().write(true).open(file)?.set_modified(SystemTime::now())
    }
}

/// Arguments for Node that load the file, beside all others that it gets.
pub(super) fn node_args(file: &Path, mut others: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut args = vec!["--require".into(), file.into()];
    // With Node's permission model it could not be read.
    if others.any(|arg| arg == "--permission" || arg == "--experimental-permission") {
        let mut allow = OsString::from("--allow-fs-read=");
        allow.push(file);
        args.push(allow);
    }
    args
}

/// Bun and Deno have no such option, and clusters of their own.
fn is_node(options: &Options, program: &Program) -> bool {
    let from_env = || env::var_os("CROSSFORK_NODE").filter(|node| !node.is_empty());
    let node = options.node.clone().or_else(from_env).unwrap_or_else(|| "node".into());
    let name = Path::new(&node).file_name().map(OsStr::to_owned);
    let is_other = name.is_some_and(|name| name == "bun" || name == "deno");
    matches!(program, Program::Module(_)) && !is_other
}

/// Writes the file where it can be, and gives its real path, by which Node knows it.
fn find_place() -> io::Result<PathBuf> {
    // A container may have no other place to write.
    let places = [env::temp_dir(), "/dev/shm".into()];
    let mut failure = io::Error::from(io::ErrorKind::NotFound);
    for place in places {
        let folder = place.join(format!("crossfork-{}", user()?));
        let written = create_folder(&folder).and_then(|()| folder.canonicalize()).and_then(|folder| {
            let file = folder.join(name());
            write_if_missing(&file).map(|()| file)
        });
        match written {
            Ok(file) => return Ok(file),
            Err(e) => {
                // Only if nothing is in it.
                let _ = fs::remove_dir(&folder);
                failure = io::Error::new(e.kind(), format!("{}: {e}", folder.display()));
            }
        }
    }
    Err(failure)
}

/// The same for the same text, so that versions do not get in each other's way.
fn name() -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(TEXT.as_bytes());
    format!("drain-{:016x}.cjs", hasher.finish())
}

/// Writes it again if it was removed.
fn restore(file: &Path) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        create_folder(folder)?;
    }
    write_if_missing(file)
}

/// In a folder that others can write to, anybody may have made one of this name.
fn create_folder(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        // Whatever the umask is.
        Ok(()) => fs::set_permissions(folder, Permissions::from_mode(0o755)),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            let found = fs::symlink_metadata(folder)?;
            match found.is_dir() && found.uid() == user()? && found.mode() & 0o022 == 0 {
                true => Ok(()),
                false => Err(io::Error::new(e.kind(), "others can write to it")),
            }
        }
        Err(e) => Err(e),
    }
}

fn write_if_missing(file: &Path) -> io::Result<()> {
    if fs::read(file).is_ok_and(|text| text == TEXT.as_bytes()) {
        return Ok(());
    }
    // Nobody loads half of it, not even if the disk is full now.
    let part = file.with_extension(format!("{}.part", process::id()));
    let written = fs::write(&part, TEXT)
        .and_then(|()| fs::set_permissions(&part, Permissions::from_mode(0o644)))
        .and_then(|()| fs::rename(&part, file));
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written
}

fn user() -> io::Result<u32> {
    Ok(fs::metadata("/proc/self")?.uid())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::time::UNIX_EPOCH;

    use super::*;

    /// Removed at the end.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let folder = env::temp_dir().join(format!("crossfork-preload-{name}-{}", process::id()));
            fs::create_dir(&folder).unwrap();
            Scratch(folder)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn an_old_file_becomes_new_and_a_removed_one_comes_back() {
        let scratch = Scratch::new("keep");
        let path = scratch.0.join("own").join(name());
        let preload = Preload {
            settings: String::new(),
            signal: Signal::TERM,
            file: Some(path.clone()),
            is_failing: false,
        };
        preload.keep().unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(UNIX_EPOCH).unwrap();
        preload.keep().unwrap();
        assert!(fs::metadata(&path).unwrap().modified().unwrap() > UNIX_EPOCH);
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
        preload.keep().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), TEXT);
        fs::write(&path, "half of").unwrap();
        preload.keep().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), TEXT);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_others_can_write_to_or_that_is_a_link_is_not_used() {
        let scratch = Scratch::new("foreign");
        let folder = scratch.0.join("folder");
        create_folder(&folder).unwrap();
        create_folder(&folder).unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(0o777)).unwrap();
        assert!(create_folder(&folder).unwrap_err().to_string().contains("others can write to it"));
        let link = scratch.0.join("link");
        fs::create_dir(scratch.0.join("elsewhere")).unwrap();
        symlink(scratch.0.join("elsewhere"), &link).unwrap();
        assert!(create_folder(&link).is_err());
    }
}
