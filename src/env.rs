//! Takes the channel that this process was started with from the environment: `NODE_CHANNEL_FD`,
//! `NODE_CHANNEL_SERIALIZATION_MODE` and, in a cluster worker, `NODE_UNIQUE_ID`. The rules are
//! [CH-2](crate::protocol#CH-2) to [CH-7](crate::protocol#CH-7).
//!
//! `Channel::from_env` and `Worker::from_env` of both drivers do this, once. The variables then count as
//! taken, and processes that this crate starts do not get them.
//!
//! A program with several threads cannot soundly remove a variable, because C code in another thread may
//! be reading the environment. So the variables are removed if this process has one thread at that time;
//! otherwise they stay. Under `#[tokio::main]` there are several threads. This matters to a program that
//! starts *Node* programs by `std::process` or `tokio::process`: they would use the channel as their own.
//! Either take the channel before the runtime is built:
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
//! or remove [`VARIABLES`] from the command's environment: `command.env_remove(name)` for each.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::error::EnvError;
use crate::sys::{inherit, probe};
use crate::wire::Serialization;

pub(crate) const CHANNEL_FD: &str = "NODE_CHANNEL_FD";
pub(crate) const UNIQUE_ID: &str = "NODE_UNIQUE_ID";
pub(crate) const SERIALIZATION_MODE: &str = "NODE_CHANNEL_SERIALIZATION_MODE";

/// The environment variables that describe a process's channel. Remove all of them together: a Node program
/// that finds `NODE_UNIQUE_ID` without a channel acts as a worker and never listens
/// ([CLU-4](crate::protocol#CLU-4)).
pub const VARIABLES: [&str; 3] = [CHANNEL_FD, SERIALIZATION_MODE, UNIQUE_ID];

/// Takes the channel that this process was started with: its socket and its serialization. Pass both to
/// `Channel::from_socket_with`.
///
/// Call it early, before the program opens descriptors, because a stale variable may name one of them. A
/// socket pair that this process created is never used as the channel.
///
/// # Errors
/// [`EnvError`] if this process was not started with a channel, or its channel was taken before.
pub fn take_channel() -> Result<(OwnedFd, Serialization), EnvError> {
    let [fd, mode, _] = inherit::take_env(VARIABLES);
    open(fd, mode)
}

/// Takes a cluster worker's channel and ID. Pass them to `Worker::from_socket`.
///
/// # Errors
/// [`EnvError::NotAWorker`] or [`EnvError::InvalidId`] if this process is not a worker; then nothing is
/// taken. Otherwise those of [`take_channel`].
pub fn take_worker() -> Result<(u32, OwnedFd, Serialization), EnvError> {
    // If this is not a worker, the channel stays available to `take_channel`.
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
        // To Node too, an empty value means no channel (CH-6).
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
    // Inspected before it is owned, because a wrong number may be a descriptor of other code.
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
        // For example the pair that tokio uses for signals.
        Some("a socket pair that this process has made itself")
    } else {
        None
    })
}
