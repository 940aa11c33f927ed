//! The parent of the interop matrix, over either driver:
//!
//!     interop-parent blocking|tokio <runtime> <group> [options] [--advanced]
//!
//! `--advanced` chooses the serialization, which is `json` otherwise. `runtime` is what test/runtimes/index.mjs tells of one, as JSON. The scenarios of the group run
//! one after the other, with a JSON line for each, and one behind the last:
//!
//!     {"name", "outcome": "passed" | "failed" | "left out", "detail"?, "ms"?}
//!     {"finished": true}
//!
//! `options`: {"heavy": whether heavy ones are run too, "only": name, "leaveOut": [beginnings of names], "wait": milliseconds for each event}

mod child;
mod driver;
mod inside;
mod peers;
mod proc;
mod runner;
mod scenarios;
/// What the Rust tests share: here, for descriptors of every kind.
#[path = "../../rust/support"]
#[allow(dead_code)]
mod support {
    mod deadline;
    pub mod descriptors;
    mod drivers;
    mod peer;
    mod transcode;
}

use std::process::ExitCode;

use crossfork::Serialization;
use driver::{Driver, Tasks, Threads};

/// The argument for that serialization.
const ADVANCED: &str = "--advanced";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).filter(|arg| *arg != ADVANCED).collect();
    match args[..] {
        ["blocking", ref rest @ ..] => run::<Threads>(rest),
        ["tokio", ref rest @ ..] => run::<Tasks>(rest),
        _ => usage(),
    }
}

/// How messages are written in this run.
fn serialization() -> Serialization {
    if std::env::args().any(|arg| arg == ADVANCED) { Serialization::Advanced } else { Serialization::Json }
}

fn run<D: Driver>(args: &[&str]) -> ExitCode {
    match *args {
        [runtime, "inside", what] => inside::run::<D>(runtime, what),
        [runtime, group] => runner::run::<D>(runtime, group, "{}"),
        [runtime, group, options] => runner::run::<D>(runtime, group, options),
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: interop-parent blocking|tokio <runtime> <group> [options] [--advanced]");
    ExitCode::from(64)
}
