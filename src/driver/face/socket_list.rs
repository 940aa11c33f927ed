//! `SocketList`: connections of ours that other processes hold.

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

        /// The connections of one server that were handed to children: how many are open there, and when
        /// the last one is closed. What Node's `server.getConnections()` and `server.close()` ask.
        ///
        /// A clone is the same list. A child that is gone holds none. A list whose connections are all
        /// closed, as [`closed`](Self::closed) tells, costs a Node child nothing once its last clone is
        /// dropped; a child warns of a leak when it has connections of more than ten others.
        ///
        $(#[$example])*
        #[derive(Clone, Debug)]
        pub struct SocketList {
            key: Arc<ListKey>,
            holders: Arc<Holders<WeakChannel>>,
        }

        impl SocketList {
            /// A list with nothing in it.
            pub fn new() -> Self {
                SocketList { key: Arc::new(ListKey::new()), holders: Arc::new(Holders::new()) }
            }

            /// Sends a connection that is counted from then on.
            ///
            /// # Errors
            /// As [`Channel::send_handle`].
            $(#[$tasks]
            /// # Cancel safety
            /// As [`Channel::send_handle`]. A connection that was taken back is not counted, and one that
            /// had begun to be sent is, unless the child turns out not to have it.
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

            /// How many are open in all children.
            ///
            /// # Errors
            /// None of a child's: one that is gone holds none.
            $(#[$threads]
            /// [`Error::Send`] if a child does not answer in the time set by its channel's
            /// [`set_send_timeout`](Channel::set_send_timeout).
            )?
            $(#[$tasks]
            /// A child that does not answer keeps this waiting.
            ///
            /// # Cancel safety
            /// Nothing changes if the future is dropped. Answers that come after that are not taken for
            /// those to other calls.
            )?
            pub $($async)? fn connections(&self) -> Result<usize, Error> {
                self.ask(Question::Count) $(.$await)?
            }

            /// Waits until none is open in any child.
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
                // All are asked before the first answer is waited for.
                let asked: Vec<_> =
                    holders.iter().filter_map(|c| c.ask(self.key.key(), question).ok()).collect();
                let mut open = Ok(0);
                // Each is waited for, also after one that did not answer.
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
