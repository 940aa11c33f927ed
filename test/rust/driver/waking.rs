//! Which call is woken, and how often: only by what it waits for. And no call occupies a runtime thread
//! for longer than its turn.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::thread;

use crossfork::tokio::Channel;
use crossfork::{Limits, blocking};
use tokio::runtime::Builder;
use tokio::task::{LocalSet, spawn_local};

use crate::support::deadline::{eventually, in_time};
use crate::support::descriptors::watched;
use crate::support::peer::{ACK, Peer};

/// Runs the body in a single-threaded runtime.
fn run<F: Future<Output = ()>>(test: &str, body: impl FnOnce(Channel, Peer) -> F + Send + 'static) {
    in_time(test, || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new().block_on(&runtime, async {
            let (ours, theirs) = UnixStream::pair().unwrap();
            body(Channel::from_socket(ours, Limits::default()).unwrap(), Peer::new(theirs)).await;
        });
    });
}

/// Counts how often a future is polled.
async fn counted<T>(polls: Rc<Cell<usize>>, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    poll_fn(|cx| {
        polls.set(polls.get() + 1);
        future.as_mut().poll(cx)
    })
    .await
}

/// Acknowledges this number of handles, each on arrival.
fn acknowledge(mut peer: Peer, count: usize) -> Peer {
    for _ in 0..count {
        drop(peer.line_with_fd());
        peer.write(format!("{ACK}\n"));
    }
    peer
}

#[test]
fn each_pending_handle_is_woken_once_by_its_acknowledgement() {
    const HANDLES: usize = 500;
    run("each_pending_handle_is_woken_once_by_its_acknowledgement", |channel, peer| async move {
        let polls = Rc::new(Cell::new(0));
        let socket = Rc::new(watched().0);
        let senders: Vec<_> = (0..HANDLES)
            .map(|i| {
                let (channel, socket, polls) = (channel.clone(), socket.clone(), polls.clone());
                spawn_local(async move {
                    let copy: OwnedFd = socket.try_clone().unwrap().into();
                    let handle = crossfork::Handle::try_from(copy).unwrap();
                    counted(polls, channel.send_handle(&i, handle)).await.unwrap();
                })
            })
            .collect();
        tokio::task::yield_now().await;
        let peer = thread::spawn(move || acknowledge(peer, HANDLES));
        for sender in senders {
            sender.await.unwrap();
        }
        drop(peer.join().unwrap());
        // Once to begin, once to complete, and sometimes a spurious one.
        assert!(polls.get() <= 4 * HANDLES, "{HANDLES} handles took {} polls", polls.get());
    });
}

#[test]
fn each_message_wakes_one_receiver() {
    const RECEIVERS: usize = 300;
    run("each_message_wakes_one_receiver", |channel, peer| async move {
        let polls = Rc::new(Cell::new(0));
        let receivers: Vec<_> = (0..RECEIVERS)
            .map(|_| {
                let (channel, polls) = (channel.clone(), polls.clone());
                spawn_local(async move {
                    counted(polls, channel.recv()).await.unwrap().unwrap();
                    // Requests the next one, so that messages arrive one by one.
                    channel.send(&0).await.unwrap();
                })
            })
            .collect();
        tokio::task::yield_now().await;
        let peer = thread::spawn(move || {
            let mut peer = peer;
            for i in 0..RECEIVERS {
                peer.write(format!("{i}\n"));
                peer.line();
            }
            peer
        });
        for receiver in receivers {
            receiver.await.unwrap();
        }
        drop(peer.join().unwrap());
        assert!(polls.get() <= 6 * RECEIVERS, "{RECEIVERS} messages took {} polls", polls.get());
    });
}

