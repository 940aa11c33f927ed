//! What to start and how it ends: the builders [`Fork`] and [`Command`], the same for both drivers.
//!
//! `blocking::Fork` and `tokio::Fork` are the [`Fork`] of each driver, and so with [`Command`].
//!
//! ```no_run
//! use crossfork::{Escalation, Stdio, blocking::Fork};
//!
//! # fn main() -> Result<(), crossfork::Error> {
//! let fork = Fork::new("worker.js")
//!     .arg("--verbose")
//!     .env("TZ", "UTC")
//!     .stdio(1, Stdio::Null)
//!     .kill_on_drop();
//! let first = fork.clone().spawn()?;
//! let second = fork.spawn()?;
//! for child in [first, second] {
//!     println!("{}", child.stop(Escalation::new())?);
//! }
//! # Ok(()) }
//! ```

mod check;
mod command;
mod escalation;
mod fork;
mod group;
mod options;
mod output;
mod prepared;
mod signal;
mod stdio;

pub use command::Command;
pub(crate) use command::OutputLimit;
pub use escalation::Escalation;
pub use fork::Fork;
pub(crate) use group::Group;
pub(crate) use options::Spec;
pub use output::ExecError;
pub(crate) use output::{Stopped, conclude};
pub(crate) use prepared::Prepared;
pub use signal::Signal;
pub use stdio::Stdio;
