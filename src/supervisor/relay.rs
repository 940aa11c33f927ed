//! What becomes of messages that workers send with `process.send`: a machine that knows neither a clock nor
//! processes.
//!
//! Without `--relay` nobody reads them, and that is said once. With it, each goes to all other workers.
//!
//! A worker that does not read must not make us keep any number of bytes. When [`MOST_QUEUED`] wait for it, further
//! messages to it are lost, and counted; the others get them. Before that, backpressure: while more than
//! [`MUCH_QUEUED`] wait for each of the others, nothing is read from the sender. But it gets no connections
//! meanwhile, so this ends after [`PATIENCE`], and does not begin again before some worker has caught up.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::time::Duration;

use super::policy::{Subject, Time};
use super::repeats::{Repeats, Verdict};

/// How many bytes may wait for one worker. A longer message may, if nothing else does.
pub const MOST_QUEUED: usize = 16 << 20;

/// How many bytes wait for a worker that is behind.
pub const MUCH_QUEUED: usize = 1 << 20;

/// How long a sender waits for others that are behind.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// How often to look whether one has caught up.
pub const LOOK: Duration = Duration::from_millis(5);

/// How often something may be said about a worker in a minute.
const A_MINUTE: u32 = 5;

/// The machine.
#[derive(Debug)]
pub struct Relay {
    passes_on: bool,
    wait_ready: bool,
    workers: BTreeMap<u32, Worker>,
    /// Senders that are not read, until then.
    held: BTreeMap<u32, Time>,
    /// Senders that have waited in vain, while none has caught up since.
    impatient: BTreeSet<u32>,
    said_ready: bool,
    said_unread: bool,
    said: Repeats<u32>,
    notices: VecDeque<String>,
}

#[derive(Debug)]
struct Worker {
    subject: Subject,
    /// How many messages to it were lost since it was told that some are.
    lost: u64,
}

/// What a message is, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The text `'ready'`, alone.
    Ready,
    /// Any other.
    Message,
    /// Any, with a handle.
    WithHandle,
}

/// What is to be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The worker says that it is ready.
    Ready,
    /// All other workers get it: then call [`Relay::passed_on`].
    PassOn,
    /// Nothing.
    Nothing,
}

impl Relay {
    /// Whether messages are passed on, and whether `'ready'` is for us.
    pub fn new(passes_on: bool, wait_ready: bool) -> Self {
        Relay {
            passes_on,
            wait_ready,
            workers: BTreeMap::new(),
            held: BTreeMap::new(),
            impatient: BTreeSet::new(),
            said_ready: false,
            said_unread: false,
            said: Repeats::new(A_MINUTE),
            notices: VecDeque::new(),
        }
    }

    /// There is a new worker.
    pub fn joined(&mut self, id: u32, subject: Subject) {
        self.workers.insert(id, Worker { subject, lost: 0 });
    }

    /// It is gone.
    pub fn left(&mut self, id: u32, now: Time) {
        if let Some(Worker { subject, lost: lost @ 1.. }) = self.workers.remove(&id) {
            self.say(id, format!("{subject} has ended: {lost} messages to it were lost"), now);
        }
        self.held.remove(&id);
        self.impatient.remove(&id);
    }

    /// Another program may run from now on: what was said of the one before may be said again.
    pub fn reloading(&mut self) {
        self.said_ready = false;
        self.said_unread = false;
    }

    /// A worker has sent this, and it begins like that.
    pub fn received(&mut self, id: u32, kind: Kind, start: impl FnOnce() -> String, now: Time) -> Fate {
        let Some(subject) = self.workers.get(&id).map(|worker| worker.subject) else {
            return Fate::Nothing;
        };
        match (kind, self.passes_on) {
            (Kind::Ready, _) if self.wait_ready => return Fate::Ready,
            (Kind::Ready | Kind::Message, true) => return Fate::PassOn,
            (Kind::WithHandle, true) => {
                let text = format!(
                    "{subject} has sent a handle with a message: --relay passes on messages without handles only, \
                     so both are dropped"
                );
                self.say(id, text, now);
            }
            (Kind::Ready, false) => {
                if !std::mem::replace(&mut self.said_ready, true) {
                    self.notices.push_back(format!(
                        "{subject} has sent 'ready', which has no effect: use --wait-ready to wait for it"
                    ));
                }
            }
            (Kind::Message | Kind::WithHandle, false) => {
                if !std::mem::replace(&mut self.said_unread, true) {
                    self.notices.push_back(format!(
                        "{subject} has sent a message that nobody reads. Use --relay to pass messages on to all other \
                         workers; without it they are dropped, which is said only once. The message: {}",
                        start()
                    ));
                }
            }
        }
        Fate::Nothing
    }

