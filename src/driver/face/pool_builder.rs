//! `Builder`: what a pool runs, and how.

macro_rules! pool_builder_face {
    (
        $driver:ident
        $(threads #[$threads:meta])?
        $(tasks #[$tasks:meta] $async:ident $await:ident)?
    ) => {
        use std::ffi::OsStr;
        use std::fmt;
        use std::num::NonZero;
        use std::sync::Arc;
        use std::time::Duration;

        use std::task::Waker;

        use super::{
            $driver, Channel, Child, Command, Event, Fork, Output, Pool, Process, Service, require_driver,
        };
        use crate::calls::pool::WorkerId;
        use crate::driver::calls::{Core, Settings};
        use crate::driver::op::Disconnect;
        use crate::driver::pool::{Common, Control, Held, Program, Shared, Start};
        use crate::error::Error;
        use crate::process::Signal;

        /// What a pool runs, and how: made by [`Pool::builder`], [`Pool::fork`] and [`Pool::command`].
        ///
        /// Each worker has its place, from 1 on, in the variable `CROSSFORK_WORKER_ID`. Its standard input is
        /// empty. Its standard error passes through the pool, which keeps the last lines for errors. What
        /// `stdio` says on a [`Fork`] or a [`Command`] comes before.
        #[must_use]
        pub struct Builder {
            start: Start<$driver>,
            common: Common,
            service: Arc<Service>,
            set_up: Option<SetUp>,
        }

        impl Builder {
            fn new(start: Start<$driver>) -> Self {
                Builder { start, common: Common::default(), service: Arc::default(), set_up: None }
            }

            pub(super) fn path(path: &OsStr) -> Self {
                Builder::new(Start::Path(path.to_owned()))
            }

            pub(super) fn fork(fork: Fork) -> Self {
                Builder::new(Start::Said(Program::Fork(Box::new(fork))))
            }

            pub(super) fn command(command: Command) -> Self {
                Builder::new(Start::Said(Program::Command(Box::new(command))))
            }

            /// Sets the number of workers. Default: the number of CPUs that the process may use.
            pub fn size(self, workers: NonZero<usize>) -> Self {
                self.min(workers.get()).max(workers)
            }

            /// Sets the least number of workers. The pool has more, up to [`max`](Self::max), while calls wait.
            pub fn min(mut self, workers: usize) -> Self {
                self.common.min = Some(workers);
                self
            }

            /// Sets the greatest number of workers. Default: the number of CPUs that the process may use.
            pub fn max(mut self, workers: NonZero<usize>) -> Self {
                self.common.max = Some(workers.get());
                self
            }

            /// Sets how long a worker beyond the least number may have nothing to do before it ends. Default:
            /// 10 seconds.
            pub fn idle_timeout(mut self, timeout: Duration) -> Self {
                self.common.settings.idle_timeout = Some(timeout);
                self
            }

            /// Starts no worker before the first call.
            pub fn lazy(mut self) -> Self {
                self.common.settings.lazy = true;
                self
            }

            /// Sets the maximum number of calls that one worker has at once. Default: the number that it
            /// announces, or one.
            pub fn concurrency(mut self, calls: NonZero<usize>) -> Self {
                self.common.settings.concurrency = Some(calls.get());
                self
            }

            /// Sets how many calls may wait for a worker. Those beyond fail with
            /// [`PoolError::QueueFull`](super::PoolError::QueueFull). A call that waits for a worker that is only
            /// starting does not count: with 0, a call is made at once or not at all. Default: 100,000.
            pub fn max_queue(mut self, calls: usize) -> Self {
                self.common.settings.max_queue = calls;
                self
            }

            /// Sets the timeout of calls that have none of their own. Default: none.
            pub fn timeout(mut self, timeout: Duration) -> Self {
                self.common.timeout = Some(timeout);
                self
            }

            /// Sets how long a worker may take to be ready. It is killed then, and another is started. Default:
            /// 30 seconds.
            pub fn start_timeout(mut self, timeout: Duration) -> Self {
                self.common.settings.start_timeout = timeout;
                self
            }

            /// Sets how long a worker may take to react to a cancelled call. It is killed then, and replaced.
            /// Default: 5 seconds.
            pub fn grace(mut self, grace: Duration) -> Self {
                self.common.settings.grace = grace;
                self
            }

            /// Sets how long a worker may take to end when it is asked to. It is killed then. Default: 5 seconds.
            pub fn close_timeout(mut self, timeout: Duration) -> Self {
                self.common.settings.close_timeout = timeout;
                self
            }

            /// Replaces a worker after this number of calls, or up to a tenth earlier, so that not all workers
            /// are replaced at once.
            pub fn max_calls(mut self, calls: NonZero<u64>) -> Self {
                self.common.settings.max_calls = Some(calls.get());
                self
            }

            /// Replaces a worker after this time, or up to a tenth earlier.
            pub fn max_age(mut self, age: Duration) -> Self {
                self.common.settings.max_age = Some(age);
                self
            }

            /// Replaces a worker whose resident memory has more bytes. Workers with `serve` and with a
            /// [`Service`] report it, at most once a second.
            pub fn max_memory(mut self, bytes: u64) -> Self {
                self.common.settings.max_memory = Some(bytes);
                self
            }

            /// Sets what the workers can call: the methods of a service, which is not run otherwise.
            pub fn service(self, service: Service) -> Self {
                Builder { service: Arc::new(service), ..self }
            }

            /// Sets a function that is told what happens to the workers.
            ///
            $(#[$threads]
            /// It is called on the thread of the pool's functions: see [`Pool`](Pool#threads). While a great many
            /// events wait for it, others are left out, and [`Event::Missed`] says how many.
            )?
            $(#[$tasks]
            /// It may be called from any thread, and calls wait for it: it must not wait for the pool, and should
            /// not take long.
            )?
            pub fn on_event(mut self, listener: impl Fn(&Event) + Send + Sync + 'static) -> Self {
                self.common.on_event = Some(Arc::new(listener));
                self
            }

            /// Sets a function that gets what the workers write to their standard output and standard error.
            /// Without it standard output is inherited, and standard error is written to this process's. What
            /// that does not take within 100 ms is dropped, so that calls go on.
            ///
            $(#[$threads]
            /// It is called on the thread of the pool's functions: see [`Pool`](Pool#threads). While more than a
            /// megabyte waits for it, no more is read, so that workers that write a lot wait for it, and the others
            /// do not.
            )?
            $(#[$tasks]
            /// It is called in the task of the worker, whose calls wait for it, and must not block.
            )?
            pub fn on_output(mut self, reader: impl Fn(Output<'_>) + Send + Sync + 'static) -> Self {
                self.common.on_output = Some(Arc::new(reader));
                self
            }

            /// Starts the workers. Calls may be made at once, and wait until one is ready.
            ///
            /// # Errors
            /// [`Error::Spawn`] if the file is neither a script nor a program, or is not there. If a worker does
            /// not start, [`Pool::ready`] and calls return the error.
            $(#[$tasks]
            /// # Panics
            /// Outside of a runtime, and in one without I/O or time.
            #[track_caller]
            )?
            pub fn start(self) -> Result<Pool, Error> {
                require_driver();
                let Builder { start, common, service, set_up } = self;
                let program = start.told()?;
                let callee = service.clone();
                let shared = run(common.settled(), &callee, |shared| Run { shared, program, service, set_up })?;
                Ok(Pool::new(shared))
            }
        }

        impl fmt::Debug for Builder {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct("pool::Builder").finish_non_exhaustive()
            }
        }

        /// A pool that runs.
        pub(super) struct Run {
            pub(super) shared: Arc<Shared>,
            program: Program<$driver>,
            pub(super) service: Arc<Service>,
            pub(super) set_up: Option<SetUp>,
        }

        impl Run {
            /// Starts a process for this place.
            pub(super) fn spawn(&self, place: usize) -> Result<Child, Error> {
                /// Where the channel is in a worker.
                const CHANNEL: usize = 3;
                match self.program.next(place, &self.shared.common) {
                    Program::Fork(fork) => fork.spawn(),
                    Program::Command(command) => command.spawn_with_channel(CHANNEL),
                }
            }

            /// Has the pool know of a worker whose process runs. `waker` is woken when its channel is to end.
            pub(super) fn connect(
                &self,
                worker: WorkerId,
                process: &Arc<Process>,
                channel: &Channel,
                waker: Waker,
            ) -> Arc<Core> {
                let settings = Settings { concurrency: self.service.most(), greeting: None };
                let core = Core::new(channel.encoder(), settings);
                core.ready();
                let control = ProcessControl { process: process.clone(), channel: channel.clone(), waker };
                let held = Held { core: core.clone(), control: Arc::new(control), pid: process.id() };
                self.shared.connected(worker, held);
                core
            }
        }

        struct ProcessControl {
            process: Arc<Process>,
            channel: Channel,
            waker: Waker,
        }

        impl Control for ProcessControl {
            fn kill(&self) {
                // It fails only if the process runs as somebody else now, and ends when its channel does.
                if self.process.end(Signal::KILL).is_err() {
                    self.channel.close();
                }
            }

            fn disconnect(&self) {
                // It may be over already.
                let _ = self.channel.with_link(Disconnect::submit);
                // What could not be written at once is to be waited for.
                self.waker.wake_by_ref();
            }
        }
    };
}
pub(crate) use pool_builder_face;
