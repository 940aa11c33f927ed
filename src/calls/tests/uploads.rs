//! Streams among parameters.

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::{BOTH, End, acquainted};
use crate::calls::machine::{Cancelling, Event};
use crate::calls::uploads::token;
use crate::calls::{Id, RpcError, Upload, collected, write};
use crate::wire::Serialization;

#[derive(Serialize, Deserialize)]
struct Import {
    table: String,
    rows: Upload<u32>,
}

impl End {
    /// Makes a call with uploads, of whose items nobody takes care.
    fn upload<P: Serialize>(&mut self, params: &P) -> u64 {
        self.last_id += 1;
        let (id, extra) = (self.last_id, self.extra(None));
        let write = || write::call(&self.encoder, id, "import", params, extra, None);
        let (body, sources) = collected(id, write).unwrap();
        assert!(self.calls.call(id, 0, body));
        self.calls.has_uploads(id, sources.len() as u32);
        id
    }

    fn send_item(&mut self, token: &Id, n: u32) -> bool {
        let body = write::item(&self.encoder, token, &n).unwrap();
        self.calls.upload_item(token, body)
    }

    fn open(&mut self, call: &Id, token: &Id, room: u64) -> bool {
        let is_open = self.calls.open_upload(call, token, room);
        if is_open {
            self.calls.notify(write::credit(&self.encoder, token.clone(), room).unwrap());
        }
        is_open
    }
}

fn rows() -> Upload<u32> {
    Upload::new(0..3)
}

fn import() -> Import {
    Import { table: "t".to_owned(), rows: rows() }
}

/// The token of the only upload of a call.
fn first(id: u64) -> Id {
    token(&id.into(), 0)
}

/// A call with one upload that the other end has begun.
fn begun(serialization: Serialization) -> (End, End, u64) {
    let (mut a, mut b) = acquainted(serialization);
    let id = a.upload(&import());
    a.send(&mut b);
    b.receive_all();
    (a, b, id)
}

#[test]
fn a_parameter_that_is_a_stream_travels_as_its_token() {
    for serialization in BOTH {
        let (mut a, mut b) = acquainted(serialization);
        let single = a.upload(&rows());
        let several = a.upload(&(1, rows(), vec![rows(), rows()]));
        let named = a.upload(&import());
        while a.send(&mut b) {}
        let mut requests = b.receive_all().into_iter().map(|event| match event {
            Event::Call(request) => request,
            other => panic!("{other:?}"),
        });
        let mut next = || requests.next().unwrap();
        let request = next();
        let upload: Upload<u32> = crate::calls::params::decode(request.call.params.as_ref()).unwrap();
        assert_eq!((request.uploads, upload.into_token()), (1, Some(first(single))));
        let request = next();
        let (_, _, inner): (u32, Upload<u32>, Vec<Upload<u32>>) =
            crate::calls::params::decode(request.call.params.as_ref()).unwrap();
        let tokens: Vec<_> = inner.into_iter().map(|upload| upload.into_token().unwrap()).collect();
        assert_eq!(
            (request.uploads, tokens),
            (3, vec![token(&several.into(), 1), token(&several.into(), 2)])
        );
        let request = next();
        let import: Import = crate::calls::params::decode(request.call.params.as_ref()).unwrap();
        assert_eq!((&*import.table, import.rows.into_token()), ("t", Some(first(named))));
    }
}