#[cfg(target_os = "linux")]
#[test]
fn each_thread_is_woken_once_by_its_acknowledgement() {
    use nix::sys::resource::{UsageWho, getrusage};

    const HANDLES: usize = 150;
    in_time("each_thread_is_woken_once_by_its_acknowledgement", || {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let channel = blocking::Channel::from_socket(ours, Limits::default()).unwrap();
        let senders: Vec<_> = (0..HANDLES)
            .map(|i| {
                let channel = channel.clone();
                thread::spawn(move || {
                    let (socket, _witness) = watched();
                    channel.send_handle(&i, socket).unwrap();
                    // The number of waits of this thread.
                    getrusage(UsageWho::RUSAGE_THREAD).unwrap().voluntary_context_switches()
                })
            })
            .collect();
        let mut peer = Peer::new(theirs);
        let (_, _first) = peer.line_with_fd();
        let mut queued = 0;
        eventually("all wait", || {
            std::mem::replace(&mut queued, channel.queued_bytes()) == queued && queued > HANDLES * 50
        });
        peer.write(format!("{ACK}\n"));
        drop(acknowledge(peer, HANDLES - 1));
        let waits: i64 = senders.into_iter().map(|sender| sender.join().unwrap()).sum();
        // Some more waits for locks.
        assert!(waits <= 20 * HANDLES as i64, "{HANDLES} handles took {waits} waits");
    });
}

/// A peer is gone, and as much as the limits allow waits to be received. Its socket says that it has hung up
/// whenever it is asked.
#[cfg(target_os = "linux")]
#[test]
fn a_thread_that_waits_behind_unread_messages_of_a_peer_that_is_gone_sleeps() {
    use std::sync::mpsc;
    use std::time::Duration;

    in_time("a_thread_that_waits_behind_unread_messages_of_a_peer_that_is_gone_sleeps", || {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let limits = Limits::new().max_waiting_messages(1);
        let channel = blocking::Channel::from_socket(ours, limits).unwrap();
        let (tell, told) = mpsc::channel();
        let sender = thread::spawn({
            let channel = channel.clone();
            move || {
                tell.send(nix::unistd::gettid()).unwrap();
                channel.send_handle(&1, watched().0)
            }
        });
        let processor_time = {
            let file = format!("/proc/self/task/{}/schedstat", told.recv().unwrap());
            move || std::fs::read_to_string(&file).unwrap().split(' ').next().unwrap().to_owned()
        };
        let mut peer = Peer::new(theirs);
        drop(peer.line_with_fd());
        peer.write("1\n2\n");
        drop(peer);
        eventually("the thread has seen that the peer is gone", || !channel.is_connected());
        eventually("it takes no processor time", || {
            let before = processor_time();
            thread::sleep(Duration::from_millis(500));
            processor_time() == before
        });
        for n in 1..=2 {
            assert_eq!(channel.recv().unwrap().unwrap().decode::<u8>().unwrap(), n);
        }
        assert!(channel.recv().unwrap().is_none());
        assert!(sender.join().unwrap().is_err());
    });
}

/// The number of steps in a task's turn (tokio's budget), and some more for differences in counting.
const TURN: usize = 130;

#[test]
fn a_task_that_sends_without_waiting_lets_others_run() {
    run("a_task_that_sends_without_waiting_lets_others_run", |channel, peer| async move {
        let done = Rc::new(Cell::new(0));
        let counter = done.clone();
        let sender = spawn_local(async move {
            for i in 0..200 {
                channel.send(&i).await.unwrap();
                counter.set(counter.get() + 1);
            }
            channel
        });
        tokio::task::yield_now().await;
        assert!(done.get() <= TURN, "{} sends in one turn", done.get());
        drop((sender.await.unwrap(), peer));
    });
}

#[test]
fn a_task_that_feeds_without_waiting_lets_others_run() {
    run("a_task_that_feeds_without_waiting_lets_others_run", |channel, peer| async move {
        let done = Rc::new(Cell::new(0));
        let counter = done.clone();
        let sender = spawn_local(async move {
            for i in 0..1000 {
                channel.feed(&i).await.unwrap();
                counter.set(counter.get() + 1);
            }
            channel.flush().await.unwrap();
            channel
        });
        tokio::task::yield_now().await;
        assert!(done.get() <= TURN, "{} messages in one turn", done.get());
        drop((sender.await.unwrap(), peer));
    });
}

