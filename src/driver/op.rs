//! Operations: each call on a channel, a worker or a listener is one value. An operation says how it is
//! submitted, what it waits for, when it is ready, and how it is withdrawn. It never waits itself: a driver
//! adds the waiting.

use std::os::fd::OwnedFd;
use std::sync::Weak;

#[cfg(feature = "tokio")]
use super::link::primary::LinkEvent;
use super::link::{Link, Step, Topic};
use crate::driver::holders::Share;
use crate::error::{Error, SendError};
use crate::handle::{Outgoing, SocketOwner, Unsent};
use crate::message::Message;
use crate::proto::cluster::worker::{Answer, ServerId};
use crate::proto::{Question, Ticket};
use crate::trace;
use crate::wire::control::SocketKey;

/// How many reads a peer that writes without pause gets before other work has its turn.
pub(crate) const MOST_READS: usize = 16;

/// A call that may have to wait.
pub(crate) trait Operation {
    type Output;

    /// What the operation waits for. The driver polls it again when this may have happened.
    fn topic(&self) -> Topic;

    /// The result, once it is ready. The operation is not polled again after that.
    fn poll(&mut self, link: &mut Link) -> Option<Self::Output>;

    /// Withdraws the operation, because its caller no longer waits.
    fn withdraw(&mut self, _link: &mut Link) {}
}

/// A call for which threads can set a timeout.
pub(crate) trait Bounded: Operation {
    /// Withdraws the operation because its timeout has expired, and returns its result.
    fn time_out(self, link: &mut Link) -> Self::Output;
}

fn timed_out<T>() -> Result<T, Error> {
    Err(SendError::TimedOut.into())
}

/// A message to be written.
pub(crate) struct Send(Ticket);

impl Send {
    pub(crate) fn submit(link: &mut Link, frame: Vec<u8>) -> Result<Self, Error> {
        let ticket = link.submit(frame)?;
        link.write();
        Ok(Send(ticket))
    }
}

impl Operation for Send {
    type Output = Result<(), Error>;

    fn topic(&self) -> Topic {
        Topic::Written(self.0)
    }

    fn poll(&mut self, link: &mut Link) -> Option<Self::Output> {
        link.sent(self.0)
    }

    /// Takes the message back, unless writing has begun.
    fn withdraw(&mut self, link: &mut Link) {
        link.withdraw(self.0);
    }
}

impl Bounded for Send {
    fn time_out(mut self, link: &mut Link) -> Self::Output {
        self.withdraw(link);
        timed_out()
    }
}

/// Sends a message now, or not at all. If the kernel takes a part of it, later calls write the rest.
pub(crate) fn try_send(link: &mut Link, frame: Vec<u8>) -> Result<(), Error> {
    let mut op = Send::submit(link, frame)?;
    op.poll(link).unwrap_or_else(|| match link.take_back(op.0) {
        true => Err(SendError::WouldBlock.into()),
        false => Ok(()),
    })
}

/// A handle that the peer is to acknowledge.
pub(crate) struct SendHandle(Ticket);

impl SendHandle {
    /// `share` is set if the handle belongs to a list.
    pub(crate) fn submit(
        link: &mut Link,
        frame: Vec<u8>,
        outgoing: Outgoing,
        share: Option<Share>,
    ) -> Result<Self, Unsent> {
        let ticket = link.submit_handle(frame, outgoing, share)?;
        link.write();
        Ok(SendHandle(ticket))
    }
}

impl Operation for SendHandle {
    type Output = Result<(), Unsent>;

    fn topic(&self) -> Topic {
        Topic::Outcome(self.0)
    }

    fn poll(&mut self, link: &mut Link) -> Option<Self::Output> {
        link.handle_sent(self.0)
    }

    /// Takes the handle back and closes it, unless writing has begun.
    fn withdraw(&mut self, link: &mut Link) {
        link.withdraw(self.0);
    }
}

