//! An output that may be slow, or that nobody reads: a thread writes, and waits in our place.

use std::fmt;
use std::io::{self, Write};
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::Notify;

/// How many bytes wait to be written, at the most.
pub const CAPACITY: usize = 1 << 20;

/// How long a worker's output may wait for room before lines are thrown away.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// Takes lines. The thread ends with the last of its clones.
#[derive(Clone)]
pub struct Sink(Arc<Owner>);

struct Owner(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    filled: Condvar,
    written: Notify,
    lost: Box<dyn Fn(usize) -> Vec<u8> + Send + Sync>,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    is_writing: bool,
    /// How many lines were thrown away since the last that was not.
    lost: usize,
    /// Nobody waits for room any more, until there is some.
    is_stuck: bool,
    /// No more can be written, or is to be.
    is_closed: bool,
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
        });
        let writer = shared.clone();
        thread::Builder::new().name("crossfork-log".into()).spawn(move || writer.write_all(to))?;
        Ok(Sink(Arc::new(Owner(shared))))
    }

    /// Takes so many lines. Where there is no room, waits for [`PATIENCE`]; then these lines are
    /// lost, and so are all others until there is room.
    pub async fn write(&self, text: &[u8], lines: usize) {
        let shared = &self.0.0;
        let room = async {
            loop {
                let mut written = pin!(shared.written.notified());
                // Before the look: it may be written in between.
                written.as_mut().enable();
                if shared.take(text, lines) {
                    return;
                }
                written.await;
            }
        };
        if tokio::time::timeout(PATIENCE, room).await.is_err() {
            shared.lose(lines);
        }
    }

    /// As [`write`](Self::write), but waits for nothing.
    pub fn write_now(&self, text: &[u8], lines: usize) {
        if !self.0.0.take(text, lines) {
            self.0.0.lose(lines);
        }
    }

    /// Waits until all is written.
    pub async fn flush(&self) {
        let shared = &self.0.0;
        loop {
            let mut written = pin!(shared.written.notified());
            written.as_mut().enable();
            let state = shared.lock();
            if state.is_closed || state.waiting.is_empty() && !state.is_writing {
                return;
            }
            drop(state);
            written.await;
        }
    }
}

impl Shared {
    /// False if there is no room, and it is worth waiting for some.
    fn take(&self, text: &[u8], lines: usize) -> bool {
        let mut state = self.lock();
        if state.is_closed {
            return true;
        }
        // Once stuck it needs more, or small lines would fill every gap, and be waited for again.
        let most = if state.is_stuck { CAPACITY / 2 } else { CAPACITY };
        if state.waiting.len() + text.len() > most && !state.waiting.is_empty() {
            if state.is_stuck {
                state.lost += lines;
            }
            return state.is_stuck;
        }
        state.is_stuck = false;
        let lost = std::mem::take(&mut state.lost);
        if lost > 0 {
            state.waiting.extend((self.lost)(lost));
        }
        state.waiting.extend_from_slice(text);
        self.filled.notify_one();
        true
    }

    fn lose(&self, lines: usize) {
        let mut state = self.lock();
        state.is_stuck = true;
        state.lost += lines;
    }

    fn write_all(&self, mut to: impl Write) {
        let mut batch = Vec::new();
        while self.next_batch(&mut batch) {
            let result = to.write_all(&batch).and_then(|()| to.flush());
            let mut state = self.lock();
            state.is_writing = false;
            // The reader has gone away. That must not be the end of those that serve.
            state.is_closed |= result.is_err();
            drop(state);
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
        state.is_writing = !batch.is_empty();
        drop(state);
        // There is room again.
        self.written.notify_waiters();
        !batch.is_empty()
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