#[test]
fn a_task_that_receives_without_waiting_lets_others_run() {
    run("a_task_that_receives_without_waiting_lets_others_run", |channel, peer| async move {
        peer.write("1\n".repeat(1000));
        channel.recv().await.unwrap().unwrap();
        let done = Rc::new(Cell::new(1));
        let counter = done.clone();
        let receiver = spawn_local(async move {
            while counter.get() < 1000 {
                channel.recv().await.unwrap().unwrap();
                counter.set(counter.get() + 1);
            }
        });
        tokio::task::yield_now().await;
        assert!(done.get() <= TURN + 1, "{} messages in one turn", done.get());
        receiver.await.unwrap();
        drop(peer);
    });
}

#[test]
fn a_polled_but_idle_call_does_not_block_others() {
    run("a_polled_but_idle_call_does_not_block_others", |channel, peer| async move {
        // Polled last, by a task that then does something else.
        let other = channel.clone();
        let sender = spawn_local(async move { other.send_handle("a handle", watched().0).await });
        let mut left_alone = pin!(channel.recv());
        poll_fn(|cx| {
            assert!(left_alone.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        tokio::task::yield_now().await;
        poll_fn(|cx| {
            assert!(left_alone.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        let peer = thread::spawn(move || acknowledge(peer, 1));
        sender.await.unwrap().unwrap();
        peer.join().unwrap().write("1\n");
        assert_eq!(left_alone.await.unwrap().unwrap().decode::<u8>().unwrap(), 1);
    });
}

#[test]
fn a_cancelled_receiver_leaves_its_message_to_the_next() {
    run("a_cancelled_receiver_leaves_its_message_to_the_next", |channel, peer| async move {
        let woken = Rc::new(Cell::new(false));
        let mut first = Box::pin(channel.recv());
        // Its waker is not the task's, so that waking it does not poll it here.
        let flag = std::sync::Arc::new(Flag::default());
        let waker = flag.clone().into();
        assert!(first.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_pending());
        let second = spawn_local({
            let (channel, woken) = (channel.clone(), woken.clone());
            async move {
                let message = channel.recv().await.unwrap().unwrap();
                woken.set(true);
                message.decode::<u8>().unwrap()
            }
        });
        tokio::task::yield_now().await;
        peer.write("7\n");
        while !flag.0.load(std::sync::atomic::Ordering::SeqCst) && !woken.get() {
            tokio::task::yield_now().await;
        }
        drop(first);
        assert_eq!(second.await.unwrap(), 7);
        drop(peer);
    });
}

#[derive(Default)]
struct Flag(std::sync::atomic::AtomicBool);

impl std::task::Wake for Flag {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.store(true, std::sync::atomic::Ordering::SeqCst);
    }
}

/// A waker that uses the channel when it is dropped, as a waker that owns its task may do.
struct Nosy(Channel);

impl std::task::Wake for Nosy {
    fn wake(self: std::sync::Arc<Self>) {}
}

impl Drop for Nosy {
    fn drop(&mut self) {
        self.0.queued_bytes();
    }
}

#[test]
fn wakers_are_dropped_outside_the_lock() {
    run("wakers_are_dropped_outside_the_lock", |channel, peer| async move {
        let mut received = pin!(channel.recv());
        for _ in 0..3 {
            // The call holds the only reference.
            let waker = std::sync::Arc::new(Nosy(channel.clone())).into();
            assert!(received.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_pending());
        }
        let mut cancelled = Box::pin(channel.recv());
        let waker = std::sync::Arc::new(Nosy(channel.clone())).into();
        assert!(cancelled.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_pending());
        drop(waker);
        drop(cancelled);
        peer.write("1\n");
        assert_eq!(received.await.unwrap().unwrap().decode::<u8>().unwrap(), 1);
    });
}
