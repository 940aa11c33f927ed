//! `NODE_CHANNEL_FD` and `NODE_CHANNEL_SERIALIZATION_MODE`: read once, scrubbed, and checked
//! before anything is made of them (CH-2 to CH-7).

use std::os::fd::{AsFd, OwnedFd};

use crate::error::EnvError;
use crate::sys::{inherit, probe};
use crate::wire::Serialization;

pub(crate) const CHANNEL_FD: &str = "NODE_CHANNEL_FD";
pub(crate) const UNIQUE_ID: &str = "NODE_UNIQUE_ID";
pub(crate) const SERIALIZATION_MODE: &str = "NODE_CHANNEL_SERIALIZATION_MODE";

/// Takes the channel of a cluster's worker out of the environment, and the worker's number.
pub(crate) fn take_worker() -> Result<(u32, OwnedFd, Serialization), EnvError> {
    // Another channel is left for who opens it as such.
    if std::env::var_os(UNIQUE_ID).is_none_or(|id| id.is_empty()) {
        return Err(EnvError::NotAWorker);
    }
    let [id] = inherit::take_env([UNIQUE_ID]);
    let id = id.unwrap_or_default().to_string_lossy().into_owned();
    let Ok(number) = id.parse() else {
        return Err(EnvError::InvalidId(id));
    };
    let (fd, serialization) = take_channel()?;
    Ok((number, fd, serialization))
}

/// Takes the channel out of the environment.
pub(crate) fn take_channel() -> Result<(OwnedFd, Serialization), EnvError> {
    let [fd, mode] = inherit::take_env([CHANNEL_FD, SERIALIZATION_MODE]);
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
    let kind = inherit::peek(number, probe::probe).map_err(|e| e.to_string())?;
    if kind != probe::Kind::UnixStream {
        return Err(kind.as_str().to_owned());
    }
    let fd = inherit::adopt(number).map_err(|e| e.to_string())?;
    inherit::prepare(fd.as_fd()).map_err(|e| e.to_string())?;
    Ok(fd)
}
