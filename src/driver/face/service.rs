//! `Service`: a program whose functions its parent calls.

macro_rules! service_face {
    (
        $name:literal $takes:literal $connect:literal
        #[$own:meta]
        $(threads #[$threads:meta])?
        $(tasks #[$tasks:meta] $async:ident $await:ident)?
    ) => {
        use std::fmt;
        use std::num::NonZero;
        use std::sync::{Mutex, PoisonError};

        use crate::driver::calls::{self, Greeting, Handler, Handlers, Settings};
        use crate::driver::link::Link;
        use crate::message::Message;

        /// What a handler knows of its call besides the parameters, and the way to the other end.
        pub type Context = calls::Context<Peer>;

        type BoxError = Box<dyn std::error::Error + Send + Sync>;
        type OnMessage = Box<dyn Fn(Message, &Peer) + Send + Sync>;

        #[$own]
        ///
        /// Notifications are handled one after the other, in their order, by the handler of that name. A call
        /// does not begin before the notifications that came before it have ended.
        ///
        /// The arguments with which a language client starts a server, such as `--node-ipc` and
        /// `--clientProcessId`, mean nothing to a service.
        #[derive(Default)]
        pub struct Service {
            handlers: Handlers<Peer>,
            concurrency: Option<NonZero<usize>>,
            is_ordered: bool,
            ends_on_panic: bool,
            on_message: Option<OnMessage>,
            on_start: Mutex<Option<OnStart>>,
            on_end: Mutex<Option<OnEnd>>,
        }

        impl Service {
            /// A service without methods.
            pub fn new() -> Self {
                Service::default()
            }

            /// Adds a method. Calls and notifications of this name go to the handler: a function that takes the
            #[doc = concat!("parameters and ", $takes, ", and returns a `Result`. See [`Handler`] and")]
            /// [`Reply`](super::Reply).
            pub fn method<M>(mut self, name: impl Into<String>, handler: impl Handler<Peer, M>) -> Self {
                self.handlers.insert(name.into(), handler.prepare());
                self
            }

            /// Writes the types of the methods as an interface `Api` for TypeScript, with all types that they
            /// need. In Node, `pool.methods<Api>()` is checked by it. A method whose handler is not
            /// [`typed`](super::typed) takes and gives `unknown`.
            ///
            /// # Errors
            /// The file cannot be written, or two types have the same name.
            #[cfg(feature = "types")]
            pub fn types(&self, path: impl AsRef<std::path::Path>) -> std::io::Result<()> {
                std::fs::write(path, calls::declarations(&self.handlers)?)
            }

            /// Handles calls and notifications one after the other, in the order of arrival. A language server
            /// needs this.
            pub fn ordered(self) -> Self {
                Service { is_ordered: true, ..self }
            }

            /// Shuts down gracefully, as on SIGTERM, when a handler has panicked. Use it if handlers share state
            /// that a panic may leave inconsistent. A pool then starts another worker.
            ///
            /// With `panic = "abort"` in the program's profile a panic ends the process at once, and its other
            /// calls with it.
            pub fn end_on_panic(self) -> Self {
                Service { ends_on_panic: true, ..self }
            }

            /// Sets the handler for messages that are not calls, which gets them in their order. Without it they
            /// are dropped. It is called where messages are received, and nothing else is received meanwhile: it
            /// must not wait. A blocking call of the peer that is made in it fails at once.
            ///
            $(#[$threads]
            /// For the workers of a pool it is called on [the thread of the pool's
            /// functions](super::pool::Pool#threads), and may wait. While a megabyte of a worker's messages waits
            /// for it, nothing more is received from this worker.
            )?
            pub fn on_message(self, handler: impl Fn(Message, &Peer) + Send + Sync + 'static) -> Self {
                Service { on_message: Some(Box::new(handler)), ..self }
            }

            /// How many calls are carried out at once.
            pub(super) fn most(&self) -> usize {
                if self.is_ordered { 1 } else { self.concurrency.map_or_else(concurrency, NonZero::get) }
            }

            $(#[$threads]
            /// Whether somebody wants what is no call.
            pub(super) fn hears_messages(&self) -> bool {
                self.on_message.is_some()
            }
            )?

            /// Hands on what is no call.
            pub(super) fn message(&self, message: Message, peer: &Peer) {
                if let Some(on_message) = &self.on_message {
                    // A panic is told by the hook.
                    let _ = calls::catch(|| on_message(message, peer));
                }
            }

            /// Takes on the calls of a channel.
            fn claim(&self, channel: &Channel) -> Result<Arc<Core>, Error> {
                channel.with_link(Link::claim_calls)?;
                Ok(self.core(channel))
            }

            pub(super) fn core(&self, channel: &Channel) -> Arc<Core> {
                let concurrency = self.most();
                let methods = self.handlers.keys().cloned().collect();
                let greeting = Some(Greeting { concurrency, methods });
                Core::new(channel.encoder(), Settings { concurrency, greeting })
            }
        }

        /// A parent and the program that it has forked.
        impl Service {
            /// Connects this process with the other end of a channel, such as a program that it has forked: calls
            /// its methods, and carries out what it calls. The other end may be anything that speaks JSON-RPC 2.0:
            /// a Node program with `serve` or `connectCalls` of the npm package, a program with a `Service`, or one
            /// that uses `vscode-jsonrpc`. For many such programs, use a [`Pool`](super::Pool).
            ///
            #[doc = $connect]
            ///
            /// From now on nothing else may receive from the channel. Messages that are no calls go to
            /// [`on_message`](Self::on_message). Sending them is allowed as before.
            ///
            /// The calls end when the other end disconnects or exits, and when this process closes the channel:
            /// calls without an answer fail then ([`CallError::Disconnected`](crate::calls::CallError)), and
            /// handlers that run are cancelled. When the last clone of the returned peer is dropped, that closes
            /// the channel as [`Peer::close`] does. The peers that handlers get do not count. The process goes on:
            /// most Node programs exit then by themselves, and `Child::stop` ends any.
            ///
            $(#[$threads]
            /// Threads of the crate receive, write, and run the handlers. They end with the calls.
            )?
            $(#[$tasks]
            /// Tasks in the current runtime receive, write, and run the handlers. They end with the calls.
            )?
            ///
            /// # Errors
            /// [`SendError::HasCalls`](crate::SendError::HasCalls) if a service is connected to this channel
            /// already.
            $(#[$threads]
            /// [`Error::Io`] if no thread can be started.
            )?
            $(#[$tasks]
            /// # Panics
            /// Outside of a runtime, and in one without timers.
            #[track_caller]
            )?
            pub fn connect(self, channel: &Channel) -> Result<Peer, Error> {
                let core = self.claim(channel)?;
                let peer = Peer::closing(core.clone());
                self.stay_with(channel.clone(), core)?;
                Ok(peer)
            }
        }

        impl fmt::Debug for Service {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut methods: Vec<_> = self.handlers.keys().collect();
                methods.sort();
                f.debug_struct(concat!($name, "::Service")).field("methods", &methods).finish_non_exhaustive()
            }
        }

        fn take<T>(once: &Mutex<Option<T>>) -> Option<T> {
            once.lock().unwrap_or_else(PoisonError::into_inner).take()
        }
    };
}
pub(crate) use service_face;
