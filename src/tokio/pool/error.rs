//! [`PoolError`]: why a call of a pool has no result.

use std::error::Error as StdError;
use std::fmt;

use crate::calls::{CallError, RpcError};

/// Why a call of a pool has no result.
#[derive(Debug)]
#[non_exhaustive]
pub enum PoolError {
    /// The call itself failed: its handler, its parameters, its result, or it timed out.
    Call(CallError),
    /// The worker that had the call ended before it answered, so that the call may have been carried out.
    /// Calls that were not begun go to another worker.
    WorkerDied {
        /// How it ended.
        how: String,
    },
    /// So many calls wait for a worker already.
    QueueFull {
        /// How many may.
        limit: usize,
    },
    /// The pool was closed before.
    Closed,
    /// No worker starts.
    Start {
        /// Why the last one did not.
        reason: String,
    },
}

impl PoolError {
    /// A code, as a JavaScript caller gets it, such as `ERR_WORKER_DIED`.
    pub fn code(&self) -> &'static str {
        match self {
            PoolError::Call(error) => error.code(),
            PoolError::WorkerDied { .. } => "ERR_WORKER_DIED",
            PoolError::QueueFull { .. } => "ERR_QUEUE_FULL",
            PoolError::Closed => "ERR_POOL_CLOSED",
            PoolError::Start { .. } => "ERR_POOL_START",
        }
    }

    /// The error that the handler answered with.
    pub fn rpc(&self) -> Option<&RpcError> {
        match self {
            PoolError::Call(error) => error.rpc(),
            _ => None,
        }
    }
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PoolError::Call(error) => error.fmt(f),
            PoolError::WorkerDied { how } => {
                write!(f, "the worker {how} before it answered; the call may have been carried out")
            }
            PoolError::QueueFull { limit } => {
                write!(f, "{limit} calls wait for a worker already: wait for some, or allow more")
            }
            PoolError::Closed => f.write_str("the pool is closed"),
            PoolError::Start { reason } => write!(f, "no worker of the pool starts: {reason}"),
        }
    }
}

impl StdError for PoolError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            PoolError::Call(error) => error.source(),
            _ => None,
        }
    }
}

impl From<CallError> for PoolError {
    fn from(error: CallError) -> Self {
        PoolError::Call(error)
    }
}