    /// What the worker has sent could not be read by others.
    pub fn cannot_pass_on(&mut self, id: u32, why: &impl fmt::Display, now: Time) {
        if let Some(subject) = self.workers.get(&id).map(|worker| worker.subject) {
            self.say(id, format!("a message of {subject} cannot be passed on, and is dropped: {why}"), now);
        }
    }

    /// The worker's channel has accepted a message, and so many bytes wait for it now.
    pub fn accepted(&mut self, id: u32, queued: usize, now: Time) {
        let Some(worker) = self.workers.get_mut(&id) else {
            return;
        };
        if worker.lost > 0 && queued < MUCH_QUEUED {
            let (subject, lost) = (worker.subject, std::mem::take(&mut worker.lost));
            self.say(id, format!("{subject} reads messages again: {lost} to it were lost"), now);
        }
    }

    /// A message would have been too much for the worker's channel, and is lost.
    pub fn lost(&mut self, id: u32, now: Time) {
        let Some(worker) = self.workers.get_mut(&id) else {
            return;
        };
        worker.lost += 1;
        if worker.lost == 1 {
            let (subject, most) = (worker.subject, MOST_QUEUED >> 20);
            let text = format!(
                "{subject} does not read its messages: {most} MiB wait for it, and further ones to it are lost"
            );
            self.say(id, text, now);
        }
    }

    /// A message of this worker was passed on. True if nothing is to be read from it now. `least`: how many bytes
    /// wait for the other worker that is the least behind.
    pub fn passed_on(&mut self, id: u32, least: Option<usize>, now: Time) -> bool {
        let least = least.unwrap_or(0);
        if least < MUCH_QUEUED / 2 {
            self.impatient.remove(&id);
        }
        let holds = least >= MUCH_QUEUED && !self.impatient.contains(&id) && !self.held.contains_key(&id);
        if holds {
            self.held.insert(id, now.saturating_add(PATIENCE));
        }
        holds
    }

    /// Whether [`release`](Self::release) is to be called after [`LOOK`].
    pub fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// The senders that are to be read again, given how many bytes wait for the other worker that is the least
    /// behind.
    pub fn release(&mut self, least: impl Fn(u32) -> Option<usize>, now: Time) -> Vec<u32> {
        let mut released = Vec::new();
        for (&id, &until) in &self.held {
            let has_caught_up = least(id).is_none_or(|least| least < MUCH_QUEUED / 2);
            if has_caught_up || until <= now {
                released.push(id);
                if !has_caught_up {
                    self.impatient.insert(id);
                }
            }
        }
        self.held.retain(|id, _| !released.contains(id));
        released
    }

    /// What the user is to be told.
    pub fn poll_notice(&mut self) -> Option<String> {
        self.notices.pop_front()
    }

    fn say(&mut self, id: u32, mut text: String, now: Time) {
        match self.said.admit(id, now) {
            Verdict::Say => {}
            Verdict::SayAsLast => text += " (more of this worker's messages is left out for a minute)",
            Verdict::LeaveOut => return,
        }
        self.notices.push_back(text);
    }
}

/// The first characters of a text, in one line of them.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a>(pub &'a str);

/// How many characters it shows.
pub const SHOWN: usize = 100;

impl fmt::Display for Start<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut chars = self.0.chars();
        for char in chars.by_ref().take(SHOWN) {
            match char.is_control() {
                true => write!(f, "{}", char.escape_default())?,
                false => write!(f, "{char}")?,
            }
        }
        if chars.next().is_some() { f.write_str("...") } else { Ok(()) }
    }
}
