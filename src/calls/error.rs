//! [`RpcError`], what a call failed with as it travels; and [`CallError`], what its caller gets.

use std::error::Error as StdError;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, system_code};
use crate::message::part::Part;

/// The codes of JSON-RPC 2.0 and of the Language Server Protocol, and one of our own.
pub mod code {
    /// The request's id cannot be one, or is in use.
    pub const INVALID_REQUEST: i64 = -32600;
    /// There is no such method.
    pub const METHOD_NOT_FOUND: i64 = -32601;
    /// The parameters are not what the method takes.
    pub const INVALID_PARAMS: i64 = -32602;
    /// The other end failed: a handler panicked, or its result cannot be sent.
    pub const INTERNAL: i64 = -32603;
    /// A handler returned an error.
    pub const HANDLER: i64 = -32000;
    /// The call was cancelled.
    pub const CANCELLED: i64 = -32800;
    /// The call was not begun, and can be made elsewhere.
    pub const NOT_BEGUN: i64 = -32099;
}

/// The error of an answer: JSON-RPC's, with what JavaScript's errors have besides.
///
/// A handler that returns one chooses the code. Every other error travels with [`code::HANDLER`]. So do
/// [`code::NOT_BEGUN`], and [`code::CANCELLED`] if the caller has not cancelled: the code is kept in `data`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RpcError {
    /// See [`code`].
    pub code: i64,
    /// What went wrong.
    pub message: String,
    /// More, if the other end says so.
    pub data: Option<Box<ErrorData>>,
}

/// What is known of an error besides its message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ErrorData {
    /// Its class, such as `TypeError`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its own code, such as `ENOENT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Its message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Where it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
    /// What it came of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Box<ErrorData>>,
}

/// An [`RpcError`] as it is written. Apart, so that a `Result` with one is no value that could be sent.
#[derive(Serialize)]
pub(crate) struct Written<'a> {
    code: i64,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a ErrorData>,
}

impl<'a> From<&'a RpcError> for Written<'a> {
    fn from(error: &'a RpcError) -> Self {
        Written { code: error.code, message: &error.message, data: error.data.as_deref() }
    }
}

impl RpcError {
    /// An error with a code and a message.
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        RpcError { code, message: message.into(), data: None }
    }

    /// What a handler failed with. An [`RpcError`] stays as it is; everything else gets
    /// [`code::HANDLER`], and its sources as causes.
    pub fn of(error: Box<dyn StdError + Send + Sync>) -> Self {
        let error = match error.downcast::<RpcError>() {
            Ok(error) => return *error,
            Err(error) => error,
        };
        // What a call to the other end failed with goes back as it came.
        if let Some(CallError::Rpc(error)) = error.downcast_ref() {
            return error.clone();
        }
        let data = Some(Box::new(ErrorData::of(&*error)));
        RpcError { code: code::HANDLER, message: error.to_string(), data }
    }

    /// The error as an answer of a handler. That a call was not begun, or was cancelled, a handler cannot say: a
    /// pool would make the call again. [`code::CANCELLED`] stays where the caller has cancelled.
    pub(crate) fn of_handler(mut self, is_cancelled: bool) -> Self {
        if self.code == code::NOT_BEGUN || (self.code == code::CANCELLED && !is_cancelled) {
            let said = self.code.to_string();
            self.data.get_or_insert_default().code.get_or_insert(said);
            self.code = code::HANDLER;
        }
        self
    }

    /// Reads what a peer sent. Of what has another form, as much as there is.
    pub(crate) fn read(part: &Part) -> Self {
        let member = |name: &str| part.get(name);
        let code =
            member("code").and_then(|code| code.decode::<f64>().ok()).map_or(code::INTERNAL, |n| n as i64);
        let message = member("message").and_then(|message| message.decode().ok());
        RpcError {
            code,
            message: message.unwrap_or_else(|| format!("the other end failed with {part:?}")),
            data: member("data").and_then(|data| data.decode().ok()).map(Box::new),
        }
    }

    pub(crate) fn unknown(method: &str) -> Self {
        RpcError::new(code::METHOD_NOT_FOUND, format!("there is no method {method:?}"))
    }

    pub(crate) fn cancelled() -> Self {
        RpcError::new(code::CANCELLED, "the call was cancelled")
    }

    pub(crate) fn not_begun(why: &str) -> Self {
        RpcError::new(code::NOT_BEGUN, format!("the call was not begun: {why}"))
    }

    pub(crate) fn internal(what: impl fmt::Display) -> Self {
        RpcError::new(code::INTERNAL, what.to_string())
    }
}

