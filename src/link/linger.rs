//! How long the end of the peer is waited for, after ours. A peer that is told the end of a channel
//! before it is told the end of our process takes both for what they are; and one that still writes
//! an answer finds somebody who reads it.

use std::io;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Longer than a peer is usually busy.
pub(super) const FOR_THE_END: Duration = Duration::from_millis(500);

/// A Node process that answers a question after we have closed fails.
pub(super) const FOR_ANSWERS: Duration = Duration::from_secs(5);

/// The sockets whose time runs, and whether a thread sees to them.
struct Clock {
    running: bool,
    sockets: Vec<Ending>,
}

struct Ending {
    at: Instant,
    socket: Weak<UnixStream>,
    /// Nobody else keeps it open.
    _kept: Option<Arc<UnixStream>>,
}

static CLOCK: Mutex<Clock> = Mutex::new(Clock { running: false, sockets: Vec::new() });
static CHANGED: Condvar = Condvar::new();

/// Shuts the socket down after so long, if it is there still. Whoever waits for it, in whatever way,
/// sees its end.
///
/// # Errors
/// If no thread can be started.
pub(super) fn end_after(time: Duration, socket: &Arc<UnixStream>) -> io::Result<()> {
    add(Ending { at: Instant::now() + time, socket: Arc::downgrade(socket), _kept: None })
}

/// Keeps the socket open for so long.
///
/// # Errors
/// If no thread can be started.
pub(super) fn keep_for(time: Duration, socket: &Arc<UnixStream>) -> io::Result<()> {
    let kept = Some(socket.clone());
    add(Ending { at: Instant::now() + time, socket: Arc::downgrade(socket), _kept: kept })
}

fn add(ending: Ending) -> io::Result<()> {
    let mut clock = lock();
    if !clock.running {
        thread::Builder::new().name("crossfork-linger".into()).stack_size(32 * 1024).spawn(run)?;
        clock.running = true;
    }
    clock.sockets.push(ending);
    CHANGED.notify_one();
    Ok(())
}

/// Until no socket is left.
fn run() {
    let mut clock = lock();
    loop {
        let now = Instant::now();
        clock.sockets.retain(|Ending { at, socket, .. }| match socket.upgrade() {
            Some(socket) if *at <= now => {
                let _ = socket.shutdown(Shutdown::Both);
                false
            }
            socket => socket.is_some(),
        });
        let Some(next) = clock.sockets.iter().map(|ending| ending.at).min() else {
            clock.running = false;
            return;
        };
        let waited = CHANGED.wait_timeout(clock, next.saturating_duration_since(now));
        clock = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}

fn lock() -> MutexGuard<'static, Clock> {
    CLOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until something can be read, or the time for it is over.
pub(super) fn wait_readable(socket: &UnixStream) -> bool {
    let mut fds = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    let timeout = PollTimeout::try_from(FOR_THE_END).unwrap_or(PollTimeout::ZERO);
    poll(&mut fds, timeout).is_ok_and(|ready| ready > 0)
}
