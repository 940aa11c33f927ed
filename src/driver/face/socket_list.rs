//! `SocketList`: our connections that other processes hold.

macro_rules! socket_list_face {
    (
        $(#[$example:meta])*
        $(threads #[$threads:meta])?
        $(tasks #[$tasks:meta] $async:ident $await:ident)?
    ) => {
        use std::sync::Arc;

        use serde::Serialize;

        use super::Channel;
        use super::channel::WeakChannel;
        use crate::driver::holders::Holders;
        use crate::error::Error;
        use crate::handle::{IntoOutgoing, Unsent};
        use crate::proto::Question;
        use crate::wire::control::ListKey;

        /// The connections of one server that were handed to children. It tells how many are open there, and
        /// when the last one is closed. It corresponds to Node's `server.getConnections()` and
        /// `server.close()`.
        ///
        /// A clone refers to the same list. A child that has exited has no open connections. If
        /// [`closed`](Self::closed) has reported that all connections are closed, dropping the last clone
        /// leaves nothing behind in a Node child. A child warns of a leak when it has connections of more
        /// than ten lists.
        ///
        $(#[$example])*
        #[derive(Clone, Debug)]
        pub struct SocketList {
            key: Arc<ListKey>,
            holders: Arc<Holders<WeakChannel>>,
        }

        impl SocketList {
            /// Creates an empty list.
            pub fn new() -> Self {
                SocketList { key: Arc::new(ListKey::new()), holders: Arc::new(Holders::new()) }
            }

            /// Sends a connection and counts it from then on.
            ///
            /// # Errors
            /// As [`Channel::send_handle`].
            $(#[$tasks]
            /// # Cancel safety
            /// As [`Channel::send_handle`]. A connection that was taken back is not counted. A connection
            /// whose sending had begun is counted, unless the child did not receive it.
            )?
            pub $($async)? fn send<T: Serialize + ?Sized>(
                &self,
                channel: &Channel,
                message: &T,
                connection: impl IntoOutgoing,
            ) -> Result<(), Unsent> {
                let share = self.holders.enter(channel.downgrade());
                let connection = connection.into().counted(self.key.for_one_more());
                channel.send_share(message, connection, Some(share)) $(.$await)?
            }

            /// The number of connections that are open in all children.
            ///
            /// # Errors
            /// A child that has exited causes no error: it has no open connections.
            $(#[$threads]
            /// [`Error::Send`] if a child does not answer within the time set by its channel's
            /// [`set_send_timeout`](Channel::set_send_timeout).
            )?
            $(#[$tasks]
            /// If a child does not answer, this waits.
            ///
            /// # Cancel safety
            /// Dropping the future changes nothing. Late answers are not mistaken for answers to other calls.
            )?
            pub $($async)? fn connections(&self) -> Result<usize, Error> {
                self.ask(Question::Count) $(.$await)?
            }

            /// Waits until no child has an open connection.
            ///
            /// # Errors
            /// As [`connections`](Self::connections).
            $(#[$tasks]
            /// # Cancel safety
            /// As [`connections`](Self::connections).
            )?
            pub $($async)? fn closed(&self) -> Result<(), Error> {
                let sent = self.key.sent();
                self.ask(Question::AllClosed) $(.$await)??;
                self.key.closed(sent);
                Ok(())
            }

            $($async)? fn ask(&self, question: Question) -> Result<usize, Error> {
                let holders: Vec<Channel> =
                    self.holders.all().iter().filter_map(WeakChannel::upgrade).collect();
                // All children are asked before the first answer is awaited.
                let asked: Vec<_> =
                    holders.iter().filter_map(|c| c.ask(self.key.key(), question).ok()).collect();
                let mut open = Ok(0);
                // All answers are awaited, even after a child that did not answer.
                for answer in asked {
                    let answer = answer.wait() $(.$await)?;
                    open = open.and_then(|open| answer.map(|more| open + more));
                }
                open
            }
        }

        impl Default for SocketList {
            fn default() -> Self {
                Self::new()
            }
        }
    };
}
pub(crate) use socket_list_face;