impl ErrorData {
    fn of(error: &(dyn StdError + 'static)) -> Self {
        /// An error whose source is itself would be followed for ever.
        const DEEPEST: usize = 16;
        fn at(error: &(dyn StdError + 'static), depth: usize) -> ErrorData {
            let source = error.source().filter(|_| depth < DEEPEST);
            ErrorData {
                name: Some("Error".to_owned()),
                code: system_code(error).map(str::to_owned),
                message: Some(error.to_string()),
                stack: None,
                cause: source.map(|source| Box::new(at(source, depth + 1))),
            }
        }
        at(error, 0)
    }
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for RpcError {}

/// Why a call has no result.
#[derive(Debug)]
#[non_exhaustive]
pub enum CallError {
    /// The other end answered with an error.
    Rpc(RpcError),
    /// The result cannot be decoded into the requested type: the field, and what is wrong with it.
    Result(String),
    /// The parameters cannot be sent.
    Send(Error),
    /// The channel ended before the answer came.
    Disconnected {
        /// The call was handed to the channel, and so may have been carried out. If not, it is safe to
        /// make it elsewhere.
        begun: bool,
    },
    /// The time for the call went by. The other end was told.
    TimedOut,
    /// The call has a handle or an [`Upload`](super::Upload), and the other end has not said that it knows
    /// them. The call was not sent, and the handle is closed.
    Unsupported(Extension),
}

/// What only ends of this project can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Extension {
    /// To take, or close, the handle that comes with a call.
    Handles,
    /// To read a parameter that is a stream.
    Uploads,
}

impl CallError {
    /// A code, as a JavaScript caller gets it, such as `ERR_CALL_TIMEOUT`.
    pub fn code(&self) -> &'static str {
        match self {
            CallError::Rpc(_) => "ERR_CALL_FAILED",
            CallError::Result(_) => "ERR_CALL_RESULT",
            CallError::Send(error) => error.code(),
            CallError::Disconnected { .. } => "ERR_IPC_DISCONNECTED",
            CallError::TimedOut => "ERR_CALL_TIMEOUT",
            CallError::Unsupported(Extension::Handles) => "ERR_CALL_HANDLE",
            CallError::Unsupported(Extension::Uploads) => "ERR_CALL_UPLOAD",
        }
    }

    /// The error that the other end answered with.
    pub fn rpc(&self) -> Option<&RpcError> {
        match self {
            CallError::Rpc(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::Rpc(error) => error.fmt(f),
            CallError::Result(reason) => {
                write!(f, "the result cannot be decoded into the requested type: {reason}")
            }
            CallError::Send(error) => error.fmt(f),
            CallError::Disconnected { begun: true } => {
                f.write_str("the channel ended before the answer; the call may have been carried out")
            }
            CallError::Disconnected { begun: false } => {
                f.write_str("the channel ended before the call was sent")
            }
            CallError::TimedOut => f.write_str("the call timed out"),
            CallError::Unsupported(Extension::Handles) => f.write_str(
                "the call has a handle, and the other end has not said that it takes handles; it says so in \
                 its first call or answer",
            ),
            CallError::Unsupported(Extension::Uploads) => f.write_str(
                "the call has an upload, and the other end has not said that it reads uploads; it says so in \
                 its first call or answer",
            ),
        }
    }
}

impl StdError for CallError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            CallError::Send(error) => error.source(),
            _ => None,
        }
    }
}

impl From<RpcError> for CallError {
    fn from(error: RpcError) -> Self {
        CallError::Rpc(error)
    }
}
