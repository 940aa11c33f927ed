//! [`Prepared`]: a process that is ready to be started, by a driver's own means.

use std::ffi::{OsStr, OsString};
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::{io, process};

use super::options::Env;
use super::{Group, Spec, Stdio, check, stdio};
use crate::env::{CHANNEL_FD, SERIALIZATION_MODE, UNIQUE_ID};
use crate::error::Error;
use crate::sys::spawn::{self, Kept, Life};

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

impl Spec {
    pub(super) fn prepare(
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
        let life = Life { new_session: self.group == Group::OwnSession, ends_with_us: self.ends_with_us };
        let kept = spawn::inherit(&mut command, fds, life).map_err(failed)?;
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
