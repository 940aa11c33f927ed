//! The traits of the crate `futures`: [`Messages`] is a `Stream`, and [`MessageSink`] a `Sink`.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_sink::Sink;
use serde::Serialize;

use super::Channel;
use crate::driver::link::{HIGH_WATER, Link};
use crate::driver::op;
use crate::error::Error;
use crate::message::Message;
use crate::tokio::shared::Waiting;

impl Channel {
    /// The messages of the channel as a stream, until the channel ends. The stream is one more receiver: each
    /// message goes to one of them.
    ///
    /// Dropping the stream loses no message. The stream keeps the channel open.
    pub fn messages(&self) -> Messages {
        Messages { channel: self.clone(), waiting: Waiting::default() }
    }

    /// The channel as a sink for any values that serde can write. They are queued ([`feed`](Channel::feed)):
    /// flush after the last one. When more than 64 KiB are queued, the sink is not ready until all of them
    /// are written.
    ///
    /// Closing the sink only flushes it. The channel stays open, because others may use it:
    /// [`disconnect`](Channel::disconnect) ends it.
    pub fn sink(&self) -> MessageSink {
        MessageSink { channel: self.clone(), waiting: Waiting::default() }
    }
}

/// The messages of a channel: see [`Channel::messages`].
///
/// An [`Error::Protocol`] concerns one message only. The stream goes on with the next message.
pub struct Messages {
    channel: Channel,
    waiting: Waiting,
}

impl Stream for Messages {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Messages { channel, waiting } = self.get_mut();
        let mut next = op::recv(|| channel.socket_owner());
        waiting.poll(&channel.0, &mut next, cx).map(|received| op::traced(received).transpose())
    }
}

impl Drop for Messages {
    fn drop(&mut self) {
        self.waiting.leave(&self.channel.0, &mut op::recv(|| self.channel.socket_owner()));
    }
}

/// A channel as a sink: see [`Channel::sink`].
pub struct MessageSink {
    channel: Channel,
    waiting: Waiting,
}

impl<T: Serialize> Sink<T> for MessageSink {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let shared = &self.channel.0;
        if shared.look(Link::queued_bytes) >= HIGH_WATER {
            return self.get_mut().poll_written(cx);
        }
        ready!(shared.poll_turn(cx)).made_progress();
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, item: T) -> Result<(), Error> {
        let shared = &self.channel.0;
        shared.encoder.with_frame(&item, |frame| shared.feed(frame)).map(drop)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().poll_written(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().poll_written(cx)
    }
}

impl MessageSink {
    fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.waiting.poll(&self.channel.0, &mut op::flush(), cx)
    }
}

impl Drop for MessageSink {
    fn drop(&mut self) {
        self.waiting.leave(&self.channel.0, &mut op::flush());
    }
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages").field("channel", &self.channel).finish_non_exhaustive()
    }
}

impl fmt::Debug for MessageSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageSink").field("channel", &self.channel).finish_non_exhaustive()
    }
}
