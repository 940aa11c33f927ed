//! [`Settings`]: Node's `cluster.setupPrimary`.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use super::Primary;
use crate::env::UNIQUE_ID;
use crate::error::Error;
use crate::limits::Limits;
use crate::process::{Group, Stdio};
use crate::proto::cluster::primary::{Balance, WorkerId};
use crate::tokio::{Child, Command, Fork};
use crate::wire::Serialization;

/// What the workers of a [`Primary`] are, and how they are started.
#[derive(Clone, Debug)]
pub struct Settings {
    exec: Exec,
    args: Vec<OsString>,
    cwd: Option<PathBuf>,
    env: Vec<Env>,
    stdio: BTreeMap<usize, Stdio>,
    uid: Option<u32>,
    gid: Option<u32>,
    group: Group,
    ends_with_us: bool,
    serialization: Serialization,
    limits: Limits,
    pub(super) balance: Option<Balance>,
    pub(super) keep_servers: bool,
    pub(super) rebind_paths: bool,
}

#[derive(Clone, Debug)]
enum Exec {
    Module {
        module: OsString,
        exec_path: Option<OsString>,
        exec_argv: Vec<OsString>,
    },
    /// And the last option of a module that it was given all the same.
    Program {
        program: OsString,
        misplaced: Option<&'static str>,
    },
}

#[derive(Clone, Debug)]
enum Env {
    Set(OsString, OsString),
    Remove(OsString),
    Clear,
}

impl Settings {
    pub(super) fn module(module: &OsStr) -> Self {
        Self::new(Exec::Module { module: module.to_owned(), exec_path: None, exec_argv: Vec::new() })
    }

    pub(super) fn program(program: &OsStr) -> Self {
        Self::new(Exec::Program { program: program.to_owned(), misplaced: None })
    }

    fn new(exec: Exec) -> Self {
        Settings {
            exec,
            args: Vec::new(),
            cwd: None,
            env: Vec::new(),
            stdio: BTreeMap::new(),
            uid: None,
            gid: None,
            group: Group::Ours,
            ends_with_us: false,
            serialization: Serialization::Json,
            limits: Limits::default(),
            balance: None,
            keep_servers: false,
            rebind_paths: false,
        }
    }

    /// The program that runs the module, in place of `node`: see [`Fork::exec_path`]. A
    /// [`Primary::program`] has no module: each [`Primary::fork`] then fails with an error that says so.
    pub fn exec_path(mut self, program: impl AsRef<OsStr>) -> Self {
        match &mut self.exec {
            Exec::Module { exec_path, .. } => *exec_path = Some(program.as_ref().to_owned()),
            Exec::Program { misplaced, .. } => *misplaced = Some("exec_path"),
        }
        self
    }

