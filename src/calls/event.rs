//! What a machine of calls tells of.

use super::error::RpcError;
use super::id::Id;
use super::read::{Notification, Request};
use crate::message::part::Part;

/// What input came to.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A call is to be carried out.
    Call(Request),
    /// A notification is to be handled.
    Notify(Notification),
    /// A call of ours has ended.
    Answered {
        /// Its id.
        id: u64,
        /// What it came to.
        outcome: Result<Part, RpcError>,
        /// Nobody waits for it.
        was_cancelled: bool,
    },
    /// Items of the stream that a call of ours has as its result.
    Items {
        /// The call's id.
        id: u64,
        /// In their order.
        items: Vec<Part>,
    },
    /// More items came than were asked for. Nobody waits for the call any more, and the other end is to be told.
    Overrun {
        /// The call's id.
        id: u64,
    },
    /// How far a call of ours is.
    Progress {
        /// The call's id.
        id: u64,
        /// What the handler reports.
        value: Part,
    },
    /// There is credit for an upload of a call of ours, or nobody reads it any more.
    UploadMoves {
        /// The call's id.
        id: u64,
    },
    /// Items of an upload that a call of theirs has among its parameters.
    UploadItems {
        /// The upload's.
        token: Id,
        /// In their order.
        items: Vec<Part>,
    },
    /// More items of an upload came than there was room for. It is not read any more, and the other end is to be
    /// told.
    UploadOverrun { token: Id },
    /// There are no more items of an upload.
    UploadEnded {
        /// The upload's.
        token: Id,
        /// Or what it failed with.
        outcome: Result<(), RpcError>,
    },
    /// A call of theirs is not wanted any more.
    Cancelled(Id),
    /// There is credit for the stream of a call of theirs.
    Credit(Id),
    /// To be answered with an error; without an id, if it had none.
    Refused(Option<Id>, RpcError),
    /// Nothing.
    Dropped,
}

/// What happens to a call that is cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelling {
    /// It was not sent, and will not be.
    Withdrawn,
    /// The other end is to be told. The id is in use until it answers.
    Tell,
    /// It has ended, or was cancelled before.
    Over,
}

/// Whether an item of a stream may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credit {
    /// Yes, and it has been counted.
    Taken,
    /// Not before there is credit.
    Wait,
    /// Nobody wants it.
    Gone,
}

/// What a message was about that could not be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// A call of ours.
    Call(u64),
    /// The answer to a call of theirs.
    Answer(Id),
}

/// A call of ours that the end has come for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// Its id.
    pub id: u64,
    /// It was handed over, and may have been begun.
    pub begun: bool,
}
