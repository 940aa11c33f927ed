//! Two ends, and a network between them that delivers bytes as it likes and is cut at any of them: what the property
//! tests and the fuzzer run.

pub mod hostile;
pub mod script;

use bytes::BytesMut;

use super::machine::{Calls, Cancelling, Credit, Event};
use super::read::read;
use super::write::{self, Extra};
use super::{Id, RpcError};
use crate::message::Payload;
use crate::message::body::Body;
use crate::message::encoder::Encoder;
use crate::wire::Serialization;
use crate::wire::frame::{Frame, Splitter};

/// One end, and what is on its way to it.
pub(crate) struct End {
    pub(crate) calls: Calls,
    pub(crate) encoder: Encoder,
    pub(crate) last_id: u64,
    splitter: Splitter,
    network: BytesMut,
    input: BytesMut,
    pub(crate) messages: usize,
}

impl End {
    pub(crate) fn new(serialization: Serialization) -> Self {
        End {
            calls: Calls::default(),
            encoder: Encoder::new(serialization),
            last_id: 0,
            splitter: Splitter::new(serialization),
            network: BytesMut::new(),
            input: BytesMut::new(),
            messages: 0,
        }
    }

    pub(crate) fn extra(&self, stream: Option<u32>) -> Extra {
        Extra { stream, ..Extra::announcing(self.calls.must_announce()) }
    }

    pub(crate) fn call(&mut self, stream: u32) -> u64 {
        self.last_id += 1;
        let (id, extra) = (self.last_id, self.extra((stream > 0).then_some(stream)));
        let body = write::call(&self.encoder, id, "method", &id, extra, None).unwrap();
        assert!(self.calls.call(id, stream.into(), body));
        id
    }

    pub(crate) fn cancel(&mut self, id: u64) -> Cancelling {
        let cancelling = self.calls.cancel(id);
        if cancelling == Cancelling::Tell {
            self.calls.notify(write::cancel(&self.encoder, id).unwrap());
        }
        cancelling
    }

    pub(crate) fn answer(&mut self, id: &Id) {
        let extra = self.extra(None);
        let body = write::result(&self.encoder, id, &vec![id; 2], extra).unwrap();
        assert!(self.calls.answer(id, body));
    }

    pub(crate) fn fail(&mut self, id: &Id, error: &RpcError) {
        let extra = self.extra(None);
        let body = write::error(&self.encoder, Some(id), error, extra).unwrap();
        assert!(self.calls.answer(id, body));
    }

    pub(crate) fn item(&mut self, id: &Id, n: u64) -> Credit {
        let credit = self.calls.take_credit(id);
        if credit == Credit::Taken {
            self.calls.notify(write::item(&self.encoder, id, &n).unwrap());
        }
        credit
    }

    pub(crate) fn grant(&mut self, id: u64, n: u64) -> bool {
        let is_told = self.calls.grant(id, n);
        if is_told {
            self.calls.notify(write::credit(&self.encoder, id, n).unwrap());
        }
        is_told
    }

    pub(crate) fn report(&mut self, id: &Id, n: u64) {
        let body = write::progress(&self.encoder, id, &n).unwrap();
        self.calls.progress(id, body);
    }

    pub(crate) fn notify(&mut self, n: u64) {
        self.calls.notify(write::notification(&self.encoder, "note", &n).unwrap());
    }

    /// Sends what is ready: one message.
    pub(crate) fn send(&mut self, to: &mut End) -> bool {
        let bodies = self.calls.take_output();
        if bodies.is_empty() {
            return false;
        }
        to.network.extend_from_slice(&Body::frame(bodies).unwrap());
        true
    }

    /// So many bytes come.
    pub(crate) fn receive(&mut self, bytes: usize) -> Vec<Event> {
        let come = self.network.split_to(bytes.min(self.network.len()));
        self.input.extend_from_slice(&come);
        let mut events = Vec::new();
        while let Some(frame) = self.splitter.next_frame(&mut self.input, 1 << 20) {
            let Frame::Whole(bytes) = frame else { panic!("{frame:?}") };
            self.messages += 1;
            let payload = Payload::new(self.encoder.serialization(), bytes);
            assert!(read(&payload, |incoming| events.push(self.calls.handle(incoming))));
        }
        events
    }

    pub(crate) fn receive_all(&mut self) -> Vec<Event> {
        self.receive(usize::MAX)
    }
}
