//! An output that may be slow, that nobody reads, or that cannot be written for a while: a thread writes, and
//! waits in our place.
//!
//! ```text
//!   Fine ──── no room for PATIENCE ──► Stuck: what comes is lost, and nobody waits
//!    │ ▲                                 │
//!    │ └───── there is room again ───────┘
//!    │ ▲
//!    │ └───── a write succeeds ──────────┐
//!    └──── a write fails ───► Failing: what fits waits, the rest is lost; each RETRY another try
//! ```

use std::fmt;
use std::io::{self, Write};
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::format::Stream;

/// How many bytes wait to be written, at the most.
pub const CAPACITY: usize = 1 << 20;

/// How long a worker's output may wait for room before lines are thrown away.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// How long after a write that failed it is tried again.
pub const RETRY: Duration = Duration::from_millis(500);

/// What is wrong with an output, to be told where it can be read.
#[derive(Debug)]
pub enum Trouble {
    /// It cannot be written.
    Failing(io::Error),
    /// There was no room for too long, and lines are lost.
    Unread,
    /// It is over; so many lines were lost.
    Over(usize),
}

/// Takes lines. The thread ends with the last of its clones.
#[derive(Clone)]
pub struct Sink(Arc<Owner>);

/// A [`Sink`] as long as there is one.
#[derive(Clone)]
pub struct WeakSink(Weak<Owner>);

struct Owner(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    filled: Condvar,
    written: Notify,
    lost: Box<dyn Fn(usize) -> Vec<u8> + Send + Sync>,
    tell: OnceLock<Box<dyn Fn(Trouble) + Send + Sync>>,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    /// How many lines these are.
    waiting_lines: usize,
    /// How many are being written.
    writing: usize,
    /// How many lines were thrown away behind those that wait.
    lost: usize,
    /// Who has written a line last that has no end yet.
    open: Option<Source>,
    /// All are thrown away, and nobody waits for room any more, until there is some.
    is_stuck: bool,
    /// The last write has failed.
    is_failing: bool,
    /// Nobody has the sink any more.
    is_closed: bool,
}

/// Who writes. Nobody's line is joined to one that another has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// We do.
    Ourselves,
    /// A stream of the worker of this process.
    Worker(u32, Stream),
}

/// What happens to a line for which there is no room.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    Wait,
    DropIfFull,
}

impl Sink {
    /// Starts the thread. `lost` makes the line that stands for so many that were thrown away.
    ///
    /// # Errors
    /// If there cannot be one.
    pub fn new(
        to: impl Write + Send + 'static,
        lost: impl Fn(usize) -> Vec<u8> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            filled: Condvar::new(),
            written: Notify::new(),
            lost: Box::new(lost),
            tell: OnceLock::new(),
        });
        let writer = shared.clone();
        thread::Builder::new().name("crossfork-log".into()).spawn(move || writer.write_all(to))?;
        Ok(Sink(Arc::new(Owner(shared))))
    }

    /// What is to be done when there is trouble, and when it is over. Only the first call counts.
    pub fn on_trouble(&self, tell: impl Fn(Trouble) + Send + Sync + 'static) {
        let _ = self.0.0.tell.set(Box::new(tell));
    }

    /// One that does not keep the thread.
    pub fn downgrade(&self) -> WeakSink {
        WeakSink(Arc::downgrade(&self.0))
    }

    /// Takes so many lines. Where there is no room, waits for [`PATIENCE`]; then these lines are
    /// lost, and so are all others until there is room.
    pub async fn write(&self, text: &[u8], lines: usize, from: Source) {
        let shared = &self.0.0;
        let room = async {
            loop {
                let mut written = pin!(shared.written.notified());
                // Before the look: it may be written in between.
                written.as_mut().enable();
                if shared.take(text, lines, from, Room::Wait) {
                    return;
                }
                written.await;
            }
        };
        if tokio::time::timeout(PATIENCE, room).await.is_err() {
            shared.take(text, lines, from, Room::DropIfFull);
        }
    }

    /// As [`write`](Self::write), for ourselves, but waits for nothing.
    pub fn write_now(&self, text: &[u8], lines: usize) {
        self.0.0.take(text, lines, Source::Ourselves, Room::DropIfFull);
    }

    /// How many lines wait to be written.
    pub fn unwritten(&self) -> usize {
        let state = self.0.0.lock();
        state.waiting_lines + state.writing + state.lost
    }

    /// Waits until all is written, or cannot be.
    pub async fn flush(&self) {
        let shared = &self.0.0;
        loop {
            let mut written = pin!(shared.written.notified());
            written.as_mut().enable();
            if shared.is_done() {
                return;
            }
            written.await;
        }
    }
}

