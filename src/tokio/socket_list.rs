//! [`SocketList`]: connections of ours that other processes hold, for tasks.

use serde::Serialize;

use super::Channel;
use super::channel::WeakChannel;
use crate::driver::holders::Holders;
use crate::error::Error;
use crate::handle::{IntoOutgoing, Unsent};
use crate::proto::Question;
use crate::wire::control::ListKey;

/// The connections of one server that were handed to children: how many are open there, and when
/// the last one is closed. What Node's `server.getConnections()` and `server.close()` ask.
///
/// A child that is gone holds none. A list whose connections are all closed, as [`closed`](Self::closed)
/// tells, costs a Node child nothing once it is dropped; it warns of a leak when it has connections of
/// more than ten others.
///
/// ```no_run
/// # use crossfork::tokio::{Fork, SocketList};
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
/// let child = Fork::new("worker.js").spawn()?;
/// let list = SocketList::new();
/// let (connection, _) = listener.accept().await?;
/// list.send(&child.channel, &"a connection", connection).await?;
/// println!("{} open in children", list.connections().await?);
/// list.closed().await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct SocketList {
    key: ListKey,
    holders: Holders<WeakChannel>,
}

impl SocketList {
    /// A list with nothing in it.
    pub fn new() -> Self {
        SocketList { key: ListKey::new(), holders: Holders::new() }
    }

    /// Sends a connection that is counted from then on.
    ///
    /// # Errors
    /// As [`Channel::send_handle`].
    ///
    /// # Cancel safety
    /// As [`Channel::send_handle`]. A connection that was taken back is not counted, and one that
    /// had begun to be sent is, unless the child turns out not to have it.
    pub async fn send<T: Serialize + ?Sized>(
        &self,
        channel: &Channel,
        message: &T,
        connection: impl IntoOutgoing,
    ) -> Result<(), Unsent> {
        let share = self.holders.enter(channel.downgrade());
        channel.send_share(message, connection.into().counted(self.key.for_one_more()), Some(share)).await
    }

    /// How many are open in all children.
    ///
    /// # Errors
    /// None of a child's: one that is gone holds none. One that does not answer keeps this waiting.
    ///
    /// # Cancel safety
    /// Nothing changes if the future is dropped. Answers that come after that are not taken for those
    /// to other calls.
    pub async fn connections(&self) -> Result<usize, Error> {
        self.ask(Question::Count).await
    }

    /// Waits until none is open in any child.
    ///
    /// # Errors
    /// As [`connections`](Self::connections).
    ///
    /// # Cancel safety
    /// As [`connections`](Self::connections).
    pub async fn closed(&self) -> Result<(), Error> {
        let sent = self.key.sent();
        self.ask(Question::AllClosed).await?;
        self.key.closed(sent);
        Ok(())
    }

    async fn ask(&self, question: Question) -> Result<usize, Error> {
        let holders: Vec<Channel> = self.holders.all().iter().filter_map(WeakChannel::upgrade).collect();
        // All are asked before the first answer is waited for.
        let asked: Vec<_> = holders.iter().filter_map(|c| c.ask(self.key.key(), question).ok()).collect();
        let mut open = 0;
        for answer in asked {
            open += answer.await;
        }
        Ok(open)
    }
}

impl Default for SocketList {
    fn default() -> Self {
        Self::new()
    }
}
