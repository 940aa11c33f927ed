//! The options that [`Fork`] and [`Command`] share, written once for both.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::{Command, Fork, Group, Signal, Stdio};
use crate::limits::Limits;
use crate::wire::Serialization;

/// What is common to all ways of starting.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spec {
    pub(super) args: Vec<OsString>,
    pub(super) cwd: Option<PathBuf>,
    pub(super) env: Vec<Env>,
    /// By number; what was not said is inherited up to 2, and not there above.
    pub(super) stdio: BTreeMap<usize, Stdio>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(crate) group: Group,
    pub(crate) serialization: Serialization,
    pub(crate) kill_signal: Signal,
    pub(crate) kill_on_drop: bool,
    pub(crate) ends_with_us: bool,
    pub(crate) limits: Limits,
}

#[derive(Clone, Debug)]
pub(super) enum Env {
    Set(OsString, OsString),
    Remove(OsString),
    Clear,
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

            /// What its descriptor of this number is: a [`Stdio`], or what becomes one, such as a file.
            /// 0, 1 and 2 are inherited by default, and no other is there.
            pub fn stdio(mut self, number: usize, stdio: impl Into<Stdio>) -> Self {
                self.spec.stdio.insert(number, stdio.into());
                self
            }

            /// [`stdio`](Self::stdio), unless it was said before.
            #[cfg(feature = "calls")]
            pub(crate) fn stdio_unless_said(mut self, number: usize, stdio: Stdio) -> Self {
                self.spec.stdio.entry(number).or_insert(stdio);
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
            /// (SIGTERM). A program may ignore it, but cannot ignore SIGKILL.
            pub fn kill_signal(mut self, signal: Signal) -> Self {
                self.spec.kill_signal = signal;
                self
            }

            /// Sends the kill signal when the process is dropped. Without it, it goes on running.
            pub fn kill_on_drop(mut self) -> Self {
                self.spec.kill_on_drop = true;
                self
            }

            /// Has the system kill it when this process ends, however that is. Only for a thread that lives as
            /// long: the end of the thread that starts it counts as well.
            #[cfg(feature = "tokio")]
            pub(crate) fn ends_with_us(mut self) -> Self {
                self.spec.ends_with_us = true;
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
