//! An end, and a peer that says anything to it.

use std::collections::HashSet;

use bytes::Bytes;

use super::End;
use crate::calls::machine::Event;
use crate::calls::read::read;
use crate::message::Payload;
use crate::wire::Serialization;

/// The peer says these messages, to an end that has called it three times. Each of the peer's calls that was not
/// refused can be answered once, and nothing else is kept of what it has said.
pub fn run<'a>(serialization: Serialization, messages: impl IntoIterator<Item = &'a [u8]>) {
    let (mut end, mut peer) = (End::new(serialization), End::new(serialization));
    // Their ids are what a peer may guess.
    let ours: Vec<_> = (0..3).map(|_| end.call(2)).collect();
    while end.send(&mut peer) {}
    let (mut open, mut ended) = (Vec::new(), HashSet::new());
    let mut overrun = HashSet::new();
    for message in messages {
        let payload = Payload::new(serialization, Bytes::copy_from_slice(message));
        read(&payload, |incoming| match end.calls.handle(incoming) {
            Event::Call(request) => {
                assert!(!open.contains(&request.id), "an id that is in use is refused");
                open.push(request.id);
            }
            Event::Answered { id, was_cancelled, .. } => {
                assert!(ours.contains(&id) && ended.insert(id));
                assert_eq!(was_cancelled, overrun.contains(&id));
            }
            Event::Items { id, .. } | Event::Progress { id, .. } => {
                assert!(ours.contains(&id) && !ended.contains(&id) && !overrun.contains(&id));
            }
            Event::Overrun { id } => {
                assert!(ours.contains(&id) && !ended.contains(&id) && overrun.insert(id))
            }
            Event::Cancelled(id) | Event::Credit(id) => assert!(open.contains(&id)),
            Event::Refused(..) | Event::Notify(_) | Event::Dropped => {}
            event @ (Event::UploadMoves { .. }
            | Event::UploadItems { .. }
            | Event::UploadOverrun { .. }
            | Event::UploadEnded { .. }) => {
                panic!("there are no uploads: {event:?}")
            }
        });
    }
    assert_eq!(end.calls.open(), open.len());
    assert_eq!(end.calls.queued_bytes(), 0);
    open.iter().for_each(|id| end.answer(id));
    assert_eq!(end.calls.open(), 0);
    let left = end.calls.end().len();
    assert_eq!(left, ours.iter().filter(|id| !ended.contains(*id) && !overrun.contains(*id)).count());
}
