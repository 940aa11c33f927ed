//! What a pool of Node workers does, for both drivers.

/// What runs the workers.
pub struct Worker {
    pub runtime: String,
    pub serialization: crossfork::Serialization,
    pub module: String,
    pub args: Vec<String>,
}

impl Worker {
    pub fn of(args: &[String]) -> Self {
        let [runtime, serialization, module, args @ ..] = args else {
            panic!("<runtime> <json|advanced> <script> [args]");
        };
        Worker {
            runtime: runtime.clone(),
            serialization: serialization.parse().unwrap(),
            module: module.clone(),
            args: args.to_vec(),
        }
    }

    /// Others than Node send no handles, or lose them.
    #[allow(dead_code, reason = "only pools ask")]
    pub fn takes_handles(&self) -> bool {
        !["deno", "bun"].iter().any(|other| self.runtime.ends_with(other))
    }

    /// What the runtime is told before the script.
    pub fn exec_argv(&self) -> &'static [&'static str] {
        if self.runtime.ends_with("deno") { &["run", "--quiet", "--allow-all"] } else { &[] }
    }
}

/// How a worker is started, for the driver whose `Fork` is in scope.
macro_rules! fork {
    ($worker:expr) => {
        Fork::new(&$worker.module)
            .exec_path(&$worker.runtime)
            .exec_argv($worker.exec_argv())
            .args(&$worker.args)
            .serialization($worker.serialization)
    };
}
pub(crate) use fork;

