//! What is run, looked up anew at each reload: the folder, the program, and the file of variables. A path
//! through a symbolic link leads to where the link points then, which is how many deploys switch.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::colors::is_decision;
use super::program::Program;
use super::{Options, env_file};

/// Node reads options from it, before those of the command line.
const NODE_OPTIONS: &str = "NODE_OPTIONS";

/// What was found last.
#[derive(Clone, Debug)]
pub struct Deployment {
    folder: Option<PathBuf>,
    app: PathBuf,
    env_file: Option<PathBuf>,
    program: Program,
    env: Vec<(String, String)>,
}

impl Deployment {
    /// Looks it up for the first time.
    ///
    /// # Errors
    /// A sentence that names what is missing.
    pub fn find(options: &Options) -> Result<Self, String> {
        let folder = folder(options.cwd.as_deref())?;
        let (app, env_file) = (options.app.clone(), options.env_file.clone());
        let program = find_program(folder.as_deref(), &app)?;
        let env = read_env(folder.as_deref(), env_file.as_deref())?;
        Ok(Deployment { folder, app, env_file, program, env })
    }

    /// Looks it up again. What cannot be found stays as it was, and is told.
    pub(super) fn refresh(&mut self) -> Vec<String> {
        let mut failures = Vec::new();
        match find_program(self.folder.as_deref(), &self.app) {
            Ok(program) => self.program = program,
            Err(e) => failures.push(e),
        }
        match read_env(self.folder.as_deref(), self.env_file.as_deref()) {
            Ok(env) => self.env = env,
            Err(e) => failures.push(format!("the variables stay as they were: {e}")),
        }
        failures
    }

    /// Makes it our own working directory, too: a path to a Unix socket that is too long for the system may
    /// have to be shortened to where it leads from there.
    pub(super) fn enter(&self) {
        if let Some(folder) = &self.folder {
            // Workers say what is wrong with it.
            let _ = std::env::set_current_dir(folder);
        }
    }

    /// The folder for workers to start in, as a path that may lead elsewhere by then; `None` for our own.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    pub(super) fn program(&self) -> &Program {
        &self.program
    }

    /// A path that may be relative to the folder.
    pub(super) fn path(&self, path: &Path) -> PathBuf {
        within(self.folder.as_deref(), path)
    }

    /// Whether the file says if there are to be colours.
    pub(super) fn decides_on_colors(&self) -> bool {
        self.env.iter().any(|(name, _)| is_decision(name))
    }

    /// The options for Node in the variable for them: ours, or the file's.
    pub(super) fn node_options(&self) -> Vec<OsString> {
        let of_file =
            || self.env.iter().rfind(|(name, _)| name == NODE_OPTIONS).map(|(_, value)| value.into());
        let options = std::env::var_os(NODE_OPTIONS).or_else(of_file).unwrap_or_default();
        options.to_string_lossy().split_whitespace().map(OsString::from).collect()
    }

    /// The variables of the file, and where the worker is.
    pub(super) fn env(&self) -> impl Iterator<Item = (OsString, OsString)> + '_ {
        let pwd = self.folder.iter().map(|folder| ("PWD".into(), folder.into()));
        pwd.chain(self.env.iter().map(|(name, value)| (name.into(), value.into())))
    }
}

/// The path to the folder by which we were told of it, if there is one: that of a shell's `cd` is in `PWD`.
fn folder(cwd: Option<&Path>) -> Result<Option<PathBuf>, String> {
    let here = std::env::var_os("PWD").map(PathBuf::from).filter(|path| path.is_absolute() && is_here(path));
    let Some(cwd) = cwd else {
        return Ok(here);
    };
    let failed = |e| format!("{}: {e}", cwd.display());
    let here = here.map_or_else(std::env::current_dir, Ok).map_err(failed)?;
    let folder = here.join(cwd);
    // Whether it can be entered, too.
    fs::metadata(folder.join(".")).map_err(failed)?;
    Ok(Some(folder))
}

fn is_here(path: &Path) -> bool {
    let identity = |it: io::Result<Metadata>| it.map(|it| (it.dev(), it.ino()));
    match (identity(fs::metadata(path.join("."))), identity(fs::metadata("."))) {
        (Ok(there), Ok(here)) => there == here,
        _ => false,
    }
}

fn within(folder: Option<&Path>, path: &Path) -> PathBuf {
    folder.map_or_else(|| path.to_owned(), |folder| folder.join(path))
}

/// A module's path stays as it was given, for it is the program's own `process.argv[1]`.
fn find_program(folder: Option<&Path>, app: &Path) -> Result<Program, String> {
    match Program::find(&within(folder, app)) {
        Ok(Program::Module(_)) => Ok(Program::Module(app.to_owned())),
        Ok(binary) => Ok(binary),
        Err(e) => Err(format!("{}: {e}", app.display())),
    }
}

fn read_env(folder: Option<&Path>, file: Option<&Path>) -> Result<Vec<(String, String)>, String> {
    match file {
        Some(file) => env_file::read(&within(folder, file)).map_err(|e| e.to_string()),
        None => Ok(Vec::new()),
    }
}
