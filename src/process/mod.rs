//! What to start and how it ends: the builders [`Fork`] and [`Command`], the same for both drivers.

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
