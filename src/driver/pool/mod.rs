//! Pools, for both drivers: the [machine](crate::calls::pool) under a lock, who is woken for what, and a call on
//! its way. Threads and tasks add only how workers are started, read, written and waited for.

mod builder;
mod call;
mod error;
mod event;
mod held;
mod output;
mod shared;
mod stats;
mod stream;

pub(crate) use builder::{Common, Program, Start};
pub use call::Call;
pub(crate) use call::{begin_stream, call, call_all};
pub use error::PoolError;
pub use event::Event;
pub(crate) use event::OnEvent;
pub(crate) use held::{Control, Held, end_of};
pub(crate) use output::{OnOutput, StderrTail};
pub use output::{Output, OutputStream};
pub(crate) use shared::{Duty, Owner, Shared};
pub use stats::Stats;
pub(crate) use stream::Items;
