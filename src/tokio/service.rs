//! [`Service`]: a program whose functions its parent calls, in tasks.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ::tokio::runtime::Builder;
use ::tokio::signal::unix::{SignalKind, signal};
use ::tokio::time::sleep;

use super::channel::Channel;
use super::peer::Peer;
use crate::calls::RpcError;
use crate::calls::schedule::Turn;
use crate::driver::calls::{Core, GoneOnDrop, Job, LINGER, Outcome, Output, caught, is_survived};
use crate::error::Error;
use crate::limits::Limits;

crate::driver::face::service_face! {
    "tokio" "`Context` or `&Context`" r#"```no_run
use crossfork::calls::RpcError;
use crossfork::tokio::{Context, Fork, Service};

async fn price(article: String, _: Context) -> Result<usize, RpcError> {
    Ok(article.len())
}

# async fn example() -> Result<(), Box<dyn std::error::Error>> {
// In Node: serve({ total: async (articles, cx) => (await cx.peer.call('price', articles[0])) * 2 })
let node = Fork::new("cart.mjs").spawn()?;
let peer = Service::new().method("price", price).connect(&node.channel)?;
let total: usize = peer.call("total", &["chair"]).await?;
# let _ = total;
node.stop(Default::default()).await?;
# Ok(()) }
```"#
    #[doc = r#"A program whose functions its parent calls: a worker of a pool, a language server, or any child of
`fork`. Its handlers run in tasks.

```no_run
use crossfork::tokio::{Context, Service};
use std::{io, time::Duration};

async fn later(text: String, _: Context) -> io::Result<String> {
    tokio::time::sleep(Duration::from_secs(1)).await;
    Ok(text)
}

fn main() -> Result<(), crossfork::Error> {
    Service::new().method("later", later).run()
}
```

A handler is an asynchronous function that takes the context by value or by reference, or a
synchronous one that does not take long. It may return a stream or an iterator, whose items the caller
gets one by one. When its call is cancelled, its future is dropped. If it panics, its caller gets an
error with the message and the place of the panic, and the service goes on."#]
    tasks #[doc = ""] async await
}

/// How many calls are carried out at once, unless said.
fn concurrency() -> usize {
    64
}

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type OnStart = Box<dyn FnOnce(Peer) -> Boxed<Result<(), BoxError>> + Send>;
type OnEnd = Box<dyn FnOnce() -> Boxed<()> + Send>;

impl Service {
    /// Sets the maximum number of calls that run at once (64). Further calls wait, and a pool sends this
    /// service no more than that.
    pub fn concurrency(self, calls: NonZero<usize>) -> Self {
        Service { concurrency: Some(calls), ..self }
    }

    /// Sets what runs before the first call, such as loading a model. A pool waits for it. If it fails or panics,
    /// the channel is closed, and no call is carried out.
    pub fn set_up<E: Into<BoxError>, F: Future<Output = Result<(), E>> + Send + 'static>(
        self,
        start: impl FnOnce(Peer) -> F + Send + 'static,
    ) -> Self {
        let start: OnStart = Box::new(|peer| {
            let started = start(peer);
            Box::pin(async { started.await.map_err(Into::into) })
        });
        Service { on_start: Mutex::new(Some(start)), ..self }
    }

    /// Sets what runs after the last call has ended.
    pub fn tear_down<F: Future<Output = ()> + Send + 'static>(
        self,
        end: impl FnOnce() -> F + Send + 'static,
    ) -> Self {
        let end: OnEnd = Box::new(|| Box::pin(end()));
        Service { on_end: Mutex::new(Some(end)), ..self }
    }

    /// Carries out calls until the parent has disconnected, in a runtime of its own with one thread. For a
    /// runtime with several, see [`serve`](Self::serve).
    ///
    /// # Errors
    /// As [`serve`](Self::serve); or the runtime cannot be made.
    ///
    /// # Panics
    /// Inside of a runtime.
    pub fn run(self) -> Result<(), Error> {
        let (socket, serialization) = crate::env::take_channel()?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let channel = Channel::from_socket_with(socket, serialization, Limits::default())?;
            let core = self.claim(&channel)?;
            self.run_with(&channel, core, terminated()?).await
        })
    }

    /// Carries out calls until the parent has disconnected.
    ///
    /// SIGTERM is a request to end: calls that have begun are carried out, and the others are answered that
    /// they were not begun, so that a pool makes them elsewhere.
    ///
    /// # Errors
    /// [`EnvError`](crate::EnvError) if this process was not started with a channel; what the set-up
    /// failed with; or the channel failed.
    ///
    /// # Panics
    /// Outside of a runtime.
    ///
    /// # Cancel safety
    /// As [`run_on`](Self::run_on); the channel is closed then.
    pub async fn serve(self) -> Result<(), Error> {
        let channel = Channel::from_env()?;
        let core = self.claim(&channel)?;
        self.run_with(&channel, core, terminated()?).await
    }

    /// [`serve`](Self::serve) over a channel that exists. Nothing else may receive from it.
    ///
    /// # Errors
    /// What the set-up failed with; the channel failed; or [`SendError::HasCalls`](crate::SendError::HasCalls) if a
    /// service was run on this channel or connected to it before.
    ///
    /// # Cancel safety
    /// If the future is dropped, all calls are cancelled, and no answer is sent.
    pub async fn run_on(self, channel: &Channel) -> Result<(), Error> {
        let core = self.claim(channel)?;
        self.run_with(channel, core, std::future::pending()).await
    }

    /// Carries out calls in a task of the crate, until the channel is over.
    #[track_caller]
    fn stay_with(self, channel: Channel, core: Arc<Core>) -> Result<(), Error> {
        // Panics here if there are no timers, and not in the task.
        drop(sleep(Duration::ZERO));
        ::tokio::spawn(async move {
            let _gone = GoneOnDrop(core.clone());
            let result = self.run_with(&channel, core.clone(), std::future::pending()).await;
            drop(channel);
            core.gone(result);
        });
        Ok(())
    }

    async fn run_with(
        self,
        channel: &Channel,
        core: Arc<Core>,
        asked: impl Future<Output = ()>,
    ) -> Result<(), Error> {
        let running = Running::new(self, core);
        let _end = EndOnDrop(running.core.clone());
        // The set-up may call the parent, whose answers are received meanwhile.
        let start = async {
            let started = running.start().await;
            if started.is_err() {
                channel.close();
            }
            started
        };
        let run = async { ::tokio::join!(start, running.receive(channel), running.write(channel)) };
        // If we have closed the channel, the other end has a time to read what was queued.
        let linger = async {
            if !poll_fn(|cx| running.core.poll_ending(cx)).await {
                sleep(LINGER).await;
                channel.close();
            }
            std::future::pending().await
        };
        let stop = async {
            asked.await;
            running.core.stop();
            std::future::pending().await
        };
        let (started, received, ()) = ::tokio::select! {
            results = run => results,
            never = stop => never,
            never = linger => never,
        };
        poll_fn(|cx| running.core.poll_idle(cx)).await;
        running.tear_down().await;
        started.and(received)
    }
}

/// Cancels what runs when nobody waits for the service any more.
struct EndOnDrop(Arc<Core>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// A service that runs. For a pool, what its workers can call.
pub(super) struct Running {
    pub(super) service: Arc<Service>,
    pub(super) core: Arc<Core>,
    pub(super) peer: Peer,
}

impl Running {
    pub(super) fn new(service: Service, core: Arc<Core>) -> Arc<Self> {
        let peer = Peer::new(core.clone());
        Arc::new(Running { service: Arc::new(service), core, peer })
    }

    /// Prepares the service, and begins what has come meanwhile.
    pub(super) async fn start(self: &Arc<Self>) -> Result<(), Error> {
        let start = async {
            match take(&self.service.on_start) {
                Some(start) => start(self.peer.clone()).await,
                None => Ok(()),
            }
        };
        // After a panic the other end would wait for a channel that nobody reads.
        let started = caught(start).await.unwrap_or_else(|panic| Err(panic.into()));
        match started {
            Ok(()) => {
                self.core.ready();
                self.dispatch();
            }
            Err(_) => self.core.end(),
        }
        started.map_err(Error::SetUp)
    }

    pub(super) async fn tear_down(&self) {
        if let Some(end) = take(&self.service.on_end) {
            end().await;
        }
    }

    /// Takes what comes, until nothing comes any more.
    pub(super) async fn receive(self: &Arc<Self>, channel: &Channel) -> Result<(), Error> {
        let result = loop {
            poll_fn(|cx| self.core.poll_reading(cx)).await;
            match channel.recv().await {
                Ok(Some(message)) => {
                    if let Some(message) = self.core.receive(message) {
                        self.service.message(message, &self.peer);
                    }
                    self.dispatch();
                }
                Ok(None) => break Ok(()),
                Err(error) if is_survived(&error) => {}
                Err(error) => break Err(error),
            }
        };
        if result.is_err() {
            channel.close();
        }
        self.core.end();
        result
    }

    /// Begins what may begin.
    pub(super) fn dispatch(self: &Arc<Self>) {
        while let Some((turn, job)) = self.core.take_job() {
            ::tokio::spawn(self.clone().carry_out(turn, job));
        }
    }

    async fn carry_out(self: Arc<Self>, turn: Turn, job: Job) {
        let call = job.running.clone();
        let method = self.service.handlers.get(&job.method);
        let unknown = method.is_none().then(|| RpcError::unknown(&job.method));
        let context = Context::new(self.core.clone(), job, self.peer.clone());
        let to = context.replying();
        // All of it, for a handler that is dropped may panic too.
        let answer = caught(async {
            let (Some(method), None) = (method, unknown.as_ref()) else {
                return unknown.map_or(Ok(None), Err);
            };
            match (method.call(context), &call) {
                (Outcome::Done(answer), _) => Ok(answer),
                (Outcome::Later(later), None) => Ok(later.await),
                (Outcome::Later(later), Some(call)) => ::tokio::select! {
                    biased;
                    answer = later => Ok(answer),
                    () = call.cancelled() => Err(RpcError::cancelled()),
                },
            }
        });
        let answer = answer.await.unwrap_or_else(|panic| {
            if self.service.ends_on_panic {
                self.core.stop();
            }
            Err(panic)
        });
        let answer = answer.unwrap_or_else(|error| to.error(&error));
        let answer = call.as_ref().zip(answer).map(|(call, body)| (&call.id, body));
        self.core.ended(turn, answer, None);
        self.dispatch();
    }

    /// Writes what comes, until all was said, and then closes the channel.
    pub(super) async fn write(self: &Arc<Self>, channel: &Channel) {
        if !self.write_all(channel).await {
            return;
        }
        if !self.core.is_closing() {
            self.tear_down().await;
            if let Some(last_frame) = self.core.last_frame() {
                let _ = channel.send_frame(Ok(last_frame)).await;
            }
        }
        // It may be over already.
        let _ = channel.disconnect().await;
    }

    /// Writes what comes. True: all was said. False: the channel is over, which is seen where it is received from.
    pub(super) async fn write_all(self: &Arc<Self>, channel: &Channel) -> bool {
        let next = |cx: &mut std::task::Context<'_>| match channel.is_connected() {
            true => self.core.poll_output(cx),
            false => self.core.poll_end(cx).map(|()| None),
        };
        while let Some(output) = poll_fn(next).await {
            let Output::Frame(frame) = output else {
                return true;
            };
            let mut frame = Some(frame);
            while let Some(next) = frame {
                channel.send_call_frame(&self.core, next).await;
                // There may be room for more answers.
                self.dispatch();
                frame = if channel.is_connected() { self.core.next_frame() } else { None };
            }
        }
        false
    }
}

/// SIGTERM, once it comes.
fn terminated() -> Result<impl Future<Output = ()>, Error> {
    let mut signal = signal(SignalKind::terminate())?;
    Ok(async move {
        signal.recv().await;
    })
}
