//! [`Listeners`]: the functions of a pool's user, on a thread of their own. The pool's thread queues what they are to
//! be told, and goes on.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use super::{Event, Output};
use crate::blocking::wakers::PollWaker;
use crate::driver::calls::catch;
use crate::driver::pool::{Common, OnEvent, OnOutput, Shared};

/// What they are told of.
#[derive(Clone, Copy)]
pub(super) enum About {
    Event,
    Output,
    Message,
}

/// If so many bytes of a kind wait, no more output is read, and no more messages of a worker that has sent some.
const ROOM: usize = 1 << 20;
/// Beyond that the kind is dropped, and it is told how much. It comes to that with what does not wait to be read:
/// events, and the last words of workers that have ended.
const MOST: usize = 4 * ROOM;
/// What is kept of each beside its bytes, at most.
const OVERHEAD: usize = 1 << 10;

#[derive(Default)]
pub(super) struct Listeners {
    on_event: Option<OnEvent>,
    queue: Mutex<Queue>,
    /// Something was queued, or nothing more will be.
    changed: Condvar,
    /// The pool's thread, that waits for room.
    pool: OnceLock<Arc<PollWaker>>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Entry>,
    /// How many bytes wait, of each kind.
    bytes: [usize; 3],
    is_closed: bool,
}

enum Entry {
    Tell {
        about: About,
        bytes: usize,
        tell: Box<dyn FnOnce() + Send>,
    },
    /// So many were dropped here.
    Missed(u64),
}

/// The functions that are called for a pool, if there are some, and how the pool calls them now.
pub(super) fn listen(mut common: Common, hears_messages: bool) -> (Common, Option<Arc<Listeners>>) {
    if common.on_event.is_none() && common.on_output.is_none() && !hears_messages {
        return (common, None);
    }
    let on_event = common.on_event.clone();
    let listeners = Arc::new(Listeners { on_event, ..Listeners::default() });
    common.on_event = common.on_event.map(|on_event| listeners.clone().events(on_event));
    common.on_output = common.on_output.map(|on_output| listeners.clone().output(on_output));
    (common, Some(listeners))
}

impl Listeners {
    fn events(self: Arc<Self>, on_event: OnEvent) -> OnEvent {
        Arc::new(move |event: &Event| {
            let (on_event, event) = (on_event.clone(), event.clone());
            self.queue(About::Event, 0, move || on_event(&event));
        })
    }

    fn output(self: Arc<Self>, on_output: OnOutput) -> OnOutput {
        Arc::new(move |output: Output<'_>| {
            let Output { worker, stream, bytes } = output;
            let (on_output, bytes) = (on_output.clone(), bytes.to_vec());
            let tell = move || on_output(Output { worker, stream, bytes: &bytes });
            self.queue(About::Output, output.bytes.len(), tell);
        })
    }

    /// Starts the thread. `shared` is told when all was told.
    pub(super) fn start(self: &Arc<Self>, shared: &Arc<Shared>, pool: Arc<PollWaker>) -> io::Result<()> {
        let _ = self.pool.set(pool);
        shared.tells();
        let (this, shared) = (self.clone(), shared.clone());
        let run = move || {
            shared.told_here();
            this.run();
            shared.told();
        };
        thread::Builder::new().name("crossfork-pool-tell".to_owned()).spawn(run).map(drop)
    }

    /// Has one of them called, behind what was queued before.
    pub(super) fn queue(&self, about: About, bytes: usize, tell: impl FnOnce() + Send + 'static) {
        let mut queue = self.lock();
        let waiting = &mut queue.bytes[about as usize];
        if *waiting < MOST {
            let bytes = bytes.saturating_add(OVERHEAD);
            *waiting = waiting.saturating_add(bytes);
            queue.waiting.push_back(Entry::Tell { about, bytes, tell: Box::new(tell) });
        } else if let Some(Entry::Missed(count)) = queue.waiting.back_mut() {
            *count += 1;
        } else {
            queue.waiting.push_back(Entry::Missed(1));
        }
        drop(queue);
        self.changed.notify_one();
    }

    /// Whether more of this kind is to be read. If not, the pool's thread is woken when it is.
    pub(super) fn has_room(&self, about: About) -> bool {
        self.lock().bytes[about as usize] < ROOM
    }

    /// Nothing more will be queued.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_one();
    }

    /// Calls them, until there is nothing more to tell.
    fn run(&self) {
        while let Some(entry) = self.next() {
            match entry {
                Entry::Tell { about, bytes, tell } => {
                    // A panic is told by the hook.
                    let _ = catch(tell);
                    self.told(about, bytes);
                }
                Entry::Missed(count) => {
                    let event = Event::Missed { count };
                    event.trace();
                    if let Some(on_event) = &self.on_event {
                        let _ = catch(|| on_event(&event));
                    }
                }
            }
        }
    }

    fn next(&self) -> Option<Entry> {
        let mut queue = self.lock();
        loop {
            if let Some(entry) = queue.waiting.pop_front() {
                return Some(entry);
            }
            if queue.is_closed {
                return None;
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn told(&self, about: About, bytes: usize) {
        let mut queue = self.lock();
        let waiting = &mut queue.bytes[about as usize];
        let had_room = *waiting < ROOM;
        *waiting -= bytes;
        let is_room_again = !had_room && *waiting < ROOM;
        drop(queue);
        if is_room_again && let Some(pool) = self.pool.get() {
            pool.wake_poll();
        }
    }

    /// No code of users runs under the lock.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