    /// Adds arguments for Node itself, which come before the module. They are not for a
    /// [`Primary::program`], as with [`exec_path`](Self::exec_path).
    pub fn exec_argv<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        match &mut self.exec {
            Exec::Module { exec_argv, .. } => {
                exec_argv.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
            }
            Exec::Program { misplaced, .. } => *misplaced = Some("exec_argv"),
        }
        self
    }

    /// Adds an argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// The workers' working directory.
    pub fn cwd(mut self, directory: impl AsRef<Path>) -> Self {
        self.cwd = Some(directory.as_ref().to_owned());
        self
    }

    /// Sets a variable in the workers' environment.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push(Env::Set(name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Removes a variable from the workers' environment.
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.env.push(Env::Remove(name.as_ref().to_owned()));
        self
    }

    /// Starts the workers with an empty environment, except what [`env`](Self::env) sets afterwards.
    pub fn env_clear(mut self) -> Self {
        self.env.push(Env::Clear);
        self
    }

    /// What each worker's descriptor of this number is: a [`Stdio`], or what becomes one, such as a
    /// file, of which each worker gets a duplicate. 0, 1 and 2 are inherited by default.
    pub fn stdio(mut self, number: usize, stdio: impl Into<Stdio>) -> Self {
        self.stdio.insert(number, stdio.into());
        self
    }

    /// Connects the workers' standard streams to pipes, which [`ForkedWorker`](super::ForkedWorker) has.
    pub fn silent(mut self) -> Self {
        self.stdio.extend((0..3).map(|number| (number, Stdio::Pipe)));
        self
    }

    /// The id of the user that the workers run as.
    pub fn uid(mut self, uid: u32) -> Self {
        self.uid = Some(uid);
        self
    }

    /// The id of the group that the workers run as.
    pub fn gid(mut self, gid: u32) -> Self {
        self.gid = Some(gid);
        self
    }

    /// Starts each worker in a session of its own. The terminal's Ctrl-C and its hang-up do not reach it.
    pub fn detached(mut self) -> Self {
        self.group = Group::OwnSession;
        self
    }

    /// Starts each worker in a process group of its own, which the terminal's Ctrl-C does not reach:
    /// see [`Command::own_process_group`].
    pub fn own_process_group(mut self) -> Self {
        self.group = Group::Own;
        self
    }

    /// Has the system kill workers when this process ends, or the thread that has started them.
    #[cfg(feature = "cli")]
    pub(crate) fn ends_with_us(mut self) -> Self {
        self.ends_with_us = true;
        self
    }

    /// The serialization of messages. The default is [`Serialization::Json`].
    pub fn serialization(mut self, serialization: Serialization) -> Self {
        self.serialization = serialization;
        self
    }

    /// Bounds on the data that is buffered for each worker.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How connections are distributed to workers. The default is what `NODE_CLUSTER_SCHED_POLICY`
    /// says (`rr` or `none`), and otherwise [`Balance::RoundRobin`].
    pub fn balance(mut self, balance: Balance) -> Self {
        self.balance = Some(balance);
        self
    }

    /// Whether a server stays open when no worker listens on it any more. Its clients then wait for the
    /// next worker that does. In Node, and by default, they are refused.
    pub fn keep_servers(mut self, keep: bool) -> Self {
        self.keep_servers = keep;
        self
    }

    /// Whether the path of a Unix socket is bound again when that is needed. In Node, and by default, it is not.
    /// Use it for programs that remove their path and then listen, in each worker: otherwise the second worker
    /// removes the file of the socket that all share, and no client finds it any more.
    ///
    /// - If a worker asks for a path whose file was removed, or replaced by another, the primary makes a new
    ///   socket there. All workers of the path get connections from it, and the clients of the old one are served.
    ///   The same is done when a worker ends, because programs remove their path then too.
    /// - A file of a socket that no process has any more, such as that of a server that was killed, is replaced.
    ///   Other files, and those of sockets that a process has, are not touched: the worker gets `EADDRINUSE`. The
    ///   file is moved aside before it is removed, so that a server which binds the path at this moment keeps it.
    /// - With [`Balance::Shared`], the primary accepts the connections of paths all the same, and gives them to
    ///   the workers in turn.
    ///
    /// Servers with [`exclusive`](crate::cluster::ListenOptions) are not affected.
    pub fn rebind_paths(mut self, rebind: bool) -> Self {
        self.rebind_paths = rebind;
        self
    }

    /// Makes the primary, without workers.
    ///
    /// # Panics
    /// If called outside of a tokio runtime, or in one without timers. It needs I/O too, without which
    /// [`fork`](Primary::fork) panics.
    #[track_caller]
    pub fn start(self) -> Primary {
        Primary::new(self)
    }

    /// Starts a worker.
    pub(super) fn spawn(
        &self,
        id: WorkerId,
        env: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Child, Error> {
        /// The same for both builders, which have no trait in common.
        macro_rules! with {
            ($command:expr) => {{
                let mut command =
                    $command.args(&self.args).serialization(self.serialization).limits(self.limits);
                if let Some(cwd) = &self.cwd {
                    command = command.cwd(cwd);
                }
                for change in &self.env {
                    command = match change {
                        Env::Set(name, value) => command.env(name, value),
                        Env::Remove(name) => command.env_remove(name),
                        Env::Clear => command.env_clear(),
                    };
                }
                for (name, value) in env {
                    command = command.env(name, value);
                }
                command = command.env(UNIQUE_ID, id.to_string());
                for (number, stdio) in &self.stdio {
                    command = command.stdio(*number, stdio.clone());
                }
                if let Some(uid) = self.uid {
                    command = command.uid(uid);
                }
                if let Some(gid) = self.gid {
                    command = command.gid(gid);
                }
                if self.ends_with_us {
                    command = command.ends_with_us();
                }
                match self.group {
                    Group::Ours => command,
                    Group::Own => command.own_process_group(),
                    Group::OwnSession => command.detached(),
                }
            }};
        }
        match &self.exec {
            Exec::Module { module, exec_path, exec_argv } => {
                let mut fork = Fork::new(module).exec_argv(exec_argv);
                if let Some(program) = exec_path {
                    fork = fork.exec_path(program);
                }
                with!(fork).spawn()
            }
            Exec::Program { program, misplaced: Some(option) } => Err(Error::Spawn {
                program: program.to_string_lossy().into_owned(),
                reason: io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!(
                        "{option} is for a module that node runs, and Primary::program has none: use \
                         Primary::builder, or give the program its arguments with args"
                    ),
                ),
            }),
            Exec::Program { program, misplaced: None } => {
                with!(Command::new(program)).spawn_with_channel(CHANNEL)
            }
        }
    }
}

/// Where Node's `fork` has it.
const CHANNEL: usize = 3;