macro_rules! behaviours {
    ($driver:ident) => {
        mod $driver {
            use std::collections::HashSet;
            use std::io::Read;
            use std::net::{TcpListener, TcpStream};
            use std::num::NonZero;
            use std::sync::mpsc;
            use std::thread;
            use std::time::Duration;

            use crossfork::calls::RpcError;
            use crossfork::{Handle, ReceivedHandle};
            use serde_json::json;

            use crate::behaviours::{Worker, fork};
            use crate::pools::$driver::*;

            fn rpc<T: std::fmt::Debug>(result: Result<T, PoolError>) -> RpcError {
                result.unwrap_err().rpc().unwrap().clone()
            }

            /// Calls from several threads.
            fn many(pool: &Started, calls: u32) {
                let threads: Vec<_> = (0..8)
                    .map(|_| {
                        let pool = pool.clone();
                        thread::spawn(move || {
                            for n in 0..calls {
                                assert_eq!(pool.call::<u32>("double", &n).unwrap(), 2 * n);
                            }
                        })
                    })
                    .collect();
                threads.into_iter().for_each(|thread| thread.join().unwrap());
            }

            /// A worker that knows nothing of ours.
            pub fn plain(worker: &Worker) {
                let size = NonZero::new(2).unwrap();
                let pool = start(Pool::fork(fork!(worker)).size(size).concurrency(NonZero::new(8).unwrap()));
                let pool = pool.unwrap();
                pool.ready().unwrap();

                assert_eq!(pool.call::<u32>("double", &21).unwrap(), 42);
                assert_eq!(pool.call::<f64>("area", &json!({ "width": 3, "height": 4 })).unwrap(), 12.0);
                assert_eq!(pool.call::<u32>("list", &[1, 2, 3]).unwrap(), 3);
                let failed = rpc(pool.call::<()>("fail", &()));
                assert_eq!((failed.code, &*failed.message), (-32042, "on purpose"));
                assert!(rpc(pool.call::<()>("throw", &())).message.contains("thrown"));
                assert_eq!(rpc(pool.call::<()>("unknown", &())).code, -32601);
                many(&pool, 125);

                // A cancel of the wrong shape would end the worker. vscode does not hear one that it reads together
                // with its request.
                let short = Call::new().timeout(Duration::from_millis(200));
                for _ in 0..10 {
                    let late = pool.call_with::<()>("forever", &json!([{}]), short).unwrap_err();
                    assert_eq!(late.code(), "ERR_CALL_TIMEOUT", "{late}");
                }
                assert_eq!(pool.call::<u32>("double", &1).unwrap(), 2);
                assert_eq!(pool.stats().restarts, 0);

                // A stream of what is none is its one item.
                let mut stream = pool.stream::<u32>("double", &2).unwrap();
                assert_eq!(stream.next().unwrap().unwrap(), 4);
                assert!(stream.next().is_none());

                let died = pool.call::<()>("die", &()).unwrap_err();
                assert!(died.to_string().contains("exit code 7"), "{died}");
                assert_eq!(pool.call::<u32>("double", &3).unwrap(), 6);
                pool.reload().unwrap();
                assert_eq!(pool.call::<u32>("double", &3).unwrap(), 6);
                assert_eq!(pool.close(), 0);
            }

            /// A worker of the npm package.
            pub fn serve(worker: &Worker) {
                let triple = |n: u32, _: &Context| Ok::<_, RpcError>(3 * n);
                let builder = Pool::fork(fork!(worker)).size(NonZero::new(2).unwrap());
                let pool = start(builder.service(Service::new().method("triple", triple))).unwrap();
                pool.ready().unwrap();
                assert!(pool.stats().workers.iter().all(|worker| worker.concurrency == 4), "as announced");

                assert_eq!(pool.call::<u32>("add", &json!({ "a": 2, "b": 3 })).unwrap(), 5);
                assert_eq!(pool.call::<Option<u32>>("nothing", &()).unwrap(), None);
                assert_eq!(pool.call::<u32>("ask", &7).unwrap(), 21, "it calls its pool");
                let failed = rpc(pool.call::<()>("fail", &()));
                let data = failed.data.unwrap();
                assert_eq!((&*failed.message, data.name.as_deref()), ("on purpose", Some("TypeError")));
                assert_eq!(data.code.as_deref(), Some("ENOPE"));
                many(&pool, 125);

                let (tell, told) = mpsc::channel();
                let listener = move |progress: String| tell.send(progress).unwrap();
                assert_eq!(pool.request("report", &2).on_progress(listener).call::<u32>().unwrap(), 2);
                assert_eq!(told.into_iter().last().as_deref(), Some("step 2"));
                if worker.takes_handles() {
                    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
                    let (stream, _) = listener.accept().unwrap();
                    let greeted = pool.request("greet", "a socket").handle(stream).call::<u32>();
                    assert_eq!(greeted.unwrap(), 1);
                    let mut text = String::new();
                    client.read_to_string(&mut text).unwrap();
                    assert_eq!(text, "hello, a socket");
                    let (port, handle) = pool.request("listen", &()).call_for_handle::<u16>().unwrap();
                    let Some((Handle::TcpListener(listener), _)) = handle.map(ReceivedHandle::into_parts) else {
                        panic!("no listener");
                    };
                    assert_eq!(listener.local_addr().unwrap().port(), port);
                }

                let items: Vec<u32> = pool.stream("count", &1000).unwrap().map(Result::unwrap).collect();
                assert!(items.into_iter().eq(1..=1000));
                let mut left = pool.stream::<u32>("count", &1_000_000).unwrap();
                assert_eq!(left.next().unwrap().unwrap(), 1);
                drop(left);

                // The handler hears of it, and the worker goes on.
                let short = Call::new().timeout(Duration::from_millis(50)).key("a");
                let late = pool.call_with::<()>("forever", &(), short).unwrap_err();
                assert_eq!(late.code(), "ERR_CALL_TIMEOUT", "{late}");
                assert_eq!(pool.call_with::<u32>("double", &1, Call::new().key("a")).unwrap(), 2);
                assert_eq!(pool.stats().restarts, 0);

                let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
                let traced: String = pool.call_with("trace", &(), Call::new().traceparent(parent)).unwrap();
                assert_eq!(traced, parent);
                let places: HashSet<String> =
                    pool.call_all("place", &()).into_iter().map(Result::unwrap).collect();
                assert_eq!(places, HashSet::from(["1", "2"].map(str::to_owned)));

                let died = pool.call::<()>("die", &()).unwrap_err();
                let PoolError::WorkerDied { begun: true, exit_code: Some(7), stderr, .. } = &died else {
                    panic!("{died}");
                };
                assert_eq!(stderr, "farewell");

                let loaded = {
                    let pool = pool.clone();
                    thread::spawn(move || many(&pool, 200))
                };
                pool.reload().unwrap();
                loaded.join().unwrap();
                assert_eq!(pool.close(), 0);
            }
        }
    };
}
pub(crate) use behaviours;
