//! The channel that this process was started with, before it is opened: `NODE_CHANNEL_FD`,
//! `NODE_CHANNEL_SERIALIZATION_MODE` and, in a worker of a cluster, `NODE_UNIQUE_ID`. The rules are
//! [CH-2](crate::protocol#CH-2) to [CH-7](crate::protocol#CH-7).
//!
//! `Channel::from_env` and `Worker::from_env` of both drivers do all of this, once. Each variable counts
//! as taken then, and nothing that this crate starts gets it.
//!
//! A program whose threads are running cannot remove a variable soundly, for C code in them may be
//! reading the environment. So the variables leave the environment if this process has one thread at
//! that time, and else they stay. Under `#[tokio::main]` there are more threads than one. That matters
//! to a program that starts *Node* programs by `std::process` or `tokio::process`: these would take the
//! channel for theirs. Either take the channel before the runtime is built:
//!
//! ```no_run
//! # #[cfg(feature = "tokio")] mod example {
//! use crossfork::{Error, Limits, Serialization, tokio::Channel};
//! use std::os::fd::OwnedFd;
//!
//! fn main() -> Result<(), Error> {
//!     let (socket, serialization) = crossfork::env::take_channel()?; // no other threads yet
//!     serve(socket, serialization)
//! }
//!
//! #[tokio::main]
//! async fn serve(socket: OwnedFd, serialization: Serialization) -> Result<(), Error> {
//!     let channel = Channel::from_socket_with(socket, serialization, Limits::default())?;
//! #   drop(channel);
//!     // ...
//!     Ok(())
//! }
//! # }
//! ```
//!
//! or take [`VARIABLES`] out of what is started: `command.env_remove(name)` for each.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::error::EnvError;
use crate::sys::{inherit, probe};
use crate::wire::Serialization;

pub(crate) const CHANNEL_FD: &str = "NODE_CHANNEL_FD";
pub(crate) const UNIQUE_ID: &str = "NODE_UNIQUE_ID";
pub(crate) const SERIALIZATION_MODE: &str = "NODE_CHANNEL_SERIALIZATION_MODE";

/// The variables that tell a process of its channel. They are taken together: a Node program that finds
/// `NODE_UNIQUE_ID` without a channel takes itself for a worker, and never listens ([CLU-4](crate::protocol#CLU-4)).
pub const VARIABLES: [&str; 3] = [CHANNEL_FD, SERIALIZATION_MODE, UNIQUE_ID];

/// Takes the channel that this process was started with: its socket, and how messages are written on it.
/// The caller makes a channel of them with `Channel::from_socket_with`.
///
/// Call it early, before descriptors are opened: a variable that is stale may name one of these. A socket
/// pair that this process has made itself is never taken for the channel.
///
/// # Errors
/// [`EnvError`] if this process was not started with a channel, or its channel was taken before.
pub fn take_channel() -> Result<(OwnedFd, Serialization), EnvError> {
    let [fd, mode, _] = inherit::take_env(VARIABLES);
    open(fd, mode)
}

/// Takes the channel of a cluster's worker, and the worker's number, for `Worker::from_socket`.
///
/// # Errors
/// [`EnvError::NotAWorker`] and [`EnvError::InvalidId`] if this process is no worker, when nothing is
/// taken; otherwise as [`take_channel`].
pub fn take_worker() -> Result<(u32, OwnedFd, Serialization), EnvError> {
    // Another channel is left for who opens it as such.
    let [_, _, id] = inherit::look_env(VARIABLES);
    let Some(id) = id.filter(|id| !id.is_empty()) else {
        return Err(EnvError::NotAWorker);
    };
    let Some(number) = id.to_str().and_then(|id| id.parse().ok()) else {
        return Err(EnvError::InvalidId(id.to_string_lossy().into_owned()));
    };
    let (fd, serialization) = take_channel()?;
    Ok((number, fd, serialization))
}

fn open(fd: Option<OsString>, mode: Option<OsString>) -> Result<(OwnedFd, Serialization), EnvError> {
    let fd = match fd {
        Some(fd) if !fd.is_empty() => fd.to_string_lossy().into_owned(),
        // Set to nothing, it means no channel to Node as well (CH-6).
        _ => return Err(EnvError::NotAChild),
    };
    let serialization = match mode {
        Some(mode) if !mode.is_empty() => {
            let name = mode.to_string_lossy();
            Serialization::from_name(&name)
                .ok_or_else(|| EnvError::UnknownSerialization(name.into_owned()))?
        }
        // An absent mode is json (CH-7).
        _ => Serialization::Json,
    };
    let Ok(number) = fd.parse::<i32>() else {
        return Err(EnvError::InvalidNumber(fd));
    };
    match adopt(number) {
        Ok(fd) => Ok((fd, serialization)),
        Err(found) => Err(EnvError::NotAChannel { fd: number, found }),
    }
}

fn adopt(number: i32) -> Result<OwnedFd, String> {
    // Looked at before it is owned: a wrong number may be somebody else's descriptor.
    if let Some(found) = inherit::peek(number, why_no_channel).map_err(|e| e.to_string())? {
        return Err(found.to_owned());
    }
    let fd = inherit::adopt(number).map_err(|e| e.to_string())?;
    inherit::prepare(fd.as_fd()).map_err(|e| e.to_string())?;
    Ok(fd)
}

fn why_no_channel(fd: BorrowedFd<'_>) -> io::Result<Option<&'static str>> {
    let kind = probe::probe(fd)?;
    Ok(if kind != probe::Kind::UnixStream {
        Some(kind.as_str())
    } else if probe::is_own_pair(fd) {
        // Such as the one over which tokio hears of signals.
        Some("a socket pair that this process has made itself")
    } else {
        None
    })
}
