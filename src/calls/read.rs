//! Messages to calls: what is one, and what is in it. The parameters stay as they came.

use super::error::RpcError;
use super::id::{Found, Id};
use crate::message::Payload;
use crate::message::part::{Kind, Part};

/// What came, as far as it is about calls.
#[derive(Debug)]
#[non_exhaustive]
pub enum Incoming {
    /// A call.
    Request(Request),
    /// A call that is not answered.
    Notification(Notification),
    /// What one of our calls came to.
    Answer {
        /// The call's.
        id: Id,
        /// The result, or the error.
        outcome: Result<Part, RpcError>,
        /// The other end reads bundles.
        bundles: bool,
        /// How much memory it has, if it says so.
        resident: Option<u64>,
    },
    /// The other end does not want an answer any more.
    Cancel(Id),
    /// Items of a stream that is the result of one of our calls.
    Items {
        /// The call's id.
        token: Id,
        /// In their order.
        items: Vec<Part>,
    },
    /// How far one of our calls is.
    Progress {
        /// The call's id.
        token: Id,
        /// What the handler reports.
        value: Part,
    },
    /// Room for more items of a stream that we send.
    Credit {
        /// The call's id.
        token: Id,
        /// For how many.
        n: u64,
    },
    /// There are no more items of an upload.
    UploadEnd {
        /// The upload's.
        token: Id,
        /// Or what it failed with.
        outcome: Result<(), RpcError>,
    },
    /// The other end reads no more of an upload.
    UploadLeft {
        /// The upload's.
        token: Id,
    },
    /// The other end has answered all that it has begun, and leaves.
    Left,
    /// A call whose id cannot be one, or a message that is none of these.
    Invalid {
        /// It has the form of a call, and wants an answer.
        is_request: bool,
    },
}

/// A call of the other end.
#[derive(Debug)]
pub struct Request {
    /// Its id.
    pub id: Id,
    /// Its method and parameters.
    pub call: Notification,
    /// The result may be a stream, and there is room for so many items.
    pub stream: Option<u64>,
    /// How many milliseconds are left for it.
    pub deadline: Option<u64>,
    /// The W3C trace context that it belongs to.
    pub traceparent: Option<String>,
    /// The other end reads bundles.
    pub bundles: bool,
    /// How many of its parameters are streams.
    pub uploads: u32,
}

/// A method and its parameters.
#[derive(Debug)]
pub struct Notification {
    /// The method.
    pub method: String,
    /// What it is called with.
    pub params: Option<Part>,
}

/// Tells what is in a message, piece by piece; false if it is no call and no bundle of calls, and so the user's.
pub fn read(payload: &Payload, mut found: impl FnMut(Incoming)) -> bool {
    let Ok(part) = Part::of(payload) else {
        return false;
    };
    match part.kind() {
        Kind::Object => match member(&part) {
            Some(incoming) => found(incoming),
            None => return false,
        },
        Kind::Array => {
            let mut is_first = true;
            let mut is_bundle = false;
            let looked = part.elements(|element| {
                let incoming = (is_first || is_bundle).then(|| member(&element)).flatten();
                is_bundle |= is_first && incoming.is_some();
                is_first = false;
                // What is no call inside of a bundle is dropped.
                if is_bundle && let Some(incoming) = incoming {
                    found(incoming);
                }
            });
            return looked.is_ok() && is_bundle;
        }
        Kind::Other => return false,
    }
    true
}

/// The members of a message that mean something.
#[derive(Default)]
struct Members {
    jsonrpc: Option<Part>,
    id: Option<Part>,
    method: Option<Part>,
    params: Option<Part>,
    result: Option<Part>,
    error: Option<Part>,
    crossfork: Option<Part>,
    traceparent: Option<Part>,
}

/// Reads one message; `None` if it is no call.
fn member(part: &Part) -> Option<Incoming> {
    if part.kind() != Kind::Object {
        return None;
    }
    let mut members = Members::default();
    let looked = part.properties(|name, value| {
        let place = match name {
            "jsonrpc" => &mut members.jsonrpc,
            "id" => &mut members.id,
            "method" => &mut members.method,
            "params" => &mut members.params,
            "result" => &mut members.result,
            "error" => &mut members.error,
            "crossfork" => &mut members.crossfork,
            "traceparent" => &mut members.traceparent,
            _ => return,
        };
        // In the advanced mode, a property that is not there may be written as one.
        *place = Some(value).filter(|value| !value.is_undefined());
    });
    let is_call = looked.is_ok() && members.jsonrpc.as_ref()?.is_text("2.0");
    is_call.then(|| members.incoming())
}