impl WeakSink {
    /// As [`Sink::write_now`], if there is a sink.
    pub fn write_now(&self, text: &[u8], lines: usize) {
        if let Some(owner) = self.0.upgrade() {
            owner.0.take(text, lines, Source::Ourselves, Room::DropIfFull);
        }
    }
}

impl Shared {
    /// False if there is no room, and it is to be waited for.
    fn take(&self, text: &[u8], lines: usize, from: Source, room: Room) -> bool {
        let mut state = self.lock();
        if state.waiting.is_empty() || state.waiting.len() + text.len() <= CAPACITY && !state.is_stuck {
            if state.open.is_some_and(|other| other != from) {
                state.waiting.push(b'\n');
            }
            state.open = (!text.ends_with(b"\n")).then_some(from);
            state.waiting.extend_from_slice(text);
            state.waiting_lines += lines;
            self.filled.notify_one();
            return true;
        }
        if room == Room::Wait && !state.is_stuck && !state.is_failing {
            return false;
        }
        // Others wait to be written, and then it is stuck no more.
        let is_news = !std::mem::replace(&mut state.is_stuck, true) && !state.is_failing;
        state.lost += lines;
        drop(state);
        if is_news {
            self.tell(Trouble::Unread);
        }
        true
    }

    fn is_done(&self) -> bool {
        let state = self.lock();
        state.is_failing || state.waiting.is_empty() && state.writing == 0
    }

    fn write_all(&self, mut to: impl Write) {
        let mut batch = Vec::new();
        while self.next_batch(&mut batch) {
            let mut rest = &batch[..];
            while !rest.is_empty() {
                let failure = match to.write(rest) {
                    Ok(0) => io::ErrorKind::WriteZero.into(),
                    Ok(written) => {
                        rest = &rest[written..];
                        self.works();
                        continue;
                    }
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                    Err(e) => e,
                };
                if !self.fails(failure) {
                    return;
                }
            }
            self.lock().writing = 0;
            self.written.notify_waiters();
        }
    }

    /// False when there will be none.
    fn next_batch(&self, batch: &mut Vec<u8>) -> bool {
        batch.clear();
        let mut state = self.lock();
        while state.waiting.is_empty() && !state.is_closed {
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::swap(&mut state.waiting, batch);
        state.writing = std::mem::take(&mut state.waiting_lines);
        state.is_stuck = false;
        let lost = std::mem::take(&mut state.lost);
        if lost > 0 {
            if state.open.take().is_some() {
                state.waiting.push(b'\n');
            }
            state.waiting.extend((self.lost)(lost));
        }
        drop(state);
        // There is room again.
        self.written.notify_waiters();
        if lost > 0 {
            self.tell(Trouble::Over(lost));
        }
        !batch.is_empty()
    }

    /// A write has succeeded.
    fn works(&self) {
        let mut state = self.lock();
        // If lines were lost, that is told when there is room for more.
        let is_news = std::mem::take(&mut state.is_failing) && state.lost == 0;
        drop(state);
        if is_news {
            self.tell(Trouble::Over(0));
        }
    }

    /// Waits for the time of the next try; false if nobody is left for whom to try. That the reader has gone
    /// away, or that a disk is full, must not be the end of those that serve.
    fn fails(&self, error: io::Error) -> bool {
        let next = Instant::now() + RETRY;
        let mut state = self.lock();
        let is_news = !std::mem::replace(&mut state.is_failing, true);
        drop(state);
        // Nobody is to wait for it.
        self.written.notify_waiters();
        if is_news {
            self.tell(Trouble::Failing(error));
        }
        let mut state = self.lock();
        loop {
            let left = next.saturating_duration_since(Instant::now());
            if state.is_closed || left.is_zero() {
                return !state.is_closed;
            }
            state = self.filled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Never under the lock, for it may be told to another sink, which tells us.
    fn tell(&self, trouble: Trouble) {
        if let Some(tell) = self.tell.get() {
            tell(trouble);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.filled.notify_one();
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink").finish_non_exhaustive()
    }
}
