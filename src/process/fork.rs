//! [`Fork`]: starts a Node module with a channel.

use std::ffi::{OsStr, OsString};
use std::marker::PhantomData;

use super::{Prepared, Spec};
use crate::error::Error;

/// Starts a Node module with a channel: Node's `child_process.fork(modulePath, args, options)`.
///
/// By default it runs `node` as found on PATH, or `CROSSFORK_NODE`. The child has our standard streams and
/// environment, and the channel at descriptor 3. A clone starts another child with the same settings.
///
/// ```no_run
/// use crossfork::{Serialization, blocking::Fork};
///
/// let child = Fork::new("worker.js").serialization(Serialization::Advanced).spawn()?;
/// child.channel.send(&[1, 2, 3])?;
/// # Ok::<(), crossfork::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Fork<D> {
    pub(super) spec: Spec,
    exec_path: Option<OsString>,
    exec_argv: Vec<OsString>,
    module: OsString,
    ipc: usize,
    driver: PhantomData<D>,
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