impl Bounded for SendHandle {
    fn time_out(self, link: &mut Link) -> Self::Output {
        let handle = link.withdraw(self.0);
        Err(Unsent { error: SendError::TimedOut.into(), handle })
    }
}

/// A question to the peer about sockets that it received.
pub(crate) struct Ask(Ticket);

impl Ask {
    pub(crate) fn submit(link: &mut Link, key: &SocketKey, question: Question) -> Result<Self, Error> {
        let ticket = link.ask(key, question)?;
        link.write();
        Ok(Ask(ticket))
    }
}

impl Operation for Ask {
    type Output = Result<usize, Error>;

    fn topic(&self) -> Topic {
        Topic::Outcome(self.0)
    }

    fn poll(&mut self, link: &mut Link) -> Option<Self::Output> {
        link.open_at_peer(self.0).map(Ok)
    }

    /// The question is not withdrawn, because the peer will answer it.
    fn withdraw(&mut self, link: &mut Link) {
        link.forget(self.0);
    }
}

impl Bounded for Ask {
    fn time_out(mut self, link: &mut Link) -> Self::Output {
        self.withdraw(link);
        timed_out()
    }
}

/// The end of the channel, after everything that was accepted is written.
pub(crate) struct Disconnect(());

impl Disconnect {
    pub(crate) fn submit(link: &mut Link) -> Result<Self, Error> {
        link.disconnect()?;
        link.write();
        Ok(Disconnect(()))
    }
}

impl Operation for Disconnect {
    type Output = Result<(), Error>;

    fn topic(&self) -> Topic {
        Topic::End
    }

    fn poll(&mut self, link: &mut Link) -> Option<Self::Output> {
        link.is_closed().then_some(Ok(()))
    }
}

impl Bounded for Disconnect {
    /// Closes the channel. If everything was written, this is not an error, even if the peer may not have
    /// seen the end yet.
    fn time_out(self, link: &mut Link) -> Self::Output {
        let was_written = link.is_half_closed() || link.is_closed();
        link.close();
        if was_written { Ok(()) } else { timed_out() }
    }
}

/// The end of a worker's channel. While a caller waits for it, queued messages do not keep the channel open.
#[derive(Default)]
pub(crate) struct Closed {
    is_awaited: bool,
}

impl Operation for Closed {
    type Output = ();

    fn topic(&self) -> Topic {
        Topic::End
    }

    fn poll(&mut self, link: &mut Link) -> Option<()> {
        if !self.is_awaited {
            self.is_awaited = true;
            link.await_end();
        }
        link.is_closed().then(|| self.withdraw(link))
    }

    fn withdraw(&mut self, link: &mut Link) {
        if std::mem::take(&mut self.is_awaited) {
            link.await_end_no_more();
        }
    }
}

/// An operation that only inspects the link. It has nothing to withdraw.
pub(crate) struct Look<F> {
    topic: Topic,
    look: F,
}

/// Waits until `look` returns a value. It is called again whenever the topic may have happened.
pub(crate) fn look<T, F: FnMut(&mut Link) -> Option<T>>(topic: Topic, look: F) -> Look<F> {
    Look { topic, look }
}

impl<T, F: FnMut(&mut Link) -> Option<T>> Operation for Look<F> {
    type Output = T;

    fn topic(&self) -> Topic {
        self.topic
    }

    fn poll(&mut self, link: &mut Link) -> Option<T> {
        (self.look)(link)
    }
}

impl<T, F: FnMut(&mut Link) -> Option<Result<T, Error>>> Bounded for Look<F> {
    fn time_out(self, _link: &mut Link) -> Self::Output {
        timed_out()
    }
}

/// The next message.
pub(crate) fn recv(
    owner: impl Fn() -> Weak<dyn SocketOwner>,
) -> impl Bounded<Output = Result<Option<Message>, Error>> {
    look(Topic::Message, move |link: &mut Link| link.next(&owner))
}

