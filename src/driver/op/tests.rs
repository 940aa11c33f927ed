//! Operations without threads or tasks: one link, a socket as its peer, and wakers that count their calls.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use super::*;
use crate::driver::link::WaiterId;
use crate::limits::Limits;
use crate::wire::Serialization;

const ACK: &[u8] = b"{\"cmd\":\"NODE_HANDLE_ACK\"}\n";

struct NoOwner;

impl SocketOwner for NoOwner {
    fn socket_closed(&self, _: &SocketKey) {}
}

fn no_owner() -> Weak<dyn SocketOwner> {
    let none: Weak<NoOwner> = Weak::new();
    none
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Count {
    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

fn connect() -> (Link, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    (Link::new(ours.into(), Serialization::Json, Limits::default()), theirs)
}

/// Enters the operation as a waiter. The count says how often it was woken.
fn enter(link: &mut Link, op: &mut impl Operation) -> (WaiterId, Arc<Count>) {
    assert!(op.poll(link).is_none(), "the operation must wait");
    let count = Arc::<Count>::default();
    (link.waiters.enter(op.topic(), count.clone().into()), count)
}

/// Reads the available bytes and wakes the waiters that they concern.
fn read(link: &mut Link) {
    link.readable();
    while link.read() == Step::Progress {}
    notice(link);
}

fn notice(link: &mut Link) {
    link.notice();
    link.waiters.woken().call();
}

fn handle(link: &mut Link) -> SendHandle {
    let (socket, _) = UnixStream::pair().unwrap();
    SendHandle::submit(link, b"1\n".to_vec(), socket.into(), None).unwrap()
}

fn large(link: &mut Link) -> Send {
    let mut frame = vec![b'1'; 1 << 20];
    frame.push(b'\n');
    Send::submit(link, frame).unwrap()
}

fn drain(peer: &mut UnixStream) {
    peer.set_nonblocking(true).unwrap();
    while matches!(peer.read(&mut [0; 4096]), Ok(1..)) {}
    peer.set_nonblocking(false).unwrap();
}

#[test]
fn a_message_that_the_kernel_accepts_is_sent_at_once() {
    let (mut link, _peer) = connect();
    let mut sent = Send::submit(&mut link, b"1\n".to_vec()).unwrap();
    assert!(matches!(sent.poll(&mut link), Some(Ok(()))));
}

#[test]
fn each_message_is_ready_when_it_is_written() {
    let (mut link, mut peer) = connect();
    let (mut first, mut second) = (large(&mut link), large(&mut link));
    let (_, first_woken) = enter(&mut link, &mut first);
    let (_, second_woken) = enter(&mut link, &mut second);
    while first.poll(&mut link).is_none() {
        assert_eq!(first_woken.get(), 0);
        drain(&mut peer);
        link.write();
        notice(&mut link);
    }
    assert_eq!((first_woken.get(), second_woken.get()), (1, 0));
    drop(peer);
    read(&mut link);
    assert_eq!(second_woken.get(), 1);
    assert!(matches!(second.poll(&mut link), Some(Err(_))));
}

#[test]
fn a_message_withdrawn_before_writing_is_not_sent() {
    let (mut link, _peer) = connect();
    let _begun = large(&mut link);
    let before = link.queued_bytes();
    let mut withdrawn = large(&mut link);
    withdrawn.withdraw(&mut link);
    assert_eq!(link.queued_bytes(), before);
}

#[test]
fn an_acknowledgement_wakes_only_its_handle() {
    let (mut link, mut peer) = connect();
    let mut handles: Vec<_> = (0..100).map(|_| handle(&mut link)).collect();
    let woken: Vec<_> = handles.iter_mut().map(|handle| enter(&mut link, handle).1).collect();
    for (i, handle) in handles.iter_mut().enumerate() {
        peer.write_all(ACK).unwrap();
        read(&mut link);
        assert!(handle.poll(&mut link).unwrap().is_ok());
        assert_eq!(woken.iter().map(|count| count.get()).sum::<usize>(), i + 1);
        assert_eq!(woken[i].get(), 1);
    }
}

#[test]
fn a_handle_comes_back_on_timeout_unless_writing_has_begun() {
    let (mut link, mut peer) = connect();
    let (begun, held) = (handle(&mut link), handle(&mut link));
    assert!(held.time_out(&mut link).unwrap_err().handle.is_some());
    assert!(begun.time_out(&mut link).unwrap_err().handle.is_none());
    // The reply to it is still expected.
    peer.write_all(ACK).unwrap();
    read(&mut link);
    assert!(recv(no_owner).poll(&mut link).is_none(), "the reply is not a protocol error");
}

#[test]
fn a_message_wakes_the_receiver_that_waited_longest() {
    let (mut link, mut peer) = connect();
    let (mut first, mut second) = (recv(no_owner), recv(no_owner));
    let (_, first_woken) = enter(&mut link, &mut first);
    let (place, second_woken) = enter(&mut link, &mut second);
    peer.write_all(b"1\n").unwrap();
    read(&mut link);
    assert_eq!((first_woken.get(), second_woken.get()), (1, 0));
    assert!(matches!(first.poll(&mut link), Some(Ok(Some(_)))));
    notice(&mut link);
    assert!(link.waiters.is_waiting(place), "no message for this waiter");
    peer.write_all(b"2\n3\n").unwrap();
    read(&mut link);
    assert_eq!(second_woken.get(), 1);
}

#[test]
fn the_end_wakes_all_waiters() {
    let (mut link, peer) = connect();
    let mut handle = handle(&mut link);
    let mut received = recv(no_owner);
    let waiting = [enter(&mut link, &mut handle).1, enter(&mut link, &mut received).1];
    drop(peer);
    read(&mut link);
    assert_eq!(waiting.map(|count| count.get()), [1, 1]);
    assert!(handle.poll(&mut link).unwrap().is_err());
    assert!(matches!(received.poll(&mut link), Some(Ok(None))));
    assert!(link.waiters.is_empty());
}

#[test]
fn concurrent_disconnects_wait_for_the_same_end() {
    let (mut link, mut peer) = connect();
    let _in_flight = handle(&mut link);
    let mut ends = [(); 2].map(|()| Disconnect::submit(&mut link).unwrap());
    let woken: Vec<_> = ends.iter_mut().map(|end| enter(&mut link, end).1).collect();
    peer.write_all(ACK).unwrap();
    read(&mut link);
    assert!(woken.iter().all(|count| count.get() == 0), "the peer has not seen the end yet");
    drop(peer);
    read(&mut link);
    assert!(woken.iter().all(|count| count.get() == 1));
    assert!(ends.iter_mut().all(|end| end.poll(&mut link).is_some()));
    assert!(Disconnect::submit(&mut link).unwrap().poll(&mut link).is_some());
}

#[test]
fn fed_messages_are_written_by_a_flush() {
    let (mut link, mut peer) = connect();
    link.feed(&mut b"1\n".to_vec()).unwrap();
    assert!(!link.needs_room(), "no flush was requested");
    assert!(matches!(flush().poll(&mut link), Some(Ok(()))));
    let mut bytes = [0; 2];
    peer.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"1\n");
}

#[test]
fn a_withdrawn_call_is_not_woken() {
    let (mut link, mut peer) = connect();
    let mut received = recv(no_owner);
    let (place, woken) = enter(&mut link, &mut received);
    peer.write_all(b"1\n").unwrap();
    link.readable();
    link.read();
    link.notice();
    // Selected to be woken, but not called yet.
    assert!(link.waiters.leave(place).was_woken);
    link.waiters.woken().call();
    assert_eq!(woken.get(), 0);
}

#[test]
fn try_send_sends_now_or_returns_would_block() {
    let (mut link, mut peer) = connect();
    try_send(&mut link, b"1\n".to_vec()).unwrap();
    let _begun = large(&mut link);
    let queued = link.queued_bytes();
    let refused = try_send(&mut link, b"2\n".to_vec()).unwrap_err();
    assert!(matches!(refused, Error::Send(SendError::WouldBlock)));
    assert_eq!(link.queued_bytes(), queued);
    while link.queued_bytes() > 0 {
        drain(&mut peer);
        link.write();
    }
    drain(&mut peer);
    // Once writing has begun it is sent, even if the kernel took only a part of it.
    let mut frame = vec![b'3'; 1 << 20];
    frame.push(b'\n');
    try_send(&mut link, frame).unwrap();
    assert!(link.queued_bytes() > 0);
}

#[test]
fn try_recv_takes_available_messages() {
    let (mut link, mut peer) = connect();
    assert!(matches!(try_now(&mut link, recv(no_owner)), Err(Error::Send(SendError::WouldBlock))));
    peer.write_all(b"1\n").unwrap();
    assert!(try_now(&mut link, recv(no_owner)).unwrap().is_some());
    drop(peer);
    assert!(try_now(&mut link, recv(no_owner)).unwrap().is_none());
}

/// There is no room left, and this is all that waits for some.
#[test]
fn what_is_taken_back_last_does_not_hold_up_the_end() {
    for is_handle in [false, true] {
        let (mut link, mut peer) = connect();
        while try_send(&mut link, b"1\n".to_vec()).is_ok() {}
        if is_handle {
            let mut last = handle(&mut link);
            let mut end = Disconnect::submit(&mut link).unwrap();
            assert!(end.poll(&mut link).is_none() && !link.is_half_closed());
            last.withdraw(&mut link);
        } else {
            let mut last = Send::submit(&mut link, b"2\n".to_vec()).unwrap();
            let mut end = Disconnect::submit(&mut link).unwrap();
            assert!(end.poll(&mut link).is_none() && !link.is_half_closed());
            last.withdraw(&mut link);
        }
        assert!(link.is_half_closed(), "the peer is told");
        let mut rest = Vec::new();
        peer.read_to_end(&mut rest).unwrap();
        assert!(rest.ends_with(b"1\n"));
    }
}
