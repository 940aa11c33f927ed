//! [`SocketList`]: connections of ours that other processes hold, for threads.

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
/// # use crossfork::blocking::{Fork, SocketList};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let listener = std::net::TcpListener::bind("127.0.0.1:8080")?;
/// let child = Fork::new("worker.js").spawn()?;
/// let list = SocketList::new();
/// let (connection, _) = listener.accept()?;
/// list.send(&child.channel, &"a connection", connection)?;
/// println!("{} open in children", list.connections()?);
/// list.closed()?; // waits
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
    pub fn send<T: Serialize + ?Sized>(
        &self,
        channel: &Channel,
        message: &T,
        connection: impl IntoOutgoing,
    ) -> Result<(), Unsent> {
        let share = self.holders.enter(channel.downgrade());
        channel.send_share(message, connection.into().counted(self.key.for_one_more()), Some(share))
    }

    /// How many are open in all children.
    ///
    /// # Errors
    /// None of a child's: one that is gone holds none. [`Error::Send`] if a child does not answer
    /// in the time set by its channel's `set_send_timeout`.
    pub fn connections(&self) -> Result<usize, Error> {
        self.ask(Question::Count)
    }

    /// Waits until none is open in any child.
    ///
    /// # Errors
    /// As [`connections`](Self::connections).
    pub fn closed(&self) -> Result<(), Error> {
        let sent = self.key.sent();
        self.ask(Question::AllClosed)?;
        self.key.closed(sent);
        Ok(())
    }

    fn ask(&self, question: Question) -> Result<usize, Error> {
        let holders: Vec<Channel> = self.holders.all().iter().filter_map(WeakChannel::upgrade).collect();
        // All are asked before the first answer is waited for.
        let asked: Vec<_> =
            holders.iter().filter_map(|c| Some((c, c.ask(self.key.key(), question).ok()?))).collect();
        // Each is waited for, also after one that did not answer.
        let open: Vec<_> = asked.into_iter().map(|(channel, asked)| channel.open_at_peer(asked)).collect();
        open.into_iter().sum()
    }
}

impl Default for SocketList {
    fn default() -> Self {
        Self::new()
    }
}
