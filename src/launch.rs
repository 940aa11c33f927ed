//! What to start and how: the builders [`Fork`] and [`Command`], the same for both drivers.

mod check;
mod group;
mod stdio;

pub(crate) use group::Group;
pub use stdio::Stdio;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::marker::PhantomData;
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process;
use std::time::Duration;

use crate::env::{CHANNEL_FD, SERIALIZATION_MODE, UNIQUE_ID};
use crate::error::Error;
use crate::limits::Limits;
use crate::signal::Signal;
use crate::sys::spawn::{self, Kept};
use crate::wire::Serialization;

/// Starts a Node module with a channel: Node's `child_process.fork(modulePath, args, options)`.
///
/// By default it runs `node` as found on PATH (or `CROSSFORK_NODE`), with our standard streams and
/// environment, and the channel at descriptor 3.
#[derive(Debug)]
pub struct Fork<D> {
    spec: Spec,
    exec_path: Option<OsString>,
    exec_argv: Vec<OsString>,
    module: OsString,
    ipc: usize,
    driver: PhantomData<D>,
}

/// Starts any program: Node's `spawn`, `exec` and `execFile`.
#[derive(Debug)]
pub struct Command<D> {
    spec: Spec,
    program: OsString,
    pub(crate) limit: OutputLimit,
    driver: PhantomData<D>,
}

/// What Node's `exec` and `execFile` limit, with Node's defaults.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutputLimit {
    pub(crate) timeout: Option<Duration>,
    pub(crate) max_buffer: usize,
}

/// What is common to all ways of starting.
#[derive(Debug, Default)]
pub(crate) struct Spec {
    args: Vec<OsString>,
    cwd: Option<PathBuf>,
    env: Vec<Env>,
    /// By number; what was not said is inherited up to 2, and not there above.
    stdio: BTreeMap<usize, Stdio>,
    uid: Option<u32>,
    gid: Option<u32>,
    pub(crate) group: Group,
    pub(crate) serialization: Serialization,
    pub(crate) kill_signal: Signal,
    pub(crate) kill_on_drop: bool,
    pub(crate) limits: Limits,
}

#[derive(Debug)]
enum Env {
    Set(OsString, OsString),
    Remove(OsString),
    Clear,
}

/// A process that is ready to be started.
pub(crate) struct Prepared {
    pub(crate) command: process::Command,
    pub(crate) program: OsString,
    pub(crate) channel: Option<OwnedFd>,
    pub(crate) pipes: Vec<(RawFd, UnixStream)>,
    pub(crate) spec: Spec,
    /// To be dropped after the start: the peer's end of the channel, most of all, without which
    /// no end of it would ever be seen (CH-8).
    pub(crate) kept: Kept,
}

impl<D> Fork<D> {
    /// The module to run: a path that Node understands, relative to the working directory.
    pub fn new(module: impl AsRef<OsStr>) -> Self {
        Fork {
            spec: Spec::default(),
            exec_path: None,
            exec_argv: Vec::new(),
            module: module.as_ref().to_owned(),
            ipc: 3,
            driver: PhantomData,
        }
    }

    /// The program to run in place of `node`: another Node, or anything that speaks the channel.
    pub fn exec_path(mut self, program: impl AsRef<OsStr>) -> Self {
        self.exec_path = Some(program.as_ref().to_owned());
        self
    }

    /// Arguments for Node itself, which come before the module.
    pub fn exec_argv<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.exec_argv.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// The number of the descriptor that the channel is to have in the child (3). It comes before
    /// what [`stdio`](Self::stdio) says of that number.
    pub fn channel_at(mut self, number: usize) -> Self {
        self.ipc = number;
        self
    }

    pub(crate) fn prepare(self) -> Result<Prepared, Error> {
        let program = self
            .exec_path
            .or_else(|| std::env::var_os("CROSSFORK_NODE").filter(|node| !node.is_empty()))
            .unwrap_or_else(|| "node".into());
        let mut args = self.exec_argv;
        args.push(self.module);
        self.spec.prepare(program, args, Some(self.ipc))
    }
}