impl Members {
    fn incoming(self) -> Incoming {
        let id = self.id.as_ref().map(|id| id.decode::<Found>().unwrap_or(Found::Invalid));
        let Some(method) = self.method else {
            return Members { method: None, ..self }.answer(id);
        };
        let Ok(method) = method.decode::<String>() else {
            return Incoming::Invalid { is_request: id.is_some() };
        };
        let extra = self.crossfork.as_ref().map(Extra::read).unwrap_or_default();
        match id {
            Some(Found::Id(id)) => Incoming::Request(Request {
                id,
                call: Notification { method, params: self.params },
                stream: extra.stream,
                deadline: extra.deadline,
                traceparent: self.traceparent.and_then(|text| text.decode().ok()),
                bundles: extra.bundles,
                uploads: extra.uploads,
            }),
            Some(Found::Invalid) => Incoming::Invalid { is_request: true },
            None => notification(method, self.params),
        }
    }

    fn answer(self, id: Option<Found>) -> Incoming {
        let outcome = match (self.result, self.error) {
            (_, Some(error)) if error.kind() == Kind::Object => Err(RpcError::read(&error)),
            (Some(result), _) => Ok(result),
            _ => return Incoming::Invalid { is_request: false },
        };
        let Extra { bundles, resident, .. } = self.crossfork.as_ref().map(Extra::read).unwrap_or_default();
        match id {
            Some(Found::Id(id)) => Incoming::Answer { id, outcome, bundles, resident },
            _ => Incoming::Invalid { is_request: false },
        }
    }
}

/// The member that only our own ends write.
#[derive(Default)]
struct Extra {
    bundles: bool,
    stream: Option<u64>,
    deadline: Option<u64>,
    uploads: u32,
    resident: Option<u64>,
}

impl Extra {
    fn read(part: &Part) -> Self {
        let mut extra = Extra::default();
        let looked = part.properties(|name, value| match name {
            "bundles" => extra.bundles = value.decode::<f64>().is_ok_and(|n| n >= 1.0),
            "stream" => extra.stream = count(&value).filter(|n| *n > 0),
            "deadline" => extra.deadline = count(&value),
            "uploads" => {
                extra.uploads = count(&value).and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
            }
            "rss" => extra.resident = count(&value),
            _ => {}
        });
        if looked.is_err() { Extra::default() } else { extra }
    }
}

/// The id that a property of parameters is.
pub(crate) fn id_in(params: &Part, name: &str) -> Option<Id> {
    match params.get(name)?.decode::<Found>() {
        Ok(Found::Id(id)) => Some(id),
        _ => None,
    }
}

/// A whole number from 0 on.
fn count(part: &Part) -> Option<u64> {
    let n = part.decode::<f64>().ok()?;
    (n >= 0.0 && n.fract() == 0.0).then_some(n as u64)
}

/// No end of ours has credit for so many items. What is kept of one is many times what it is in the message.
const MOST_ITEMS: usize = 1 << 16;

/// A notification, or one of those that are about a call. One of another shape than ours is ignored.
fn notification(method: String, params: Option<Part>) -> Incoming {
    const IGNORED: Incoming = Incoming::Invalid { is_request: false };
    let id = |name: &str| id_in(params.as_ref()?, name);
    match &*method {
        "$/cancelRequest" => id("id").map_or(IGNORED, Incoming::Cancel),
        "$/progress" => {
            let (Some(token), Some(value)) = (id("token"), params.as_ref().and_then(|p| p.get("value")))
            else {
                return IGNORED;
            };
            if let Some(list) = value.get("items")
                && list.kind() == Kind::Array
            {
                let mut items = Vec::new();
                let mut is_sane = true;
                let looked = list.elements(|item| match items.len() < MOST_ITEMS {
                    true => items.push(item),
                    false => is_sane = false,
                });
                return if looked.is_ok() && is_sane { Incoming::Items { token, items } } else { IGNORED };
            }
            if matches!(token, Id::Text(_)) {
                // An upload's: a call of ours has a number, and another end's may be asked for with a text.
                if value.get("end").is_some() {
                    return Incoming::UploadEnd { token, outcome: Ok(()) };
                }
                if let Some(error) = value.get("error").filter(|error| error.kind() == Kind::Object) {
                    return Incoming::UploadEnd { token, outcome: Err(RpcError::read(&error)) };
                }
            }
            let value = value.get("progress").unwrap_or(value);
            Incoming::Progress { token, value }
        }
        "$/crossfork/left" => Incoming::Left,
        "$/crossfork/leave" => id("token").map_or(IGNORED, |token| Incoming::UploadLeft { token }),
        "$/crossfork/credit" => {
            let n = params.as_ref().and_then(|p| p.get("n")).and_then(|n| count(&n)).filter(|n| *n > 0);
            match (id("token"), n) {
                (Some(token), Some(n)) => Incoming::Credit { token, n },
                _ => IGNORED,
            }
        }
        _ => Incoming::Notification(Notification { method, params }),
    }
}
