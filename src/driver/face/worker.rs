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

        /// This process as a worker of a cluster, whose primary may be Node's.
        ///
        /// It listens through the primary, which shares each address among its workers. Whether the
        /// primary accepts and hands out the connections, or the workers accept from a shared socket,
        /// makes no difference here.
        ///
        /// Somebody has to wait in a call at all times, for that is where the primary is heard:
        /// [`Listener::accept`], [`recv`](Self::recv), [`stopping`](Self::stopping) and so on.
        ///
        /// When the primary wants the worker to stop, [`Listener::accept`] gives `None`. The channel is
        /// closed when the last [`Connection`](super::Connection) is, and there is nothing left to
        /// receive. The calls that tell of the end, and the drop of the last handle, wait until the
        /// primary has seen it, for half a second at most: otherwise a busy one would see `'exit'` before
        /// `'disconnect'` ([CLU-22](crate::protocol#CLU-22)).
        $(#[$tasks]
        /// A drop holds the thread that it is on, with all tasks that run there: where others go on, wait for
        /// [`closed`](Self::closed) before.
        )?
        ///
        /// A worker that loses its primary without having been told to stop exits at once, with the status 0,
        /// as Node's do ([CLU-19](crate::protocol#CLU-19)): see
        /// [`set_exit_on_orphaned`](Self::set_exit_on_orphaned).
        ///
        /// Messages that are not the cluster's wait for [`recv`](Self::recv). In a worker that never
        /// called it, they are dropped when they reach the [`Limits`]; in one that did and does no more,
        /// they then hold up the cluster.
        ///
        $(#[$example])*
        #[derive(Clone)]
        pub struct Worker {
            channel: Channel,
            id: u32,
        }

        impl Worker {
            /// Joins the cluster that this process was started for. To be called once, early in `main`, as
            /// [`Channel::from_env`] is: the variables that tell of the cluster then leave the environment.
            ///
            /// # Errors
            /// [`EnvError::NotAWorker`](crate::EnvError::NotAWorker) if there is no `NODE_UNIQUE_ID`; a
            /// channel that there is can then still be opened by [`Channel::from_env`]. Otherwise as that.
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

            /// Joins over a Unix stream socket that is at hand.
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

            /// The worker's number, which no other worker of the primary has.
            pub fn id(&self) -> u32 {
                self.id
            }

            /// The channel to the primary. To end it, use the worker.
            pub fn channel(&self) -> &Channel {
                &self.channel
            }

            /// The next message of the primary's program: see [`Channel::recv`].
            ///
            /// # Errors
            /// As [`Channel::recv`].
            $(#[$tasks]
            /// # Cancel safety
            /// As [`Channel::recv`]. Even a call that was dropped makes this a worker that receives, whose
            /// messages wait for the next call.
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
            /// If the future is dropped, the worker does not listen: a server that the primary grants after
            /// that is closed. The same address can be asked for again.
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

            /// Binds a UDP socket through the primary, which all workers share.
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

            /// Whether the worker is to stop: the primary has asked it to, or it wants to itself, or the
            /// channel is over.
            pub fn is_stopping(&self) -> bool {
                self.channel.with_link(|link| link.is_stopping())
            }

            /// Waits until the worker is to stop.
            $(#[$tasks]
            /// # Cancel safety
            /// Nothing changes if the future is dropped.
            )?
            pub $($async)? fn stopping(&self) {
                self.channel.call(op::stopping()) $(.$await)?
            }

            /// Whether the worker ends because it was asked to, or wanted to: Node's
            /// `exitedAfterDisconnect`.
            pub fn exited_after_disconnect(&self) -> bool {
                self.channel.with_link(|link| link.worker().is_stopping())
            }

            /// Stops because the worker wants to, and returns when the primary knows of it. All listeners
            /// close, so that [`Listener::accept`] gives `None` when it has given what was accepted before.
            /// A primary may replace the worker from now on. The channel is closed when the last
            /// connection is: [`closed`](Self::closed).
            ///
            /// # Errors
            /// [`SendError::Closed`](crate::SendError::Closed) if the channel is over before the primary
            /// knows.
            $(#[$tasks]
            /// # Cancel safety
            /// The worker stops even if the future is dropped after it was first polled. To wait until the
            /// primary knows, call this again.
            )?
            pub $($async)? fn disconnect(&self) -> Result<(), Error> {
                self.channel.with_link(|link| link.work(|worker| worker.disconnect()));
                self.channel.call(op::exit_acknowledged()) $(.$await)?
            }

            /// Waits until the channel is over: the worker has stopped and its last connection is closed,
            /// or the primary is gone. Messages that have not been received by then are dropped; where they
            /// matter, wait for [`recv`](Self::recv) to give `None` instead.
            $(#[$tasks]
            /// # Cancel safety
            /// Nothing changes if the future is dropped: from then on the channel stays open again until all
            /// messages are received.
            )?
            pub $($async)? fn closed(&self) {
                self.channel.call(op::Closed::default()) $(.$await)?
            }

            /// Ends this process, with the status 0, as soon as the primary knows that it is meant.
            $(#[$tasks]
            /// # Cancel safety
            /// If the future is dropped after it was first polled, this process goes on: the primary has been
            /// told, and the channel ends when it knows. To end the process, call this again.
            )?
            pub $($async)? fn kill(&self) -> ! {
                self.channel.with_link(|link| link.work(|worker| worker.kill()));
                self.closed() $(.$await)?;
                std::process::exit(0)
            }

            /// Whether this process exits at once, with the status 0, when it loses its primary without
            /// having been told to stop. It does unless told otherwise.
            pub fn set_exit_on_orphaned(&self, exits: bool) {
                self.channel.with_link(|link| link.set_exits_as_orphan(exits));
            }
        }

        impl fmt::Debug for Worker {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct("Worker").field("id", &self.id).finish_non_exhaustive()
            }
        }

        /// A server, closed when it is dropped.
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
