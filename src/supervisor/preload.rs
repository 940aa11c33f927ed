//! The file that a Node worker loads before the program, and that drains it: `js/drain.cjs`.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{env, io, process};

use super::Options;
use super::program::Program;

/// The file's text. The command has it inside, so that it needs nothing beside itself.
const TEXT: &str = include_str!("../../js/drain.cjs");

/// Tells it what was chosen: it takes the variable out of the environment.
const SETTINGS: &str = "CROSSFORK_DRAIN";

/// How often [`Preload::keep`] is to be called: much more often than systems remove temporary files.
pub(super) const KEEP_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// The file, in a folder in which only we can write, and removed with it. Everybody can read it: each thread of
/// a worker loads it again, also when the program has become another user.
pub(super) struct Preload {
    folder: PathBuf,
    settings: String,
}

impl Preload {
    /// Writes it where the system has temporary files. `None` where workers cannot load it, or must not.
    ///
    /// # Errors
    /// If there is nowhere to write.
    pub(super) fn new(options: &Options, program: &Program) -> io::Result<Option<Self>> {
        if !options.drain || !is_node(options, program) {
            return Ok(None);
        }
        let signal_after = options.signal_after.as_millis();
        let settings = serde_json::json!({
            "signal": options.stop_signal.name(),
            "signalAfter": u64::try_from(signal_after).unwrap_or(u64::MAX),
            "shutdownMessage": options.shutdown_message,
        });
        let preload = Preload { folder: new_folder()?, settings: settings.to_string() };
        preload.write()?;
        Ok(Some(preload))
    }

    fn path(&self) -> PathBuf {
        self.folder.join("drain.cjs")
    }

    /// Arguments for Node, beside all others that it gets.
    pub(super) fn node_args(&self, mut others: impl Iterator<Item = OsString>) -> Vec<OsString> {
        let path = self.path();
        let mut args = vec!["--require".into(), path.clone().into_os_string()];
        // With Node's permission model it could not be read.
        if others.any(|arg| arg == "--permission" || arg == "--experimental-permission") {
            let mut allow = OsString::from("--allow-fs-read=");
            allow.push(path);
            args.push(allow);
        }
        args
    }

    /// The variable for a worker that is started now.
    pub(super) fn variable(&self) -> io::Result<(OsString, OsString)> {
        self.restore()?;
        Ok((SETTINGS.into(), self.settings.clone().into()))
    }

    /// Makes the file look new, because systems remove temporary files that are old. Without it a worker could
    /// start no thread.
    pub(super) fn keep(&self) -> io::Result<()> {
        self.restore()?;
        File::options().write(true).open(self.path())?.set_modified(SystemTime::now())
    }

    /// Writes it again if it was removed.
    fn restore(&self) -> io::Result<()> {
        if self.path().exists() {
            return Ok(());
        }
        if !self.folder.exists() {
            create_folder(&self.folder)?;
        }
        self.write()
    }

    fn write(&self) -> io::Result<()> {
        // Whatever the umask is.
        fs::set_permissions(&self.folder, Permissions::from_mode(0o755))?;
        // Nobody loads half of it, not even if the disk is full now.
        let part = self.folder.join("part");
        fs::write(&part, TEXT)?;
        fs::set_permissions(&part, Permissions::from_mode(0o644))?;
        fs::rename(part, self.path())
    }
}

impl Drop for Preload {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Bun and Deno have no such option, and clusters of their own.
fn is_node(options: &Options, program: &Program) -> bool {
    let from_env = || env::var_os("CROSSFORK_NODE").filter(|node| !node.is_empty());
    let node = options.node.clone().or_else(from_env).unwrap_or_else(|| "node".into());
    let name = Path::new(&node).file_name().map(OsStr::to_owned);
    let is_other = name.is_some_and(|name| name == "bun" || name == "deno");
    matches!(program, Program::Module(_)) && !is_other
}

/// Where nobody else can put a file. Its real path, by which Node knows the file.
fn new_folder() -> io::Result<PathBuf> {
    // A container may have no other place to write.
    let places = [env::temp_dir(), "/dev/shm".into()];
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let name = format!("crossfork-{}-{:x}", process::id(), now.as_nanos());
    let mut failure = io::Error::from(io::ErrorKind::NotFound);
    for place in places {
        let folder = place.join(&name);
        match create_folder(&folder) {
            Ok(()) => return folder.canonicalize(),
            Err(e) => failure = e,
        }
    }
    Err(failure)
}

/// Fails if it is there already, as it is if somebody else has made it.
fn create_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_file_becomes_new_and_a_removed_one_comes_back() {
        let preload = Preload { folder: new_folder().unwrap(), settings: String::new() };
        preload.write().unwrap();
        let file = File::options().write(true).open(preload.path()).unwrap();
        file.set_modified(UNIX_EPOCH).unwrap();
        preload.keep().unwrap();
        assert!(fs::metadata(preload.path()).unwrap().modified().unwrap() > UNIX_EPOCH);
        fs::remove_dir_all(&preload.folder).unwrap();
        preload.keep().unwrap();
        assert_eq!(fs::read_to_string(preload.path()).unwrap(), TEXT);
    }
}
