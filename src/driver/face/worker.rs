//! `Worker`: this process as a worker of a cluster.

macro_rules! worker_face {
    (
        $(#[$example:meta])*
        $(threads #[$threads:meta])?
        $(tasks #[$tasks:meta] $async:ident $await:ident)?
    ) => {
        use std::fmt;
        use std::os::fd::OwnedFd;

        use serde::Serialize;

        use super::{Listener, UdpSocket};
        use crate::driver::listen::{
            BindOptions, ListenAddress, ListenOptions, Place, exclusive, granted, granted_udp,
        };
        use crate::driver::op;
        use crate::error::Error;
        use crate::handle::{IntoOutgoing, Unsent};
        use crate::limits::Limits;
        use crate::message::Message;
        use crate::proto::cluster::Query;
        use crate::proto::cluster::worker::{Answer, ServerId};
        use crate::wire::Serialization;

        /// This process as a worker of a cluster. The primary may be Node's or a Rust program.
        ///
        /// It listens through the primary, which shares each address among its workers. It works the same
        /// whether the primary accepts connections and hands them out, or the workers accept from a shared
        /// socket.
        ///
        /// At least one call must be waiting at all times, because waiting calls read the primary's messages:
        /// [`Listener::accept`], [`recv`](Self::recv), [`stopping`](Self::stopping) and so on.
        ///
        /// When the primary asks the worker to stop, [`Listener::accept`] returns `None`. The channel closes
        /// when the last [`Connection`](super::Connection) is closed and all messages are received. The calls
        /// that report the end, and the drop of the last handle, wait until the primary has seen the end, for
        /// up to half a second. Otherwise a busy primary would see `'exit'` before `'disconnect'`
        /// ([CLU-22](crate::protocol#CLU-22)).
        $(#[$tasks]
        /// A drop blocks its thread, and all tasks on it. If other tasks are to go on running, wait for
        /// [`closed`](Self::closed) first.
        )?
        ///
        /// A worker that loses its primary without being told to stop exits immediately with status 0, as
        /// Node's workers do ([CLU-19](crate::protocol#CLU-19)): see
        /// [`set_exit_on_orphaned`](Self::set_exit_on_orphaned).
        ///
        /// The program's own messages are queued for [`recv`](Self::recv). If the worker has never called it,
        /// messages beyond the [`Limits`] are dropped. If it has called it and stops doing so, a full queue
        /// blocks the cluster's messages too.
        ///
        $(#[$example])*
        #[derive(Clone)]
        pub struct Worker {
            channel: Channel,
            id: u32,
        }

        impl Worker {
            /// Joins the cluster that this process was started for. Call it once, early in `main`, as
            /// [`Channel::from_env`]: it removes the cluster's variables from the environment.
            ///
            /// # Errors
            /// [`EnvError::NotAWorker`](crate::EnvError::NotAWorker) if `NODE_UNIQUE_ID` is not set. If there
            /// is a channel, [`Channel::from_env`] can still open it. Otherwise as [`Channel::from_env`].
            $(#[$tasks]
            /// # Panics
            /// Outside of a runtime, and in one without I/O.
            #[track_caller]
            )?
            pub fn from_env() -> Result<Self, Error> {
                Self::from_env_with(Limits::default())
            }

            /// [`from_env`](Self::from_env) with other limits.
            ///
            /// # Errors
            /// As [`from_env`](Self::from_env).
            $(#[$tasks]
            /// # Panics
            /// As [`from_env`](Self::from_env).
            #[track_caller]
            )?
            pub fn from_env_with(limits: Limits) -> Result<Self, Error> {
                require_driver();
                let (id, socket, serialization) = crate::env::take_worker()?;
                Self::from_socket(socket, id, serialization, limits)
            }

            /// Joins a cluster over an existing Unix stream socket.
            ///
            /// # Errors
            /// As [`Channel::from_socket`].
            $(#[$tasks]
            /// # Panics
            /// As [`Channel::from_socket`].
            #[track_caller]
            )?
            pub fn from_socket(
                socket: impl Into<OwnedFd>,
                id: u32,
                serialization: Serialization,
                limits: Limits,
            ) -> Result<Self, Error> {
                let channel = Channel::from_socket_with(socket, serialization, limits)?;
                channel.with_link(|link| link.join_cluster());
                Ok(Worker { channel, id })
            }

            /// The worker's number, unique within its primary.
            pub fn id(&self) -> u32 {
                self.id
            }

            /// The channel to the primary. To end it, use the worker's own methods.
            pub fn channel(&self) -> &Channel {
                &self.channel
            }

            /// Receives the next message from the primary's program: see [`Channel::recv`].
            ///
            /// # Errors
            /// As [`Channel::recv`].
            $(#[$tasks]
            /// # Cancel safety
            /// As [`Channel::recv`]. Even a call whose future was dropped counts as a call of `recv`: from
            /// then on messages wait for the next call.
            )?
            pub $($async)? fn recv(&self) -> Result<Option<Message>, Error> {
                self.channel.recv() $(.$await)?
            }

            /// Sends a message to the primary's program: see [`Channel::send`].
            ///
            /// # Errors
            /// As [`Channel::send`].
            $(#[$tasks]
            /// # Cancel safety
            /// As [`Channel::send`].
            )?
            pub $($async)? fn send<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), Error> {
                self.channel.send(message) $(.$await)?
            }

            /// Sends a message with a handle: see [`Channel::send_handle`].
            ///
            /// # Errors
            /// As [`Channel::send_handle`].
            $(#[$tasks]
            /// # Cancel safety
            /// As [`Channel::send_handle`].
            )?
            pub $($async)? fn send_handle<T: Serialize + ?Sized>(
                &self,
                message: &T,
                handle: impl IntoOutgoing,
            ) -> Result<(), Unsent> {
                self.channel.send_handle(message, handle) $(.$await)?
            }

            /// Listens through the primary.
            ///
            /// # Errors
            /// [`Error::Listen`], with the reason that the primary gives, such as an address in use;
            /// [`SendError::Stopping`](crate::SendError::Stopping) if the worker is to stop.
            $(#[$tasks]
            /// # Cancel safety
            /// If the future is dropped, the worker does not listen. If the primary grants the server later,
            /// it is closed. You can listen on the same address again.
            )?
            pub $($async)? fn listen(&self, address: impl Into<ListenAddress>) -> Result<Listener, Error> {
                self.listen_with(address, ListenOptions::default()) $(.$await)?
            }

            /// [`listen`](Self::listen) with options.
            ///
            /// # Errors
            /// As [`listen`](Self::listen).
            $(#[$tasks]
            /// # Cancel safety
            /// As [`listen`](Self::listen).
            )?
            pub $($async)? fn listen_with(
                &self,
                address: impl Into<ListenAddress>,
                options: ListenOptions,
            ) -> Result<Listener, Error> {
                let address = address.into();
                let place = match address.place()? {
                    Place::Host(host) => Place::Ip(look_up(&host) $(.$await)?.map_err(|e| address.error(e))?),
                    place => place,
                };
                if options.exclusive {
                    let server = Server::new(&self.channel, |worker| worker.own_server());
                    return Listener::new(server, exclusive(&place, &address, &options)?, &address);
                }
                let (server, answer) = self.ask(options.query(&place)) $(.$await)?;
                let granted = granted(answer, &address, &place, &options)?;
                let port = granted.port();
                let listener = Listener::new(server, granted, &address)?;
                listener.server.work(|worker, id| worker.listening(id, port));
                Ok(listener)
            }

            /// Binds a UDP socket through the primary. All workers share it.
            ///
            /// # Errors
            /// As [`listen`](Self::listen).
            $(#[$tasks]
            /// # Cancel safety
            /// As [`listen`](Self::listen).
            )?
            pub $($async)? fn bind_udp(&self, address: impl Into<ListenAddress>) -> Result<UdpSocket, Error> {
                self.bind_udp_with(address, BindOptions::default()) $(.$await)?
            }

            /// [`bind_udp`](Self::bind_udp) with options.
            ///
            /// # Errors
            /// As [`listen`](Self::listen).
            $(#[$tasks]
            /// # Cancel safety
            /// As [`listen`](Self::listen).
            )?
            pub $($async)? fn bind_udp_with(
                &self,
                address: impl Into<ListenAddress>,
                options: BindOptions,
            ) -> Result<UdpSocket, Error> {
                let address = address.into();
                let wanted = match address.place()? {
                    Place::Host(host) => look_up(&host) $(.$await)?.map_err(|e| address.error(e))?,
                    place => place.for_udp().map_err(|e| address.error(e))?,
                };
                let (server, answer) = self.ask(options.query(&wanted)) $(.$await)?;
                let socket = granted_udp(answer, &address, &wanted)?;
                let port = socket.local_addr().ok().map(|local| local.port());
                let socket = UdpSocket::new(server, socket).map_err(|e| address.error(e))?;
                socket.server.work(|worker, id| worker.listening(id, port));
                Ok(socket)
            }

            $($async)? fn ask(&self, query: Query) -> (Server, Option<Answer<OwnedFd>>) {
                let server = Server::new(&self.channel, |worker| worker.listen(query));
                let answer = self.channel.call(op::answer(server.id)) $(.$await)?;
                (server, answer)
            }

            /// Whether the worker is to stop: the primary has asked for it, the worker itself has decided to,
            /// or the channel is over.
            pub fn is_stopping(&self) -> bool {
                self.channel.with_link(|link| link.is_stopping())
            }

            /// Waits until the worker is to stop.
            $(#[$tasks]
            /// # Cancel safety
            /// Dropping the future changes nothing.
            )?
            pub $($async)? fn stopping(&self) {
                self.channel.call(op::stopping()) $(.$await)?
            }

            /// Whether the worker ends because it was asked to, or because it decided to: Node's
            /// `exitedAfterDisconnect`.
            pub fn exited_after_disconnect(&self) -> bool {
                self.channel.with_link(|link| link.worker().is_stopping())
            }

            /// Stops the worker by its own decision, and returns when the primary knows. All listeners close:
            /// [`Listener::accept`] first returns the connections that were already handed over, and then
            /// `None`. From now on a primary may replace the worker. The channel closes with the last
            /// connection: see [`closed`](Self::closed).
            ///
            /// # Errors
            /// [`SendError::Closed`](crate::SendError::Closed) if the channel ended before the primary knew.
            $(#[$tasks]
            /// # Cancel safety
            /// The worker stops even if the future is dropped after its first poll. To wait until the primary
            /// knows, call this again.
            )?
            pub $($async)? fn disconnect(&self) -> Result<(), Error> {
                self.channel.with_link(|link| link.work(|worker| worker.disconnect()));
                self.channel.call(op::exit_acknowledged()) $(.$await)?
            }

            /// Waits until the channel is over: the worker has stopped and its last connection is closed, or
            /// the primary is gone. Messages that have not been received by then are dropped. If you need
            /// them, call [`recv`](Self::recv) until it returns `None` instead.
            $(#[$tasks]
            /// # Cancel safety
            /// Dropping the future restores the default: the channel stays open until all messages are
            /// received.
            )?
            pub $($async)? fn closed(&self) {
                self.channel.call(op::Closed::default()) $(.$await)?
            }

            /// Exits this process with status 0, as soon as the primary knows that the exit is intended.
            $(#[$tasks]
            /// # Cancel safety
            /// If the future is dropped after its first poll, this process goes on. The primary has been
            /// told, and the channel ends when it knows. To exit, call this again.
            )?
            pub $($async)? fn kill(&self) -> ! {
                self.channel.with_link(|link| link.work(|worker| worker.kill()));
                self.closed() $(.$await)?;
                std::process::exit(0)
            }

            /// Sets whether this process exits immediately, with status 0, when it loses its primary without
            /// being told to stop. It does by default.
            pub fn set_exit_on_orphaned(&self, exits: bool) {
                self.channel.with_link(|link| link.set_exits_as_orphan(exits));
            }
        }

        impl fmt::Debug for Worker {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct("Worker").field("id", &self.id).finish_non_exhaustive()
            }
        }

        /// A server. Dropping it closes it.
        pub(super) struct Server {
            pub(super) channel: Channel,
            pub(super) id: ServerId,
        }

        impl Server {
            fn new(channel: &Channel, open: impl FnOnce(&mut Machine) -> ServerId) -> Self {
                let id = channel.with_link(|link| link.work(open));
                Server { channel: channel.clone(), id }
            }

            pub(super) fn work<T>(&self, command: impl FnOnce(&mut Machine, ServerId) -> T) -> T {
                self.channel.with_link(|link| link.work(|worker| command(worker, self.id)))
            }
        }

        type Machine = crate::proto::cluster::WorkerMachine<OwnedFd>;

        impl Drop for Server {
            fn drop(&mut self) {
                self.work(|worker, id| worker.release(id));
            }
        }
    };
}
pub(crate) use worker_face;
