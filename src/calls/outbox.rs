//! [`Outbox`]: what waits to be sent, and what goes together.

use std::collections::VecDeque;

use super::id::Id;
use crate::handle::Outgoing;
use crate::message::body::Body;

/// How many messages a bundle holds at most, and how long they may be together: the first of them waits
/// for the last.
const MOST_MESSAGES: usize = 64;
const MOST_BYTES: usize = 64 * 1024;

/// Messages that were written, in their order.
#[derive(Default)]
pub(super) struct Outbox {
    waiting: VecDeque<(Kind, Body)>,
    bytes: usize,
    answer_bytes: usize,
}

/// What a message is about.
#[derive(PartialEq)]
pub(super) enum Kind {
    Call(u64),
    /// Of the call with this id, if it has one.
    Answer(Option<Id>),
    /// How far a call of the other end is: a later one takes its place.
    Progress(Id),
    Other,
}

impl Outbox {
    pub(super) fn push(&mut self, kind: Kind, body: Body) {
        self.bytes += body.len();
        if matches!(kind, Kind::Answer(_)) {
            self.answer_bytes += body.len();
        }
        self.waiting.push_back((kind, body));
    }

    pub(super) fn withdraw(&mut self, kind: &Kind) {
        if let Some(at) = self.waiting.iter().position(|(waiting, _)| waiting == kind)
            && let Some((_, body)) = self.waiting.remove(at)
        {
            self.bytes -= body.len();
        }
    }

    /// Takes the handles of calls that were not sent, with the ids of these calls.
    pub(super) fn take_handles(&mut self) -> Vec<(u64, Outgoing)> {
        let handle_of = |(kind, body): &mut (Kind, Body)| match kind {
            Kind::Call(id) => Some((*id, body.take_handle()?)),
            _ => None,
        };
        self.waiting.iter_mut().filter_map(handle_of).collect()
    }

    /// Drops what is no call.
    pub(super) fn keep_calls(&mut self) {
        self.waiting.retain(|(kind, _)| matches!(kind, Kind::Call(_)));
        self.bytes = self.waiting.iter().map(|(_, body)| body.len()).sum();
        self.answer_bytes = 0;
    }

    pub(super) fn withdraw_calls(&mut self) {
        let Outbox { waiting, bytes, .. } = self;
        waiting.retain(|(kind, body)| {
            let is_call = matches!(kind, Kind::Call(_));
            *bytes -= if is_call { body.len() } else { 0 };
            !is_call
        });
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many bytes the answers have that wait.
    pub(super) fn answer_bytes(&self) -> usize {
        self.answer_bytes
    }

    /// Takes what goes in one message: several only in a bundle. Tells what each is about.
    pub(super) fn take(&mut self, bundles: bool, mut gone: impl FnMut(Kind)) -> Vec<Body> {
        let mut taken: Vec<Body> = Vec::new();
        let mut bytes = 0;
        while let Some((_, next)) = self.waiting.front() {
            let is_first = taken.is_empty();
            let fits = bundles
                && taken.len() < MOST_MESSAGES
                && bytes + next.len() <= MOST_BYTES
                && next.is_movable()
                && taken.first().is_none_or(Body::is_movable);
            if !is_first && !fits {
                break;
            }
            let Some((kind, body)) = self.waiting.pop_front() else {
                break;
            };
            bytes += body.len();
            if matches!(kind, Kind::Answer(_)) {
                self.answer_bytes -= body.len();
            }
            gone(kind);
            taken.push(body);
        }
        self.bytes -= bytes;
        taken
    }
}
