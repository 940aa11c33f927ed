//! How workers are started.

use std::ffi::OsString;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use super::deployment::Deployment;
use super::preload;
use super::program::Program;
use super::stdin::Stdin;
use super::{Options, colors, inspect};
use crate::process::Stdio;
use crate::tokio::cluster::{Primary, Settings};

/// What decides on it.
pub(super) struct Workers<'a> {
    pub(super) options: &'a Options,
    pub(super) deployment: &'a Deployment,
    /// What Node loads before the program.
    pub(super) preload: Option<&'a Path>,
    pub(super) stdin: &'a Stdin,
    /// The port of the inspector, for this worker.
    pub(super) inspect: Option<u16>,
}

impl Workers<'_> {
    /// With a pipe for each output.
    pub(super) fn settings(&self) -> Settings {
        let Workers { options, deployment, preload, stdin, inspect } = self;
        let settings = match deployment.program() {
            Program::Module(path) => {
                let others = deployment.node_options().into_iter().chain(options.node_args.iter().cloned());
                let own_args = preload.map(|file| preload::node_args(file, others)).unwrap_or_default();
                let inspect = inspect.map(inspect::arg);
                let module = Primary::builder(path).exec_argv(&own_args).exec_argv(&options.node_args);
                let module = module.exec_argv(inspect);
                match &options.node {
                    // One without a slash is sought on PATH.
                    Some(node) if node.as_bytes().contains(&b'/') => {
                        module.exec_path(deployment.path(Path::new(node)))
                    }
                    Some(node) => module.exec_path(node),
                    None => module,
                }
            }
            Program::Binary(path) => Primary::program(path),
        };
        let settings = match deployment.folder() {
            Some(folder) => settings.cwd(folder),
            None => settings,
        };
        let settings = match colors::variable(options.log.style.format) {
            Some((name, value)) if !deployment.decides_on_colors() => settings.env(name, value),
            _ => settings,
        };
        let settings = match options.balance {
            Some(balance) => settings.balance(balance),
            None => settings,
        };
        settings
            .args(options.args.iter().map(OsString::as_os_str))
            .silent()
            .stdio(0, stdin.stdio())
            // The terminal's Ctrl-C is ours to pass on.
            .own_process_group()
            // A worker in an endless loop would not see that its channel has ended.
            .ends_with_us()
            .serialization(options.serialization)
            .keep_servers(true)
            .rebind_paths(true)
    }

    /// With one pipe for both outputs, so that they stay in the order in which they were written. The
    /// settings keep its other end open.
    ///
    /// # Errors
    /// If there can be none.
    pub(super) fn with_one_output(&self) -> io::Result<(Settings, PipeReader)> {
        let (reader, writer): (PipeReader, PipeWriter) = io::pipe()?;
        let writer = Arc::new(OwnedFd::from(writer));
        let settings = self.settings().stdio(1, Stdio::Fd(writer.clone())).stdio(2, Stdio::Fd(writer));
        Ok((settings, reader))
    }
}