/// Tells `tracing` of what was skipped. To be called when the link's lock is free: a subscriber is the code of
/// others, and may use the channel.
pub(crate) fn traced<T>(received: Result<T, Error>) -> Result<T, Error> {
    received.inspect_err(|error| {
        if error.is_protocol() {
            trace::skipped(error);
        }
    })
}

/// Everything that was accepted is written.
pub(crate) fn flush() -> impl Bounded<Output = Result<(), Error>> {
    look(Topic::Flushed, |link: &mut Link| {
        link.write();
        link.flushed()
    })
}

/// Polls an operation once, after the I/O that can be done without waiting. A peer that writes without pause
/// does not delay this.
pub(crate) fn try_now<T>(
    link: &mut Link,
    mut op: impl Operation<Output = Result<T, Error>>,
) -> Result<T, Error> {
    link.write();
    link.readable();
    for _ in 0..MOST_READS {
        if let Some(output) = op.poll(link) {
            return output;
        }
        if link.read() == Step::Blocked {
            break;
        }
    }
    op.poll(link).unwrap_or_else(|| Err(SendError::WouldBlock.into()))
}

/// How many events of a worker's link are handled before other work has its turn.
#[cfg(feature = "tokio")]
const MOST_EVENTS: usize = 64;

/// The pending events for a primary, up to [`MOST_EVENTS`].
#[cfg(feature = "tokio")]
pub(crate) fn link_events(
    owner: impl Fn() -> Weak<dyn SocketOwner>,
) -> impl Operation<Output = Vec<LinkEvent>> {
    look(Topic::Message, move |link: &mut Link| {
        let mut events = Vec::new();
        while events.len() < MOST_EVENTS
            && !matches!(events.last(), Some(LinkEvent::Disconnected(_)))
            && let Some(next) = link.next_event(&owner)
        {
            events.push(next);
        }
        (!events.is_empty()).then_some(events)
    })
}

/// The answer to a query. `None`: the channel is over.
pub(crate) fn answer(server: ServerId) -> impl Operation<Output = Option<Answer<OwnedFd>>> {
    look(Topic::Server(server), move |link: &mut Link| link.answer(server))
}

/// The next connection of a server. `None`: no more will come.
pub(crate) fn connection(server: ServerId) -> impl Operation<Output = Option<OwnedFd>> {
    look(Topic::Server(server), move |link: &mut Link| link.next_connection(server))
}

/// Room for one more connection from a shared socket. The connection counts as open from now on. False: the
/// server accepts no more.
pub(crate) fn room(server: ServerId) -> impl Operation<Output = bool> {
    look(Topic::Server(server), move |link: &mut Link| link.make_room(server))
}

/// The end of a server.
#[cfg(feature = "tokio")]
pub(crate) fn over(server: ServerId) -> impl Operation<Output = ()> {
    look(Topic::ServerClosed(server), move |link: &mut Link| link.is_over(server).then_some(()))
}

/// What `take` gets from another socket, until the server that owns it ends. `None`: the server has ended.
pub(crate) fn until_over<T>(
    server: ServerId,
    mut take: impl FnMut() -> Option<T>,
) -> impl Operation<Output = Option<T>> {
    look(Topic::ServerClosed(server), move |link: &mut Link| match link.is_over(server) {
        true => Some(None),
        false => take().map(Some),
    })
}

/// The worker is to stop.
pub(crate) fn stopping() -> impl Operation<Output = ()> {
    look(Topic::Stopping, |link: &mut Link| link.is_stopping().then_some(()))
}

/// The primary knows that the worker is stopping.
pub(crate) fn exit_acknowledged() -> impl Operation<Output = Result<(), Error>> {
    look(Topic::ExitAcknowledged, |link: &mut Link| link.exit_acknowledged())
}

#[cfg(test)]
mod tests;
