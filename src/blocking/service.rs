//! [`Service`]: a program whose functions its parent calls, on threads.

use std::future::poll_fn;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use super::channel::Channel;
use super::peer::{Peer, wait, wait_until};
use crate::calls::RpcError;
use crate::calls::schedule::Turn;
use crate::driver::calls::{Core, GoneOnDrop, Job, LINGER, Output, PATIENCE, catch, is_survived};
use crate::error::{Error, SendError};
use crate::sys::terminate;

crate::driver::face::service_face! {
    "blocking" "`&Context`" r#"```no_run
use crossfork::blocking::{Context, Fork, Service};
use crossfork::calls::RpcError;

fn price(article: String, _: &Context) -> Result<usize, RpcError> {
    Ok(article.len())
}

# fn main() -> Result<(), Box<dyn std::error::Error>> {
// In Node: serve({ total: async (articles, cx) => (await cx.peer.call('price', articles[0])) * 2 })
let node = Fork::new("cart.mjs").spawn()?;
let peer = Service::new().method("price", price).connect(&node.channel)?;
let total: usize = peer.call("total", &["chair"])?;
# let _ = total;
node.stop(Default::default())?;
# Ok(()) }
```"#
    #[doc = r#"A program whose functions its parent calls: a worker of a pool, a language server, or any child of
`fork`. Its handlers run on threads.

```no_run
use crossfork::blocking::{Context, Service};

#[derive(serde::Deserialize)]
struct Rectangle {
    width: f64,
    height: f64,
}

fn area(r: Rectangle, _: &Context) -> Result<f64, std::num::ParseFloatError> {
    Ok(r.width * r.height)
}

fn main() -> Result<(), crossfork::Error> {
    Service::new().method("area", area).run()
}
```

A handler may return an iterator, whose items the caller gets one by one. It can look whether its call
was cancelled, report progress, and call the parent: see [`Context`]. If it panics, its caller
gets an error with the message and the place of the panic, and the service goes on."#]
    threads #[doc = ""]
}

/// How many calls are carried out at once, unless said.
fn concurrency() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

type OnStart = Box<dyn FnOnce(&Peer) -> Result<(), BoxError> + Send>;
type OnEnd = Box<dyn FnOnce() + Send>;

impl Service {
    /// Sets the number of handler threads. Default: the number of CPUs that the process may use.
    pub fn threads(self, threads: NonZero<usize>) -> Self {
        Service { concurrency: Some(threads), ..self }
    }

    /// Sets what runs before the first call, such as loading a model. A pool waits for it. If it fails or panics,
    /// the channel is closed, and no call is carried out.
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
    /// What the set-up failed with; the channel failed; or [`SendError::HasCalls`](crate::SendError::HasCalls) if a
    /// service was run on this channel or connected to it before.
    pub fn run_on(self, channel: &Channel) -> Result<(), Error> {
        let core = self.claim(channel)?;
        self.run_with(channel, core)
    }

    /// Carries out calls on threads of the crate, until the channel is over.
    fn stay_with(self, channel: Channel, core: Arc<Core>) -> Result<(), Error> {
        let stay = move || {
            let gone = GoneOnDrop(core.clone());
            let result = self.run_with(&channel, core.clone());
            drop(channel);
            core.gone(result);
            drop(gone);
        };
        thread::Builder::new().name("crossfork-calls".to_owned()).spawn(stay)?;
        Ok(())
    }

    fn run_with(self, channel: &Channel, core: Arc<Core>) -> Result<(), Error> {
        // One of them says of each method that it is not there.
        let threads = if self.handlers.is_empty() { 1 } else { self.most() };
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
            running.wait_for_end();
            // It has panicked only if what drops a message has.
            let received = receiving.join().unwrap_or(Ok(()));
            started.and(received)
        });
        running.tear_down();
        result
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
        let start = || take(&self.service.on_start).map_or(Ok(()), |start| start(&self.peer));
        // The threads that receive and write would be waited for after a panic.
        let started = catch(start).unwrap_or_else(|panic| Err(panic.into()));
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

    /// Waits until the channel is over. If we have closed it, the other end has a time to read what was queued.
    fn wait_for_end(&self) {
        if wait(poll_fn(|cx| self.core.poll_ending(cx))) {
            return;
        }
        let deadline = Instant::now().checked_add(LINGER);
        if wait_until(poll_fn(|cx| self.core.poll_over(cx)), deadline).is_none() {
            self.channel.close();
        }
    }

    /// Takes what comes, until nothing comes any more.
    fn receive(&self) -> Result<(), Error> {
        self.core.received_here();
        let result = loop {
            wait(poll_fn(|cx| self.core.poll_reading(cx)));
            let received = match self.core.is_watched() {
                true => self.channel.recv_timeout(PATIENCE),
                false => self.channel.recv(),
            };
            match received {
                Err(Error::Send(SendError::TimedOut)) => self.core.unwatched(),
                Ok(Some(message)) => {
                    if let Some(message) = self.core.receive(message) {
                        self.core.unwatched();
                        self.service.message(message, &self.peer);
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) if is_survived(&error) => {}
                Err(error) => break Err(error),
            }
        };
        if result.is_err() {
            self.channel.close();
        }
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
        // With nothing else to do, this thread writes at once. Otherwise another does, unless calls are so
        // quick that this one comes to it first.
        if carry_out(&self.service, &self.core, &self.peer, turn, job, Some(Instant::now())) {
            self.write_now();
        }
    }

    /// Writes what is queued. The end of the channel is seen where it is received from.
    fn write_now(&self) {
        while let Some(frame) = self.core.next_frame() {
            self.channel.send_call_frame(&self.core, frame);
        }
    }

    /// Writes what comes, until all was said.
    fn write(&self) {
        while let Some(output) = self.core.wait_for_output() {
            match output {
                Output::Frame(frame) => {
                    self.channel.send_call_frame(&self.core, frame);
                    self.write_now();
                }
                Output::Finished => {
                    if !self.core.is_closing() {
                        self.tear_down();
                        if let Some(last_frame) = self.core.last_frame() {
                            let _ = self.channel.send_frame(Ok(last_frame));
                        }
                    }
                    // It may be over already.
                    let _ = self.channel.disconnect();
                    return;
                }
            }
        }
    }
}

/// Carries out a call or a notification. `begun`: now, by a thread that may write. True: it is to write the
/// answer.
pub(super) fn carry_out(
    service: &Service,
    core: &Arc<Core>,
    peer: &Peer,
    turn: Turn,
    job: Job,
    begun: Option<Instant>,
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
    core.ended(turn, answer, begun)
}
