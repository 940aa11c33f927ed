//! Node.js and Rust fork each other. This crate is either end of the channel of
//! `child_process.fork`, for programs in Rust: messages and handles (sockets, servers, pipes) go in
//! both directions, exactly as between two Node processes. It needs no Node library, no addon and no
//! change to the Node program.
//!
//! # What to use
//!
//! | I want to | use |
//! |---|---|
//! | be the child of a Node program | [`blocking::Channel::from_env`], [`tokio::Channel::from_env`] |
//! | start a Node program and talk to it | [`blocking::Fork`], [`tokio::Fork`] |
//! | start any program, with a channel or without | [`blocking::Command`], [`tokio::Command`] |
//! | send a socket, a server or a pipe | [`send_handle`](blocking::Channel::send_handle), with [`Outgoing`] |
//! | receive one | [`Message::take_handle`], which gives a [`Handle`] |
//! | count the connections that children hold | [`blocking::SocketList`], [`tokio::SocketList`] |
//! | be a worker of Node's cluster | [`blocking::cluster::Worker`], [`tokio::cluster::Worker`] |
//! | be the primary of Node workers | [`tokio::cluster::Primary`] |
//! | serve a web application as a worker | `axum::serve` with a [`tokio::cluster::Listener`] (feature `axum`) |
//! | send a `Map`, a `BigInt`, a `Date`, bytes | [`Serialization::Advanced`], with [`v8::Value`] or types of your own |
//! | bound what a peer can make us keep | [`Limits`] |
//! | end a child that may not want to end | [`blocking::Child::stop`], with an [`Escalation`] |
//! | pass descriptors between other programs | [`fd`], [`tokio::fd`] |
//! | know the protocol | [`protocol`] |
//!
//! # A Rust child of a Node parent
//!
//! ```no_run
//! // In Node: const worker = fork('', { execPath: 'target/debug/my_worker' })
//! //          worker.send({ width: 3, height: 4 })
//! use crossfork::{Error, blocking::Channel};
//!
//! # #[derive(serde::Deserialize)]
//! struct Rectangle {
//!     width: f64,
//!     height: f64,
//! }
//!
//! fn main() -> Result<(), Error> {
//!     let channel = Channel::from_env()?;
//!     while let Some(message) = channel.recv()? {
//!         let r: Rectangle = message.decode()?;
//!         channel.send(&(r.width * r.height))?;
//!     }
//!     Ok(()) // the parent has disconnected
//! }
//! ```
//!
//! # A Rust parent of Node children
//!
//! ```no_run
//! use crossfork::{Error, blocking::Fork};
//!
//! fn main() -> Result<(), Error> {
//!     let child = Fork::new("worker.js").spawn()?;
//!     child.channel.send(&"a message")?;
//!     while let Some(message) = child.channel.recv()? {
//!         println!("{}", message.decode::<String>()?);
//!     }
//!     println!("it ended with {}", child.process.wait()?);
//!     Ok(())
//! }
//! ```
//!
//! # A worker of a cluster
//!
//! A program that `cluster.fork` has started listens through its primary, and shares the address
//! with the other workers, Node's too:
//!
//! ```no_run
//! // In Node: process.execPath = 'target/debug/my_worker'; cluster.fork()
//! use crossfork::{Error, blocking::cluster::Worker};
//! use std::io::Write;
//!
//! fn main() -> Result<(), Error> {
//!     let worker = Worker::from_env()?;
//!     let listener = worker.listen("127.0.0.1:8000")?;
//!     while let Some(mut connection) = listener.accept()? {
//!         std::thread::spawn(move || connection.write_all(b"hello\n"));
//!     }
//!     worker.closed(); // asked to stop, and the last connection is closed
//!     Ok(())
//! }
//! ```
//!
//! # Features
//!
//! Features only add API. None is on by default, and none changes what the others do.
//!
//! | feature | adds |
//! |---|---|
//! | `tokio` | [`tokio`]: all of this for tasks, and the primary of a cluster; the sockets of `tokio::net` as handles |
//! | `futures` | a `Stream` of a channel's messages and a `Sink` for them (and `tokio`) |
//! | `axum` | `axum::serve::Listener` for `tokio::cluster::Listener` (and `tokio`) |
//! | `tracing` | events of processes, channels and clusters for the crate `tracing`: see [below](#events) |
//! | `calls` | [`calls`]: services whose functions are called, and pools of workers |
//! | `types` | the types of a service's methods for TypeScript (and `calls`) |
//! | `cli` | the command `crossfork` (and `tokio`) |
//!
//! # Threads or tasks
//!
//! [`blocking`] is for threads, and needs no feature. [`tokio`] (feature `tokio`) is for tasks. They have
//! the same names and behave alike. Neither starts a thread or a task: a caller that waits does the work for
//! all. There are five exceptions. One thread of the crate, for all channels, bounds the time for which
//! a channel that we have ended waits for its peer. A `disconnect` whose future was dropped may go on in
//! a task. And a cluster's primary has tasks of its own, because it hands out connections whatever its user
//! does. A pool of workers has one thread, and another for the functions that are told of events and output,
//! or one task for each worker. And a service that is connected to a program has threads or tasks of its own.
//!
//! # JSON or advanced
//!
//! The parent chooses how messages are written: `fork(..., { serialization: 'advanced' })` in Node,
//! [`process::Fork::serialization`] here. A child finds out by itself. [`Message::decode`] and `send`
//! are the same in both modes, for types of your own.
//!
//! [`Serialization::Json`] is the default, and every peer speaks it. [`Serialization::Advanced`]
//! carries what JSON cannot, as a [`v8::Value`]: `Map`, `Set`, `BigInt`, `Date`, errors,
//! circular structures, and bytes as they are. Bun and Deno have formats of their own under that
//! name, which are refused with an error that says so.
//!
//! # Handles
//!
//! `child.send(message, handle)` in Node brings a [`Message`] with a [`ReceivedHandle`], which is
//! one of the types of `std`: see [`Handle`]. [`blocking::Channel::send_handle`] is the way back, and
//! [`Outgoing`] says how. Whatever would crash a Node process is refused before it is sent.
//!
//! # Errors
//!
//! [`Error`] tells whose fault it was. After [`Error::Protocol`], which is about one message of
//! the peer, the channel goes on.
//!
//! # Events
//!
//! With the feature `tracing` the crate reports what happens to processes and channels. The targets,
//! and the fields of their events:
//!
//! | target | level | event | fields |
//! |---|---|---|---|
//! | `crossfork::process` | debug | `spawned` | `program`, `pid` |
//! | `crossfork::process` | debug | `exited`, when it was waited for | `pid`, `code` or `signal` |
//! | `crossfork::channel` | warn | `refused`: a handle was not sent | `wire_type`, `error` |
//! | `crossfork::channel` | warn | `skipped`: the peer sent something that is no message | `error` |
//! | `crossfork::cluster` | debug | `forked`, `online`, `leaving`, `disconnected` | `worker` |
//! | `crossfork::cluster` | debug | `listening` | `worker`, `address` |
//! | `crossfork::cluster` | debug | `exited` | `worker`, `code` or `signal`, `voluntary` |
//! | `crossfork::pool` | debug | the span `call`, around each call | `method` |
//! | `crossfork::pool` | debug | `ready` | `worker`, `pid` |
//! | `crossfork::pool` | debug | `exited` | `worker`, `code` or `signal`, `reason` if the pool killed it |
//! | `crossfork::pool` | warn | `start failed` | `worker`, `reason` |
//! | `crossfork::pool` | debug | `drained`: no call waits any more | |
//! | `crossfork::pool` | warn | `missed`: functions that are told of events and output are slow, and so much was dropped | `count` |
//! | `crossfork::supervisor` | info | what `crossfork run` prints, restarts among it | |
//!
//! # What may change
//!
//! Versions follow Semantic Versioning, and the public API is what this documentation shows. Types that
//! can grow are `non_exhaustive`. Modules that it does not show (`proto`, `wire`, `supervisor`, `sys`) are
//! for the project's own tests and its command, and may change in any version.
//!
//! # Platforms
//!
//! Linux. The code has its branches for macOS and is meant to work there, but it was never run
//! there.
#![deny(missing_docs)]
// Where these features are not on, what they add cannot be linked to.
#![cfg_attr(not(all(feature = "tokio", feature = "axum")), allow(rustdoc::broken_intra_doc_links))]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod blocking;
#[cfg(feature = "calls")]
pub mod calls;
mod driver;
pub mod env;
mod error;
#[cfg(target_os = "linux")]
pub mod fd;
mod handle;
mod limits;
mod message;
pub mod process;
#[doc(hidden)]
pub mod proto;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod supervisor;
#[doc(hidden)]
pub mod sys;
#[cfg(feature = "tokio")]
pub mod tokio;
mod trace;
#[doc(hidden)]
pub mod wire;

#[doc = include_str!("protocol.md")]
pub mod protocol {}

/// Where and how a worker of a cluster listens, for both drivers.
pub mod cluster {
    pub use crate::driver::listen::{BindOptions, ListenAddress, ListenOptions};
}

pub use error::{EnvError, Error, FormatError, ParseError, ProtocolError, Quote, SendError, V8Error};
pub use handle::{Handle, IntoOutgoing, Outgoing, ReceivedHandle, SocketHold, Unsent};
pub use limits::Limits;
pub use message::{Message, Payload};
pub use process::{Escalation, ExecError, Signal, Stdio};
pub use wire::Serialization;
pub use wire::control::HandleType;
pub use wire::v8;

// The programs of the documents compile.
#[cfg(all(doctest, feature = "tokio"))]
mod documents {
    #[doc = include_str!("../docs/call-rust.md")]
    struct CallRust;
    #[doc = include_str!("../docs/serialization.md")]
    struct Serialization;
}
