//! [`Service`]: a program whose functions its parent calls, on threads.

use std::fmt;
use std::future::poll_fn;
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::channel::Channel;
use super::peer::{Peer, wait};
use crate::calls::RpcError;
use crate::calls::schedule::Turn;
use crate::driver::calls::{self, Core, Greeting, Handler, Handlers, Job, Output, Settings, catch};
use crate::error::Error;
use crate::message::Message;
use crate::sys::terminate;

/// What a handler knows of its call besides the parameters, and the way to the other end.
pub type Context = calls::Context<Peer>;

type OnMessage = Box<dyn Fn(Message, &Peer) + Send + Sync>;
type BoxError = Box<dyn std::error::Error + Send + Sync>;
type OnStart = Box<dyn FnOnce(&Peer) -> Result<(), BoxError> + Send>;
type OnEnd = Box<dyn FnOnce() + Send>;

/// A program whose functions its parent calls: a worker of a pool, a language server, or any child of
/// `fork`. Its handlers run on threads.
///
/// ```no_run
/// use crossfork::blocking::{Context, Service};
///
/// #[derive(serde::Deserialize)]
/// struct Rectangle {
///     width: f64,
///     height: f64,
/// }
///
/// fn area(r: Rectangle, _: &Context) -> Result<f64, std::num::ParseFloatError> {
///     Ok(r.width * r.height)
/// }
///
/// fn main() -> Result<(), crossfork::Error> {
///     Service::new().method("area", area).run()
/// }
/// ```
///
/// A handler may return an iterator, whose items the caller gets one by one. It can look whether its call
/// was cancelled, report progress, and call the parent: see [`Context`]. If it panics, its caller
/// gets an error with the message and the place of the panic, and the service goes on.
///
/// Notifications are handled one after the other, in their order, by the handler of that name. A call does
/// not begin before the notifications that came before it have ended.
#[derive(Default)]
pub struct Service {
    handlers: Handlers<Peer>,
    threads: Option<NonZero<usize>>,
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
    /// parameters and `&Context`, and returns a `Result`. See [`Handler`] and
    /// [`Reply`](super::Reply).
    pub fn method<M>(mut self, name: impl Into<String>, handler: impl Handler<Peer, M>) -> Self {
        self.handlers.insert(name.into(), handler.prepare());
        self
    }

    /// Sets the number of handler threads. Default: the number of CPUs that the process may use.
    pub fn threads(self, threads: NonZero<usize>) -> Self {
        Service { threads: Some(threads), ..self }
    }

    /// Handles calls and notifications one after the other, in the order of arrival. A language server needs
    /// this.
    pub fn ordered(self) -> Self {
        Service { is_ordered: true, ..self }
    }

    /// Shuts down gracefully, as on SIGTERM, when a handler has panicked. Use it if handlers share state that a
    /// panic may leave inconsistent. A pool then starts another worker.
    pub fn end_on_panic(self) -> Self {
        Service { ends_on_panic: true, ..self }
    }

    /// Sets the handler for messages that are not calls. Without it they are dropped.
    pub fn on_message(self, handler: impl Fn(Message, &Peer) + Send + Sync + 'static) -> Self {
        Service { on_message: Some(Box::new(handler)), ..self }
    }

    /// Sets what runs before the first call, such as loading a model. A pool waits for it.
    pub fn set_up<E: Into<BoxError>>(
        self,
        start: impl FnOnce(&Peer) -> Result<(), E> + Send + 'static,
    ) -> Self {
        let start: OnStart = Box::new(|peer| start(peer).map_err(Into::into));
        Service { on_start: Mutex::new(Some(start)), ..self }
    }

    /// Sets what runs after the last call has ended.
    pub fn tear_down(self, end: impl FnOnce() + Send + 'static) -> Self {
        Service { on_end: Mutex::new(Some(Box::new(end))), ..self }
    }

    /// Carries out calls until the parent has disconnected. Calls that have begun are waited for. To be
    /// called in `main`, while there is no other thread.
    ///
    /// SIGTERM is a request to end: calls that have begun are carried out, and the others are answered that
    /// they were not begun, so that a pool makes them elsewhere.
    ///
    /// # Errors
    /// [`EnvError`](crate::EnvError) if this process was not started with a channel; what the set-up
    /// failed with; or the channel failed.
    pub fn run(self) -> Result<(), Error> {
        let channel = Channel::from_env()?;
        let core = self.core(&channel);
        terminate::heeded(|| core.stop(), || self.run_with(&channel, core.clone()))?
    }

    /// [`run`](Self::run) over a channel that exists. Nothing else may receive from it.
    ///
    /// # Errors
    /// What the set-up failed with; or the channel failed.
    pub fn run_on(self, channel: &Channel) -> Result<(), Error> {
        let core = self.core(channel);
        self.run_with(channel, core)
    }

    /// Hands on what is no call.
    pub(super) fn message(&self, message: Message, peer: &Peer) {
        if let Some(on_message) = &self.on_message {
            // A panic is told by the hook.
            let _ = catch(|| on_message(message, peer));
        }
    }

