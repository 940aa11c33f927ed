//! Pools, for both drivers: the [machine](crate::calls::pool) under a lock, who is woken for what, and a call on
//! its way. Threads and tasks add only how workers are started, read, written and waited for.

mod builder;
mod call;
mod error;
mod event;
mod held;
mod how;
mod output;
mod shared;
mod stats;
mod stream;
mod users;
mod workers;

pub(crate) use builder::{Common, Program, Start};
pub(crate) use call::{Made, begin_stream, call};
pub use error::PoolError;
pub use event::Event;
pub(crate) use event::OnEvent;
pub(crate) use held::{AFTER_EXIT, Control, Held, end_of};
pub use how::Call;
pub(crate) use output::{OnOutput, StderrTail};
pub use output::{Output, OutputStream};
pub(crate) use shared::{Duty, Owner, Shared};
pub use stats::Stats;
pub(crate) use stream::Items;
pub(crate) use workers::call_all;
