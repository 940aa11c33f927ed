//! Messages of workers: read, and passed on to the others.

use super::guard::Guard;
use super::relay::{Fate, Kind, MOST_QUEUED, SHOWN, Start};
use crate::message::Message;
use crate::tokio::cluster::ForkedWorker;

impl Guard {
    /// A worker has sent this.
    pub(super) fn message(&mut self, worker: &ForkedWorker, message: &Message) {
        let now = self.now();
        match self.relay.received(worker.id(), kind(message), || start(message), now) {
            Fate::Ready => self.policy.ready(worker.id(), now),
            Fate::PassOn => self.pass_on_message(worker, message),
            Fate::Nothing => {}
        }
        self.say_of_messages();
    }

    /// To all others. It is written once, for all have the same serialization.
    fn pass_on_message(&mut self, sender: &ForkedWorker, message: &Message) {
        let now = self.now();
        let mut frame = None;
        for (id, worker) in
            self.workers.iter().filter(|(_, worker)| *worker != sender && worker.is_connected())
        {
            if frame.is_none() {
                match worker.frame_of(message.payload()) {
                    Ok(made) => frame = Some(made),
                    Err(e) => return self.relay.cannot_pass_on(sender.id(), &e, now),
                }
            }
            match worker.offer_frame(frame.as_deref().unwrap_or_default(), MOST_QUEUED) {
                Some(queued) => self.relay.accepted(*id, queued, now),
                None => self.relay.lost(*id, now),
            }
        }
        let least = least_queued(self.workers.values(), sender.id());
        if self.relay.passed_on(sender.id(), least, now) {
            sender.hold();
        }
    }

    /// Goes on to read from senders that the others have caught up with.
    pub(super) fn release_senders(&mut self) {
        let least = |id| least_queued(self.workers.values(), id);
        for id in self.relay.release(least, self.start.elapsed()) {
            if let Some(worker) = self.workers.get(&id) {
                worker.release();
            }
        }
    }

    pub(super) fn say_of_messages(&mut self) {
        while let Some(text) = self.relay.poll_notice() {
            self.reporter.messages(&text);
        }
    }
}

fn least_queued<'a>(workers: impl Iterator<Item = &'a ForkedWorker>, sender: u32) -> Option<usize> {
    let others = workers.filter(|worker| worker.id() != sender && worker.is_connected());
    others.map(ForkedWorker::queued_bytes).min()
}

/// As programs say to pm2: `process.send('ready')`.
fn kind(message: &Message) -> Kind {
    let is_ready = || message.decode::<String>().is_ok_and(|text| text == "ready");
    match message.handle() {
        Some(_) => Kind::WithHandle,
        None if message.payload().as_bytes().len() < 32 && is_ready() => Kind::Ready,
        None => Kind::Message,
    }
}

/// How it begins, for people.
fn start(message: &Message) -> String {
    // Enough for so many characters, however long each is.
    let bytes = message.payload().as_bytes();
    let short = bytes.len() <= 64 * 1024;
    match message.value() {
        Ok(value) if short => Start(&value.to_string()).to_string(),
        _ => Start(&String::from_utf8_lossy(&bytes[..bytes.len().min(4 * SHOWN + 4)])).to_string(),
    }
}
