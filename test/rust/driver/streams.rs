//! A channel as a `Stream` and a `Sink` of the crate `futures`.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::thread;

use crossfork::tokio::{Channel, MessageSink};
use crossfork::{Error, Limits, Message, SendError};
use futures_core::Stream;
use futures_sink::Sink;
use serde_json::json;
use tokio::runtime::Builder;

use crate::support::deadline::in_time;
use crate::support::peer::{ACK, Peer};

fn run<F: Future<Output = ()>>(test: &str, body: impl FnOnce(Channel, Peer) -> F + Send + 'static) {
    in_time(test, || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
            body(Channel::from_socket(ours, Limits::default()).unwrap(), Peer::new(theirs)).await;
        });
    });
}

async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await
}

fn number(message: Option<Result<Message, Error>>) -> u32 {
    message.unwrap().unwrap().decode().unwrap()
}

async fn send(sink: &mut MessageSink, message: u32) -> Result<(), Error> {
    poll_fn(|cx| Sink::<u32>::poll_ready(Pin::new(sink), cx)).await?;
    Pin::new(sink).start_send(message)
}

#[test]
fn a_stream_yields_all_messages_and_ends_with_the_channel() {
    run("a_stream_yields_all_messages_and_ends_with_the_channel", |channel, peer| async move {
        let mut messages = channel.messages();
        peer.write(format!("1\n2\n{ACK}\n3\n"));
        assert_eq!(number(next(&mut messages).await), 1);
        assert_eq!(number(next(&mut messages).await), 2);
        assert!(matches!(next(&mut messages).await, Some(Err(Error::Protocol(_)))));
        assert_eq!(number(next(&mut messages).await), 3);
        let writer = thread::spawn(move || {
            peer.write("4\n");
            drop(peer);
        });
        assert_eq!(number(next(&mut messages).await), 4);
        assert!(next(&mut messages).await.is_none());
        assert!(next(&mut messages).await.is_none());
        writer.join().unwrap();
    });
}

#[test]
fn a_dropped_stream_leaves_its_message_to_the_next_receiver() {
    run("a_dropped_stream_leaves_its_message_to_the_next_receiver", |channel, peer| async move {
        let mut messages = channel.messages();
        let nobody = &mut Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut messages).poll_next(nobody).is_pending());
        let receiver = tokio::spawn({
            let channel = channel.clone();
            async move { channel.recv().await }
        });
        tokio::task::yield_now().await;
        peer.write("1\n");
        // The stream has waited longest: it is woken, but not polled again.
        while channel_is_unread(&channel) {
            tokio::task::yield_now().await;
        }
        drop(messages);
        assert_eq!(number(Some(Ok(receiver.await.unwrap().unwrap().unwrap()))), 1);
    });
}

/// Whether bytes wait in the channel's socket.
fn channel_is_unread(channel: &Channel) -> bool {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::os::fd::AsFd;
    poll(&mut [PollFd::new(channel.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO).unwrap() > 0
}

#[test]
fn a_sink_feeds_and_is_flushed() {
    run("a_sink_feeds_and_is_flushed", |channel, mut peer| async move {
        let mut sink = channel.sink();
        for i in 0..10 {
            send(&mut sink, i).await.unwrap();
        }
        assert!(channel.queued_bytes() > 0, "they are written together");
        poll_fn(|cx| Sink::<u32>::poll_flush(Pin::new(&mut sink), cx)).await.unwrap();
        assert_eq!(channel.queued_bytes(), 0);
        for i in 0..10 {
            assert_eq!(peer.value(), json!(i));
        }
    });
}

#[test]
fn a_sink_is_not_ready_while_too_much_is_queued() {
    run("a_sink_is_not_ready_while_too_much_is_queued", |channel, mut peer| async move {
        let mut sink = channel.sink();
        let large = json!("x".repeat(1 << 20));
        poll_fn(|cx| Sink::<&serde_json::Value>::poll_ready(Pin::new(&mut sink), cx)).await.unwrap();
        Pin::new(&mut sink).start_send(&large).unwrap();
        {
            let mut ready = pin!(poll_fn(|cx| Sink::<u32>::poll_ready(Pin::new(&mut sink), cx)));
            let nobody = &mut Context::from_waker(Waker::noop());
            assert!(ready.as_mut().poll(nobody).is_pending());
            let reader = thread::spawn(move || (peer.value(), peer));
            ready.await.unwrap();
            let (value, left) = reader.join().unwrap();
            assert_eq!(value, large);
            peer = left;
        }
        send(&mut sink, 1).await.unwrap();
        poll_fn(|cx| Sink::<u32>::poll_flush(Pin::new(&mut sink), cx)).await.unwrap();
        assert_eq!(peer.value(), json!(1));
    });
}

#[test]
fn closing_a_sink_leaves_the_channel_open() {
    run("closing_a_sink_leaves_the_channel_open", |channel, mut peer| async move {
        let mut sink = channel.sink();
        send(&mut sink, 1).await.unwrap();
        poll_fn(|cx| Sink::<u32>::poll_close(Pin::new(&mut sink), cx)).await.unwrap();
        assert_eq!(peer.value(), json!(1));
        assert!(channel.is_connected());
        drop(peer);
        assert!(matches!(channel.recv().await, Ok(None)));
        assert!(matches!(send(&mut sink, 2).await, Err(Error::Send(SendError::Closed))));
        assert!(matches!(
            poll_fn(|cx| Poll::Ready(Pin::new(&mut channel.messages()).poll_next(cx))).await,
            Poll::Ready(None)
        ));
    });
}
