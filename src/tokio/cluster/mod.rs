//! Node's `cluster` for tasks: a primary of workers that are Node programs, unmodified, or
//! anything else that speaks the channel.
//!
//! ```no_run
//! use crossfork::tokio::cluster::{Event, Primary};
//!
//! # async fn example() -> Result<(), crossfork::Error> {
//! let primary = Primary::builder("app.js").start();
//! for _ in 0..4 {
//!     primary.fork()?;
//! }
//! while let Some(event) = primary.next().await {
//!     match event {
//!         Event::Listening { worker, address } => println!("{} listens: {address:?}", worker.pid()),
//!         Event::Exit { .. } => drop(primary.fork()?),
//!         _ => {}
//!     }
//! }
//! # Ok(()) }
//! ```

mod address;
mod event;
mod primary;
mod server;
mod settings;
mod state;
mod worker;

pub use crate::proto::cluster::{AddressType, Balance, WorkerId};
pub use event::{Address, Event};
pub use primary::Primary;
pub use settings::Settings;
pub use worker::ForkedWorker;
