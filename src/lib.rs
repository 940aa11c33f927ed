//! Rust and Node fork each other: messages and handles, in both directions, exactly as between two
//! Node processes.
//!
//! A Node program starts a child with a *channel*, and from then on both sides send each other
//! values, sockets, servers and pipes. This crate is either end of it, for programs in Rust.
//! It needs no Node library, no addon and no change to the Node program.
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
//! See [`process`] for what can be said of a child, and [`blocking::SocketList`] for counting the
//! connections that children hold.
//!
//! # A cluster
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
//! See [`blocking::cluster::Worker`] for how it ends. The other side, a primary of unmodified Node
//! workers, is `tokio::cluster::Primary`.
//!
//! # Choosing a driver
//!
//! [`blocking::Channel`] is for threads, and needs no feature. [`tokio::Channel`](crate::tokio)
//! (feature `tokio`) is for tasks. They have the same names and behave alike. Neither starts a
//! thread or a task: whoever waits in a call does the work for all. There are three exceptions. One
//! thread of the crate, for all channels, bounds the time for which a channel that we have ended waits
//! for its peer. A `disconnect` whose future was dropped may go on in a task. And a cluster's primary has
//! tasks of its own, for it hands out connections whatever its user does.
//!
//! # JSON or advanced
//!
//! The parent chooses how messages are written: `fork(..., { serialization: 'advanced' })` in Node,
//! [`process::Fork::serialization`] here. A child finds out by itself. [`Message::decode`] and `send`
//! are the same in both modes, for types of your own.
//!
//! [`Serialization::Json`] is the default, and what everybody speaks. [`Serialization::Advanced`]
//! carries what JSON has no words for, as a [`v8::Value`]: `Map`, `Set`, `BigInt`, `Date`, errors,
//! circular structures; and bytes as they are. Bun and Deno have formats of their own under that
//! name, which are refused with an error that says so.
//!
//! # Handles
//!
//! `child.send(message, handle)` in Node brings a [`Message`] with a [`ReceivedHandle`], which is
//! one of the types of `std`: see [`Handle`]. [`blocking::Channel::send_handle`] is the way back;
//! [`Outgoing`] says how. Whatever would crash a Node process is refused before it is sent.
//!
//! For descriptors over other sockets, and between programs that are not parent and child, see
//! [`fd`]; tasks have the same in `tokio::fd`.
//!
//! # Errors
//!
//! [`Error`] tells whose fault it was. After [`Error::Protocol`], which is about one message of
//! the peer, the channel goes on.
//!
//! # The protocol on one page
//!
//! The channel is a Unix stream socket. The child finds its number in `NODE_CHANNEL_FD`, and
//! `NODE_CHANNEL_SERIALIZATION_MODE` says how messages are written; there is no greeting. A
//! message is one JSON text and a line end; or a length and a value as V8 writes it.
//!
//! A message whose `cmd` begins with `NODE_` is Node's own. `NODE_HANDLE` carries the user's
//! message, the handle's type, and one descriptor (`SCM_RIGHTS`) on its first byte. The receiver
//! answers `NODE_HANDLE_ACK`, or `NODE_HANDLE_NACK` if no descriptor came, exactly once. Until
//! then the sender sends nothing else. A connection that was accepted by a `net.Server` carries
//! the server's `key`: `NODE_SOCKET_GET_COUNT` asks how many of that key are open, and
//! `NODE_SOCKET_NOTIFY_CLOSE` asks to be told when none is, so that `server.close()` can wait.
//!
//! To disconnect is to close the socket.
//!
//! A cluster is made of such messages (`NODE_CLUSTER`) too. A worker asks for an address
//! (`queryServer`). Its primary either gives it the bound socket, or accepts by itself and hands
//! each connection to one worker (`newconn`), which says whether it takes it.
//!
//! # The rooms
//!
//! [`wire`] turns bytes into messages. [`proto`] is the channel as a machine, without I/O. `sys`
//! has the system calls and all unsafe code. `driver` joins a machine and a socket, and [`blocking`] and
//! `tokio` add the waiting. Comments cite the rules of the protocol by names such as `HND-6`;
//! CONTRIBUTING.md lists them.
//!
//! # Platforms
//!
//! Linux. The code has its branches for macOS and is meant to work there, but it was never run
//! there.
#![deny(missing_docs)]
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
#[doc(hidden)]
pub mod wire;

/// What both drivers' workers of a cluster have in common.
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

// The README's programs compile.
#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../README.md")]
struct Readme;