#[test]
fn an_upload_is_written_once_and_only_in_a_call() {
    let (mut a, _) = acquainted(Serialization::Json);
    assert!(a.encoder.body(&rows()).is_err());
    let rows = rows();
    let id = a.upload(&rows);
    let again = collected(id + 1, || write::call(&a.encoder, id + 1, "m", &rows, Default::default(), None));
    assert!(again.is_err());
    assert!(serde_json::from_str::<Upload<u32>>(r#"{"some":"thing"}"#).is_err());
}

#[test]
fn no_item_is_sent_without_credit_and_none_is_kept_without_room() {
    for serialization in BOTH {
        let (mut a, mut b, id) = begun(serialization);
        let token = first(id);
        assert!(!a.send_item(&token, 0));
        assert!(b.open(&id.into(), &token, 2));
        assert!(!b.open(&id.into(), &token, 2), "it is read once");
        b.send(&mut a);
        assert!(matches!(a.receive_all()[..], [Event::UploadMoves { id: moved }] if moved == id));
        assert_eq!(a.calls.upload_credit(&token), Some(2));
        assert_eq!([0, 1, 2].map(|n| a.send_item(&token, n)), [true, true, false]);
        // One that knows no limits.
        a.calls.notify(write::item(&a.encoder, &token, &3).unwrap());
        while a.send(&mut b) {}
        let events = b.receive_all();
        let kept = events.iter().filter(|event| matches!(event, Event::UploadItems { .. })).count();
        assert_eq!((kept, b.calls.dropped()), (2, 1));
        assert!(matches!(events.last(), Some(Event::UploadOverrun { .. })), "without some items it is none");
        assert!(!b.calls.grant_upload(&token, 1));
    }
}

#[test]
fn an_upload_ends_well_with_an_error_or_when_nobody_reads_it() {
    for serialization in BOTH {
        for error in [None, Some(RpcError::new(7, "no more"))] {
            let (mut a, mut b, id) = begun(serialization);
            let token = first(id);
            b.open(&id.into(), &token, 2);
            b.send(&mut a);
            a.receive_all();
            let body = match &error {
                None => write::upload_end(&a.encoder, &token),
                Some(error) => write::upload_error(&a.encoder, &token, error),
            };
            a.calls.end_upload(&token, body.unwrap());
            assert_eq!(a.calls.upload_credit(&token), None);
            a.send(&mut b);
            let events = b.receive_all();
            let [Event::UploadEnded { outcome, .. }] = &events[..] else { panic!("{events:?}") };
            assert_eq!(outcome.clone().err(), error);
            assert!(!b.calls.close_upload(&token), "there is nothing to leave");
        }
        let (mut a, mut b, id) = begun(serialization);
        let token = first(id);
        b.open(&id.into(), &token, 2);
        assert!(b.calls.close_upload(&token));
        b.calls.notify(write::upload_left(&b.encoder, &token).unwrap());
        while b.send(&mut a) {}
        assert_eq!(a.receive_all().len(), 2);
        assert_eq!(a.calls.upload_credit(&token), None);
    }
}

#[test]
fn an_upload_ends_with_its_call_on_both_sides() {
    let (mut a, mut b, id) = begun(Serialization::Json);
    let token = first(id);
    b.open(&id.into(), &token, 2);
    b.answer(&id.into());
    assert!(!b.calls.grant_upload(&token, 1));
    while b.send(&mut a) {}
    a.receive_all();
    assert_eq!(a.calls.upload_credit(&token), None);

    let (mut a, mut b, id) = begun(Serialization::Json);
    assert_eq!(a.cancel(id), Cancelling::Tell);
    assert_eq!(a.calls.upload_credit(&first(id)), None);
    a.send(&mut b);
    b.receive_all();
    assert!(!b.open(&id.into(), &first(id), 2), "who was cancelled reads nothing");
}

/// What a peer may say of uploads: tokens that there are, and others.
fn hostile() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::json;
    let token = prop_oneof![
        Just(json!("2.0")),
        Just(json!("2.1")),
        Just(json!("2.4294967296")),
        Just(json!(2)),
        Just(json!("\"2\".0")),
        Just(json!(null)),
    ];
    let value = prop_oneof![
        Just(json!({ "items": [1, 2] })),
        Just(json!({ "items": [] })),
        Just(json!({ "items": 1 })),
        Just(json!({ "end": true })),
        Just(json!({ "error": { "code": 1 } })),
        Just(json!({ "error": null })),
        Just(json!([])),
    ];
    let method = prop_oneof![Just("$/progress"), Just("$/crossfork/credit"), Just("$/crossfork/leave")];
    (method, token, value, -1..3_i64).prop_map(|(method, token, value, n)| {
        json!({ "jsonrpc": "2.0", "method": method, "params": { "token": token, "value": value, "n": n } })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Whatever a peer says of uploads, no more items are handed on than there was room for, none behind the
    /// end, and nothing is left when the calls have ended.
    #[test]
    fn whatever_is_said_of_uploads_no_more_comes_than_there_is_room_for(
        messages in prop::collection::vec(hostile(), 0..40),
        room in 0..5_u64,
    ) {
        for serialization in BOTH {
            let (mut a, mut b, id) = begun(serialization);
            prop_assert_eq!(id, 2);
            let ours = b.upload(&import());
            while b.send(&mut a) {}
            b.calls.open_upload(&id.into(), &first(id), room);
            let (mut came, mut has_ended) = (0, false);
            for message in &messages {
                a.calls.notify(a.encoder.body(message).unwrap());
                while a.send(&mut b) {}
                for event in b.receive_all() {
                    match event {
                        Event::UploadItems { token, items } => {
                            assert!(token == first(id) && !has_ended);
                            came += items.len() as u64;
                        }
                        Event::UploadEnded { token, .. } | Event::UploadOverrun { token } => {
                            assert!(token == first(id) && !has_ended);
                            has_ended = true;
                        }
                        Event::UploadMoves { id } => assert_eq!(id, ours),
                        Event::Credit(call) => assert_eq!(call, id.into()),
                        Event::Dropped | Event::Progress { .. } => {}
                        other => panic!("{other:?}"),
                    }
                }
            }
            prop_assert!(came <= room);
            b.answer(&id.into());
            prop_assert!(!b.calls.close_upload(&first(id)));
            b.calls.end();
            prop_assert_eq!(b.calls.upload_credit(&first(ours)), None);
        }
    }
}