    pub(super) fn most(&self) -> usize {
        let threads = self.threads.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZero::get);
        if self.is_ordered { 1 } else { threads }
    }

    fn core(&self, channel: &Channel) -> Arc<Core> {
        let concurrency = self.most();
        let methods = self.handlers.keys().cloned().collect();
        let greeting = Some(Greeting { concurrency, methods });
        Core::new(channel.encoder(), Settings { concurrency, greeting })
    }

    fn run_with(self, channel: &Channel, core: Arc<Core>) -> Result<(), Error> {
        let threads = self.most();
        let running = Running { service: self, core: core.clone(), channel, peer: Peer::new(core) };
        let result = thread::scope(|scope| {
            // The set-up may call the parent, whose answers are received meanwhile.
            let receiving = scope.spawn(|| running.receive());
            scope.spawn(|| running.write());
            let started = running.start();
            if started.is_ok() {
                for _ in 0..threads {
                    scope.spawn(|| running.work());
                }
            }
            // It has panicked only if what drops a message has.
            let received = receiving.join().unwrap_or(Ok(()));
            started.and(received)
        });
        running.tear_down();
        result
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut methods: Vec<_> = self.handlers.keys().collect();
        methods.sort();
        f.debug_struct("blocking::Service").field("methods", &methods).finish_non_exhaustive()
    }
}

/// A service that runs.
struct Running<'a> {
    service: Service,
    core: Arc<Core>,
    channel: &'a Channel,
    peer: Peer,
}

impl Running<'_> {
    fn start(&self) -> Result<(), Error> {
        let started = take(&self.service.on_start).map_or(Ok(()), |start| start(&self.peer));
        match started {
            Ok(()) => self.core.ready(),
            Err(_) => {
                self.core.end();
                self.channel.close();
            }
        }
        started.map_err(Error::SetUp)
    }

    fn tear_down(&self) {
        if let Some(end) = take(&self.service.on_end) {
            end();
        }
    }

    /// Takes what comes, until nothing comes any more.
    fn receive(&self) -> Result<(), Error> {
        let result = loop {
            wait(poll_fn(|cx| self.core.poll_reading(cx)));
            match self.channel.recv() {
                Ok(Some(message)) => {
                    if let Some(message) = self.core.receive(message) {
                        self.service.message(message, &self.peer);
                    }
                }
                Ok(None) => break Ok(()),
                // About one message.
                Err(Error::Protocol(_)) => {}
                Err(error) => break Err(error),
            }
        };
        self.core.end();
        result
    }

    /// Carries out what comes, until nothing comes any more.
    fn work(&self) {
        while let Some((turn, job)) = self.core.wait_for_job() {
            self.carry_out(turn, job);
        }
    }

    fn carry_out(&self, turn: Turn, job: Job) {
        // With nothing else to do, this thread writes at once. Otherwise another does, so that no answer
        // waits behind a call, and those that are ready meanwhile go together.
        if carry_out(&self.service, &self.core, &self.peer, turn, job, true) {
            self.write_now();
        }
    }

    /// Writes what is queued. The end of the channel is seen where it is received from.
    fn write_now(&self) {
        while let Some(frame) = self.core.next_frame() {
            self.send(frame);
        }
    }

    /// What cannot be sent would leave somebody waiting: it ends the channel. If the peer has, what it has
    /// sent before is still received.
    fn send(&self, frame: Vec<u8>) {
        if self.channel.send_frame(Ok(frame)).is_err() && self.channel.is_connected() {
            self.channel.close();
        }
    }

    /// Writes what comes, until all was said.
    fn write(&self) {
        while let Some(output) = self.core.wait_for_output() {
            match output {
                Output::Frame(frame) => {
                    self.send(frame);
                    self.write_now();
                }
                Output::Finished => {
                    self.tear_down();
                    if let Some(farewell) = self.core.farewell() {
                        self.send(farewell);
                    }
                    // It may be over already.
                    let _ = self.channel.disconnect();
                    return;
                }
            }
        }
    }
}

/// Carries out a call or a notification. True: the caller is to write the answer.
pub(super) fn carry_out(
    service: &Service,
    core: &Arc<Core>,
    peer: &Peer,
    turn: Turn,
    job: Job,
    may_write: bool,
) -> bool {
    let call = job.running.clone();
    let handler = service.handlers.get(&job.method);
    let unknown = handler.is_none().then(|| RpcError::unknown(&job.method));
    let context = Context::new(core.clone(), job, peer.clone());
    let to = context.replying();
    let answer = match (handler, unknown) {
        (Some(handler), None) => catch(|| handler.call(context).wait(|later| wait(later))),
        (_, unknown) => Ok(unknown.and_then(|error| to.error(&error))),
    };
    let answer = answer.unwrap_or_else(|panic| {
        if service.ends_on_panic {
            core.stop();
        }
        to.error(&panic)
    });
    let answer = call.as_ref().zip(answer).map(|(call, body)| (&call.id, body));
    core.ended(turn, answer, may_write)
}

fn take<T>(once: &Mutex<Option<T>>) -> Option<T> {
    once.lock().unwrap_or_else(PoisonError::into_inner).take()
}
