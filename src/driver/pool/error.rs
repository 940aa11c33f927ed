//! [`PoolError`]: why a call of a pool has no result.

use std::error::Error as StdError;
use std::fmt;

use crate::calls::pool::Failure;
use crate::calls::{CallError, RpcError};

/// Why a call of a pool has no result.
#[derive(Debug)]
#[non_exhaustive]
pub enum PoolError {
    /// The call itself failed: its handler, its parameters or its result; or it timed out.
    Call(CallError),
    /// The worker that had the call ended before it answered.
    #[non_exhaustive]
    WorkerDied {
        /// Whether the worker may have begun the call, so that it may have had an effect. Nobody can know more.
        /// Calls that were not begun go to another worker, so this is false only for a call that no worker
        /// has begun after many tries.
        begun: bool,
        /// The exit code, unless a signal ended the worker.
        exit_code: Option<i32>,
        /// The number of the signal that ended it.
        signal: Option<i32>,
        /// The last lines of its standard error, where the pool reads it.
        stderr: String,
        /// Why the pool has killed it or closed its channel, if it has.
        reason: Option<String>,
    },
    /// The queue is full: as many calls wait for a worker as the pool allows.
    QueueFull {
        /// How many may wait.
        limit: usize,
    },
    /// The call was still waiting when [`cancel_waiting`](crate::blocking::Pool::cancel_waiting) was called.
    Cancelled,
    /// The pool is closed.
    Closed,
    /// No worker starts.
    Start {
        /// What went wrong with the last one.
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
            PoolError::Cancelled => "ERR_CALL_ABORTED",
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
            PoolError::WorkerDied { begun, exit_code, signal, stderr, reason } => {
                match (signal, exit_code) {
                    (Some(signal), _) => write!(f, "the worker was ended by signal {signal}")?,
                    (None, Some(code)) => write!(f, "the worker ended with exit code {code}")?,
                    (None, None) => f.write_str("the worker closed its channel")?,
                }
                if let Some(reason) = reason {
                    write!(f, " ({reason})")?;
                }
                f.write_str(match begun {
                    true => " before it answered; the call may have begun",
                    false => "; the call was not begun",
                })?;
                match stderr.as_str() {
                    "" => Ok(()),
                    stderr => write!(f, "\nLast lines of stderr:\n{stderr}"),
                }
            }
            PoolError::QueueFull { limit } => {
                write!(f, "the queue is full ({limit} calls wait): wait with room(), or raise max_queue")
            }
            PoolError::Cancelled => f.write_str("the call was cancelled before it began"),
            PoolError::Closed => f.write_str("the pool is closed"),
            PoolError::Start { reason } => write!(f, "cannot start a worker: {reason}"),
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

impl From<Failure> for PoolError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::QueueFull { limit } => PoolError::QueueFull { limit },
            Failure::Closed => PoolError::Closed,
            Failure::Cancelled => PoolError::Cancelled,
            Failure::Start { reason } => PoolError::Start { reason },
            Failure::Died { begun, end } => PoolError::WorkerDied {
                begun,
                exit_code: end.exit_code,
                signal: end.signal,
                stderr: end.stderr,
                reason: end.cause,
            },
        }
    }
}