impl<D> Command<D> {
    /// A program, found on PATH if it has no slash in it.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Command {
            spec: Spec::default(),
            program: program.as_ref().to_owned(),
            limit: OutputLimit { timeout: None, max_buffer: 1024 * 1024 },
            driver: PhantomData,
        }
    }

    /// A command line for `/bin/sh`: Node's `exec`. Never put what others wrote into it unquoted.
    pub fn shell(line: impl AsRef<OsStr>) -> Self {
        Self::new("/bin/sh").arg("-c").arg(line)
    }

    /// How long [`output`](Self::output) lets it run before it is killed.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.limit.timeout = Some(timeout);
        self
    }

    /// How many bytes [`output`](Self::output) reads of each stream before the process is killed
    /// (1 MiB, as in Node).
    pub fn max_buffer(mut self, bytes: usize) -> Self {
        self.limit.max_buffer = bytes;
        self
    }

    /// With pipes for what it writes, and nothing to read, unless these were set.
    pub(crate) fn piped(mut self) -> Self {
        for (number, default) in [Stdio::Null, Stdio::Pipe, Stdio::Pipe].into_iter().enumerate() {
            self.spec.stdio.entry(number).or_insert(default);
        }
        self
    }

    pub(crate) fn prepare(self, ipc: Option<usize>) -> Result<Prepared, Error> {
        self.spec.prepare(self.program, Vec::new(), ipc)
    }
}

macro_rules! options {
    ($builder:ident) => {
        impl<D> $builder<D> {
            /// Adds an argument.
            pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
                self.spec.args.push(arg.as_ref().to_owned());
                self
            }

            /// Adds arguments.
            pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
                self.spec.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
                self
            }

            /// The working directory.
            pub fn cwd(mut self, directory: impl AsRef<Path>) -> Self {
                self.spec.cwd = Some(directory.as_ref().to_owned());
                self
            }

            /// Sets a variable in its environment.
            pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
                self.spec.env.push(Env::Set(name.as_ref().to_owned(), value.as_ref().to_owned()));
                self
            }

            /// Takes a variable out of its environment.
            pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
                self.spec.env.push(Env::Remove(name.as_ref().to_owned()));
                self
            }

            /// Starts from an empty environment.
            pub fn env_clear(mut self) -> Self {
                self.spec.env.push(Env::Clear);
                self
            }

            /// What its descriptor of this number is. 0, 1 and 2 are inherited by default, and no
            /// other is there.
            pub fn stdio(mut self, number: usize, stdio: Stdio) -> Self {
                self.spec.stdio.insert(number, stdio);
                self
            }

            /// The user that it runs as.
            pub fn uid(mut self, uid: u32) -> Self {
                self.spec.uid = Some(uid);
                self
            }

            /// The group that it runs as.
            pub fn gid(mut self, gid: u32) -> Self {
                self.spec.gid = Some(gid);
                self
            }

            /// Starts it in a session of its own, out of reach of the terminal's Ctrl-C, and of its end.
            /// It leads a process group there: see [`own_process_group`](Self::own_process_group).
            pub fn detached(mut self) -> Self {
                self.spec.group = Group::OwnSession;
                self
            }

            /// Starts it in a process group of its own, out of reach of the terminal's Ctrl-C. Unlike a
            /// [`detached`](Self::detached) one it stays in our session; Linux gives processor time to
            /// sessions, where it has a desktop in mind (`sched_autogroup_enabled`).
            ///
            /// What it starts belongs to the group too, unless it leaves it. Wherever this crate ends the
            /// process by itself, it then signals the whole group: after a timeout or too much output, on
            /// drop, and in a child's `stop`. A process's `kill` signals it alone, and `kill_group` the
            /// group.
            pub fn own_process_group(mut self) -> Self {
                self.spec.group = Group::Own;
                self
            }

            /// The signal that ends it where we have to: after a timeout or too much output, or on drop
            /// (SIGTERM). Whoever must not wait for a program that ignores it chooses SIGKILL.
            pub fn kill_signal(mut self, signal: Signal) -> Self {
                self.spec.kill_signal = signal;
                self
            }

            /// Sends the kill signal when the process is dropped. Without it, it goes on running.
            pub fn kill_on_drop(mut self) -> Self {
                self.spec.kill_on_drop = true;
                self
            }

            /// How messages are written on its channel ([`Serialization::Json`]).
            pub fn serialization(mut self, serialization: Serialization) -> Self {
                self.spec.serialization = serialization;
                self
            }

            /// Bounds on what its channel may make us keep.
            pub fn limits(mut self, limits: Limits) -> Self {
                self.spec.limits = limits;
                self
            }
        }
    };
}

