//! How long we wait for the peer to close its end after we have closed ours. A peer that sees the end of
//! the channel before the exit of our process does not take the exit for a crash. And an answer that it
//! still writes finds a reader.

use std::collections::BTreeMap;
use std::io;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::SigSet;

/// Longer than a peer is usually busy.
pub(super) const FOR_THE_END: Duration = Duration::from_millis(500);

/// A Node process that answers a question after we have closed fails.
pub(super) const FOR_ANSWERS: Duration = Duration::from_secs(5);

/// The sockets with a deadline, the earliest first, and whether a thread watches them.
struct Clock {
    running: bool,
    endings: BTreeMap<(Instant, u64), Ending>,
    /// How many there have been, which makes the keys of equal deadlines distinct.
    count: u64,
}

struct Ending {
    socket: Weak<UnixStream>,
    /// Keeps the socket open, if nothing else does.
    _kept: Option<Arc<UnixStream>>,
}

static CLOCK: Mutex<Clock> = Mutex::new(Clock { running: false, endings: BTreeMap::new(), count: 0 });
static SOONER: Condvar = Condvar::new();

/// Shuts the socket down after this time, if it still exists. Calls that wait for it then see its end.
///
/// # Errors
/// If no thread can be started.
pub(super) fn end_after(time: Duration, socket: &Arc<UnixStream>) -> io::Result<()> {
    add(time, Ending { socket: Arc::downgrade(socket), _kept: None })
}

/// Keeps the socket open for this time.
///
/// # Errors
/// If no thread can be started.
pub(super) fn keep_for(time: Duration, socket: &Arc<UnixStream>) -> io::Result<()> {
    add(time, Ending { socket: Arc::downgrade(socket), _kept: Some(socket.clone()) })
}

fn add(time: Duration, ending: Ending) -> io::Result<()> {
    let mut clock = lock();
    if !clock.running {
        thread::Builder::new().name("crossfork-linger".into()).stack_size(32 * 1024).spawn(run)?;
        clock.running = true;
    }
    clock.count += 1;
    let at = (Instant::now() + time, clock.count);
    if clock.endings.first_key_value().is_none_or(|(first, _)| at < *first) {
        SOONER.notify_one();
    }
    clock.endings.insert(at, ending);
    Ok(())
}

/// Until no socket is left.
fn run() {
    // Our stack is too small for the program's signal handlers.
    let _ = SigSet::all().thread_block();
    let mut clock = lock();
    while let Some(next) = clock.endings.first_entry() {
        let left = next.key().0.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            let waited = SOONER.wait_timeout(clock, left);
            clock = waited.unwrap_or_else(PoisonError::into_inner).0;
        } else if let Some(socket) = next.remove().socket.upgrade() {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
    clock.running = false;
}

fn lock() -> MutexGuard<'static, Clock> {
    CLOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until something can be read, or a signal is handled. False if the time is over.
pub(super) fn wait_readable(socket: &UnixStream) -> bool {
    let mut fds = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    let timeout = PollTimeout::try_from(FOR_THE_END).unwrap_or(PollTimeout::ZERO);
    match poll(&mut fds, timeout) {
        Ok(ready) => ready > 0,
        Err(e) => e == Errno::EINTR,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_socket_that_is_due_sooner_is_ended_sooner() {
        let (later, _peer) = UnixStream::pair().unwrap();
        end_after(Duration::from_secs(3600), &Arc::new(later)).unwrap();
        let (sooner, mut peer) = UnixStream::pair().unwrap();
        let sooner = Arc::new(sooner);
        end_after(Duration::from_millis(10), &sooner).unwrap();
        peer.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        assert_eq!(peer.read(&mut [0]).unwrap(), 0);
    }
}
