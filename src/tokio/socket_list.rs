//! [`SocketList`]: connections of ours that other processes hold, for tasks.

use std::sync::{Mutex, MutexGuard};

use serde::Serialize;

use super::Channel;
use super::channel::WeakChannel;
use crate::error::Error;
use crate::handle::{Outgoing, Unsent};
use crate::proto::Question;
use crate::wire::control::SocketKey;

/// The connections of one server that were handed to children: how many are open there, and when
/// the last one is closed. What Node's `server.getConnections()` and `server.close()` ask.
///
/// A child that is gone holds none.
///
/// ```no_run
/// # use crossfork::tokio::{Fork, SocketList};
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
/// let child = Fork::new("worker.js").spawn()?;
/// let list = SocketList::new();
/// let (connection, _) = listener.accept().await?;
/// list.send(&child.channel, &"a connection", connection.into_std()?).await?;
/// println!("{} open in children", list.connections().await?);
/// list.closed().await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct SocketList {
    key: SocketKey,
    holders: Mutex<Vec<Holder>>,
}

#[derive(Debug)]
struct Holder {
    channel: WeakChannel,
    /// How many sockets it was sent, or is being sent.
    sent: usize,
}

impl SocketList {
    /// A list with nothing in it.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        SocketList { key: SocketKey::unique(), holders: Mutex::new(Vec::new()) }
    }

    /// Sends a connection that is counted from then on.
    ///
    /// # Errors
    /// As [`Channel::send_handle`].
    pub async fn send<T: Serialize + ?Sized>(
        &self,
        channel: &Channel,
        message: &T,
        connection: impl Into<Outgoing>,
    ) -> Result<(), Unsent> {
        // Before, for the peer may have it even if the acknowledgement comes too late for us.
        self.enter(channel);
        let sent = channel.send_handle(message, connection.into().counted(self.key.clone())).await;
        if sent.as_ref().is_err_and(|unsent| unsent.handle.is_some()) {
            self.leave(channel);
        }
        sent
    }

    fn enter(&self, channel: &Channel) {
        let mut holders = self.lock();
        holders.retain(|holder| holder.channel.upgrade().is_some_and(|c| c.is_connected()));
        match holders.iter_mut().find(|holder| holder.channel.is(channel)) {
            Some(holder) => holder.sent += 1,
            None => holders.push(Holder { channel: channel.downgrade(), sent: 1 }),
        }
    }

    /// One was not sent. Who never got any must not be asked: a Node process would not answer.
    fn leave(&self, channel: &Channel) {
        let mut holders = self.lock();
        holders.retain_mut(|holder| {
            holder.sent -= usize::from(holder.channel.is(channel));
            holder.sent > 0
        });
    }

    /// How many are open in all children.
    ///
    /// # Errors
    /// None of a child's: one that is gone holds none. One that does not answer keeps this waiting.
    pub async fn connections(&self) -> Result<usize, Error> {
        self.ask(Question::Count).await
    }

    /// Waits until none is open in any child.
    ///
    /// # Errors
    /// As [`connections`](Self::connections).
    pub async fn closed(&self) -> Result<(), Error> {
        self.ask(Question::AllClosed).await.map(drop)
    }

    async fn ask(&self, question: Question) -> Result<usize, Error> {
        let holders: Vec<Channel> =
            self.lock().iter().filter_map(|holder| holder.channel.upgrade()).collect();
        // All are asked before the first answer is waited for.
        let asked: Vec<_> = holders.iter().filter_map(|c| c.ask(&self.key, question).ok()).collect();
        let mut open = 0;
        for answer in asked {
            open += answer.await;
        }
        Ok(open)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Holder>> {
        self.holders.lock().unwrap_or_else(|e| e.into_inner())
    }
}
