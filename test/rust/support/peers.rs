//! A parent and one program, or any two ends of a channel, with the calls of both drivers behind the same functions. Used
//! from threads, so that one body can be run for each.
#![allow(dead_code, reason = "each program uses some")]

/// Peers for threads.
pub mod blocking {
    use std::os::unix::net::UnixStream;
    use std::process::ExitStatus;
    use std::time::Duration;

    use crossfork::blocking::{Channel, Child, Command, Peer};
    pub use crossfork::blocking::{Context, Fork, Service};
    use crossfork::calls::{CallError, Upload};
    use crossfork::{Error, Escalation, Limits, Signal};
    use serde::Serialize;
    use serde::de::IgnoredAny;

    pub type Connected = Peer;

    pub fn panicking_set_up(service: Service) -> Service {
        service.set_up(|_| -> Result<(), &'static str> { panic!("in the set-up") })
    }

    pub fn failing_set_up(service: Service) -> Service {
        service.set_up(|_| Err("no database"))
    }

    /// With a method that runs until it is cancelled, and tells when it begins and ends.
    pub fn with_hold(service: Service, tell: impl Fn(&'static str) + Send + Sync + 'static) -> Service {
        service.method("hold", move |_: IgnoredAny, cx: &Context| {
            tell("begun");
            while !cx.is_cancelled() {
                std::thread::sleep(Duration::from_millis(1));
            }
            tell("cancelled");
            Ok::<_, CallError>(())
        })
    }

    /// With a method that adds up an upload.
    pub fn with_total(service: Service) -> Service {
        service.method("total", |items: Upload<u64>, cx: &Context| {
            cx.items(items)?.sum::<Result<u64, CallError>>()
        })
    }

    /// One end of a channel, and the process at the other, if there is one.
    pub struct End {
        channel: Channel,
        child: Option<Child>,
    }

    impl End {
        pub fn fork(fork: Fork) -> Self {
            Self::of(fork.spawn().unwrap())
        }
        pub fn command(command: Command) -> Self {
            Self::of(command.spawn_with_channel(3).unwrap())
        }
        fn of(child: Child) -> Self {
            End { channel: child.channel.clone(), child: Some(child) }
        }
        pub fn socket(socket: UnixStream, limits: Limits) -> Self {
            End { channel: Channel::from_socket(socket, limits).unwrap(), child: None }
        }
        pub fn connect(&self, service: Service) -> Result<Connected, Error> {
            service.connect(&self.channel)
        }
        pub fn send(&self, message: &impl Serialize) -> Result<(), Error> {
            self.channel.send(message)
        }
        pub fn close(&self) {
            self.channel.close();
        }
        fn child(&self) -> &Child {
            self.child.as_ref().expect("a process")
        }
        pub fn kill(&self) {
            assert!(self.child().process.kill(Signal::KILL).unwrap());
        }
        pub fn wait(&self) -> ExitStatus {
            self.child().process.wait().unwrap()
        }
        pub fn stop(&self) -> ExitStatus {
            self.child().stop(Escalation::default()).unwrap()
        }
    }
}

/// Peers for tasks, in a runtime of their own.
pub mod tasks {
    use std::os::unix::net::UnixStream;
    use std::process::ExitStatus;
    use std::sync::Arc;
    use std::time::Duration;

    use crossfork::calls::{CallError, Offer, Upload};
    use crossfork::tokio::{Channel, Child, Command, Peer};
    pub use crossfork::tokio::{Context, Fork, Service};
    use crossfork::{Error, Escalation, Limits, Outgoing, ReceivedHandle, Signal};
    use serde::Serialize;
    use serde::de::{DeserializeOwned, IgnoredAny};
    use tokio::runtime::{Builder, Runtime};

    pub struct End {
        channel: Channel,
        child: Option<Child>,
        runtime: Arc<Runtime>,
    }

    pub fn panicking_set_up(service: Service) -> Service {
        service.set_up(async |_| -> Result<(), &'static str> { panic!("in the set-up") })
    }

    pub fn failing_set_up(service: Service) -> Service {
        service.set_up(|_| async { Err("no database") })
    }

    /// With a method that runs until it is cancelled, and tells when it begins and ends.
    pub fn with_hold(
        service: Service,
        tell: impl Fn(&'static str) + Clone + Send + Sync + 'static,
    ) -> Service {
        struct Tell<F: Fn(&'static str)>(F);
        impl<F: Fn(&'static str)> Drop for Tell<F> {
            fn drop(&mut self) {
                (self.0)("cancelled");
            }
        }
        service.method("hold", move |_: IgnoredAny, _: Context| {
            let tell = tell.clone();
            async move {
                tell("begun");
                let _tell = Tell(tell);
                std::future::pending::<Result<(), CallError>>().await
            }
        })
    }

    /// With a method that adds up an upload.
    pub fn with_total(service: Service) -> Service {
        async fn total(items: Upload<u64>, cx: Context) -> Result<u64, CallError> {
            let (mut items, mut sum) = (cx.items(items)?, 0);
            while let Some(item) = items.next().await {
                sum += item?;
            }
            Ok(sum)
        }
        service.method("total", total)
    }

    fn runtime() -> Arc<Runtime> {
        Arc::new(Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap())
    }

    impl End {
        pub fn fork(fork: Fork) -> Self {
            Self::of(|| fork.spawn())
        }
        pub fn command(command: Command) -> Self {
            Self::of(|| command.spawn_with_channel(3))
        }
        fn of(spawn: impl FnOnce() -> Result<Child, Error>) -> Self {
            let runtime = runtime();
            let child = {
                let _inside = runtime.enter();
                spawn().unwrap()
            };
            End { channel: child.channel.clone(), child: Some(child), runtime }
        }
        pub fn socket(socket: UnixStream, limits: Limits) -> Self {
            let runtime = runtime();
            let channel = {
                let _inside = runtime.enter();
                Channel::from_socket(socket, limits).unwrap()
            };
            End { channel, child: None, runtime }
        }
        pub fn connect(&self, service: Service) -> Result<Connected, Error> {
            let _inside = self.runtime.enter();
            Ok(Connected { peer: service.connect(&self.channel)?, runtime: self.runtime.clone() })
        }
        pub fn send(&self, message: &impl Serialize) -> Result<(), Error> {
            self.runtime.block_on(self.channel.send(message))
        }
        pub fn close(&self) {
            self.channel.close();
        }
        fn child(&self) -> &Child {
            self.child.as_ref().expect("a process")
        }
        pub fn kill(&self) {
            assert!(self.child().process.kill(Signal::KILL).unwrap());
        }
        pub fn wait(&self) -> ExitStatus {
            self.runtime.block_on(self.child().process.wait()).unwrap()
        }
        pub fn stop(&self) -> ExitStatus {
            self.runtime.block_on(self.child().stop(Escalation::default())).unwrap()
        }
    }

    #[derive(Clone)]
    pub struct Connected {
        peer: Peer,
        runtime: Arc<Runtime>,
    }

    type Called<T> = Result<T, CallError>;

    impl Connected {
        pub fn call<R: DeserializeOwned>(
            &self,
            method: &str,
            params: &(impl Serialize + ?Sized),
        ) -> Called<R> {
            self.runtime.block_on(self.peer.call(method, params))
        }
        pub fn call_timeout<R: DeserializeOwned>(
            &self,
            method: &str,
            params: &(impl Serialize + ?Sized),
            timeout: Duration,
        ) -> Called<R> {
            self.runtime.block_on(self.peer.call_timeout(method, params, timeout))
        }
        pub fn stream<R: DeserializeOwned>(
            &self,
            method: &str,
            params: &(impl Serialize + ?Sized),
        ) -> Called<Stream<R>> {
            Ok(Stream { stream: self.peer.stream(method, params)?, runtime: self.runtime.clone() })
        }
        pub fn notify(&self, method: &str, params: &(impl Serialize + ?Sized)) -> Called<()> {
            self.peer.notify(method, params)
        }
        pub fn request<'a, P: Serialize + ?Sized>(
            &'a self,
            method: &'a str,
            params: &'a P,
        ) -> Request<'a, P> {
            Request { request: self.peer.request(method, params), runtime: &self.runtime }
        }
        pub fn ready(&self) -> Called<Offer> {
            self.runtime.block_on(self.peer.ready())
        }
        pub fn ready_timeout(&self, timeout: Duration) -> Called<Offer> {
            self.runtime.block_on(self.peer.ready_timeout(timeout))
        }
        pub fn close(&self) {
            self.peer.close();
        }
        pub fn closed(&self) -> Result<(), Error> {
            self.runtime.block_on(self.peer.closed())
        }
        pub fn is_connected(&self) -> bool {
            self.peer.is_connected()
        }
    }

    pub struct Request<'a, P: ?Sized> {
        request: crossfork::tokio::Request<'a, P>,
        runtime: &'a Runtime,
    }

    impl<'a, P: Serialize + ?Sized> Request<'a, P> {
        pub fn handle(self, handle: impl Into<Outgoing>) -> Self {
            Request { request: self.request.handle(handle.into()), ..self }
        }
        pub fn traceparent(self, traceparent: &'a str) -> Self {
            Request { request: self.request.traceparent(traceparent), ..self }
        }
        pub fn call<R: DeserializeOwned>(self) -> Called<R> {
            self.runtime.block_on(self.request.call())
        }
        pub fn call_for_handle<R: DeserializeOwned>(self) -> Called<(R, Option<ReceivedHandle>)> {
            self.runtime.block_on(self.request.call_for_handle())
        }
    }

    pub struct Stream<R> {
        stream: crossfork::tokio::Stream<R>,
        runtime: Arc<Runtime>,
    }

    impl<R: DeserializeOwned> Iterator for Stream<R> {
        type Item = Called<R>;
        fn next(&mut self) -> Option<Called<R>> {
            self.runtime.block_on(self.stream.next())
        }
    }
}