options!(Fork);
options!(Command);

impl Spec {
    fn prepare(
        mut self,
        program: OsString,
        first_args: Vec<OsString>,
        ipc: Option<usize>,
    ) -> Result<Prepared, Error> {
        let failed = |reason| Error::Spawn { program: program.to_string_lossy().into_owned(), reason };
        self.check(&program, &first_args).map_err(failed)?;
        let mut command = process::Command::new(&program);
        command.args(first_args).args(&self.args);
        if let Some(cwd) = &self.cwd {
            command.current_dir(cwd);
        }
        // Ours, if we are a worker of a cluster; it would make the child take itself for us (CLU-4).
        command.env_remove(UNIQUE_ID);
        for change in &self.env {
            match change {
                Env::Set(name, value) => command.env(name, value),
                Env::Remove(name) => command.env_remove(name),
                Env::Clear => command.env_clear(),
            };
        }
        // Exactly one of each, also when we were started with a channel ourselves (CH-2).
        command.env_remove(CHANNEL_FD).env_remove(SERIALIZATION_MODE);
        if let Some(uid) = self.uid {
            command.uid(uid);
        }
        if let Some(gid) = self.gid {
            command.gid(gid);
        }

        let mut fds = Vec::new();
        let mut pipes = Vec::new();
        for number in 0..=2 {
            self.stdio.entry(number).or_insert(Stdio::Inherit);
        }
        if let Some(number) = ipc {
            self.stdio.remove(&number);
        }
        for (number, stdio) in std::mem::take(&mut self.stdio) {
            match stdio::descriptor(number).map_err(failed)? {
                number @ 0..=2 => stdio::standard(&mut command, number, stdio).map_err(failed)?,
                number => stdio::extra(number, stdio, &mut fds, &mut pipes).map_err(failed)?,
            }
        }
        let mut channel = None;
        if let Some(number) = ipc {
            let (ours, theirs) = UnixStream::pair().map_err(failed)?;
            command.env(CHANNEL_FD, number.to_string()).env(SERIALIZATION_MODE, self.serialization.as_str());
            fds.push((stdio::descriptor(number).map_err(failed)?, theirs.into()));
            channel = Some(ours.into());
        }
        if self.group == Group::Own {
            command.process_group(0);
        }
        let new_session = self.group == Group::OwnSession;
        let kept = spawn::inherit(&mut command, fds, new_session).map_err(failed)?;
        Ok(Prepared { command, program, channel, pipes, spec: self, kept })
    }

    /// Says which string cannot be used, where the system would only say that one cannot.
    fn check(&self, program: &OsStr, first_args: &[OsString]) -> io::Result<()> {
        check::program(program)?;
        for (i, arg) in first_args.iter().chain(&self.args).enumerate() {
            check::no_zero_byte(format_args!("argument {}", i + 1), arg)?;
        }
        for change in &self.env {
            if let Env::Set(name, value) = change {
                check::no_zero_byte(format_args!("the name of the variable {name:?}"), name)?;
                check::no_zero_byte(format_args!("the variable {}", name.display()), value)?;
            }
        }
        self.cwd.as_deref().map_or(Ok(()), check::directory)
    }
}

impl Prepared {
    /// Starts it, by the driver's own means. What was kept for it is let go of.
    pub(crate) fn start<P>(
        &mut self,
        mut spawn: impl FnMut(&mut process::Command) -> io::Result<P>,
    ) -> Result<P, Error> {
        let mut tries = 0;
        loop {
            tries += 1;
            self.kept.look();
            match spawn(&mut self.command) {
                // Other threads were opening and closing where the child's descriptors are to be.
                Err(e) if spawn::is_disturbed(&e) && tries < 20 => {}
                result => {
                    self.kept.clear();
                    return result.map_err(|reason| self.failed(reason));
                }
            }
        }
    }

    /// An error that names the program.
    pub(crate) fn failed(&self, reason: io::Error) -> Error {
        Error::Spawn { program: self.program.to_string_lossy().into_owned(), reason }
    }
}
