//! References that do not keep a channel open: for sockets that came from it, and for socket lists.

macro_rules! channel_reference_face {
    () => {
        use crate::driver::holders::Reference;
        use crate::handle::SocketOwner;
        use crate::proto::cluster::worker::ServerId;

        impl SocketOwner for Shared {
            fn socket_closed(&self, key: &SocketKey) {
                self.visit().link().socket_closed(key);
            }
        }

        impl ConnectionOwner for Shared {
            fn connection_closed(&self, server: ServerId) {
                self.visit().link().work(|worker| worker.connection_closed(server));
            }
        }

        /// A reference to a channel that does not keep it open.
        #[derive(Clone, Debug)]
        pub(super) struct WeakChannel(Weak<Shared>);

        impl WeakChannel {
            pub(super) fn upgrade(&self) -> Option<Channel> {
                self.0.upgrade().map(Channel)
            }
        }

        impl Reference for WeakChannel {
            fn is_connected(&self) -> bool {
                self.upgrade().is_some_and(|channel| channel.is_connected())
            }

            fn is_same(&self, other: &Self) -> bool {
                self.0.ptr_eq(&other.0)
            }
        }
    };
}
pub(crate) use channel_reference_face;
