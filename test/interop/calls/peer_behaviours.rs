//! What a parent and its Node program do, for both drivers.

macro_rules! peer_behaviours {
    ($driver:ident) => {
        mod $driver {
            use std::net::TcpListener;
            use std::sync::mpsc;
            use std::sync::{Arc, Mutex};
            use std::thread;
            use std::time::{Duration, Instant};

            use crossfork::Handle;
            use crossfork::calls::{CallError, RpcError, Upload};
            use serde_json::{Value, json};

            use crate::behaviours::Worker;
            use crate::peers::$driver::*;

            const LONG: Duration = Duration::from_secs(60);

            fn start(worker: &Worker, service: Service) -> (End, Connected) {
                let fork = Fork::new(&worker.module)
                    .exec_path(&worker.runtime)
                    .exec_argv(worker.exec_argv())
                    .args(&worker.args)
                    .serialization(worker.serialization);
                let end = End::fork(fork);
                let peer = end.connect(service).unwrap();
                (end, peer)
            }

            fn triple(n: u32, _: &Context) -> Result<u32, RpcError> {
                Ok(3 * n)
            }

            fn rpc<T: std::fmt::Debug>(result: Result<T, CallError>) -> RpcError {
                result.unwrap_err().rpc().unwrap().clone()
            }

            /// Calls from several threads.
            fn many(peer: &Connected, calls: u32) {
                let threads: Vec<_> = (0..8)
                    .map(|_| {
                        let peer = peer.clone();
                        thread::spawn(move || {
                            for n in 0..calls {
                                assert_eq!(peer.call::<u32>("double", &n).unwrap(), 2 * n);
                            }
                        })
                    })
                    .collect();
                threads.into_iter().for_each(|thread| thread.join().unwrap());
            }

            fn dies(end: &End, peer: &Connected) {
                let died = peer.call::<()>("die", &()).unwrap_err();
                assert!(matches!(died, CallError::Disconnected { begun: true }), "{died}");
                peer.closed().unwrap();
                assert_eq!(end.wait().code(), Some(7));
            }

            /// A program that knows nothing of ours.
            pub fn plain(worker: &Worker) {
                let (end, peer) = start(worker, Service::new());
                let offer = peer.ready().unwrap();
                assert_eq!((offer.concurrency, offer.methods), (1, None));
                assert_eq!(peer.call::<u32>("double", &21).unwrap(), 42);
                assert_eq!(peer.call::<f64>("area", &json!({ "width": 3, "height": 4 })).unwrap(), 12.0);
                assert_eq!(peer.call::<u32>("list", &[1, 2, 3]).unwrap(), 3);
                let failed = rpc(peer.call::<()>("fail", &()));
                assert_eq!((failed.code, &*failed.message), (-32042, "on purpose"));
                assert!(rpc(peer.call::<()>("throw", &())).message.contains("thrown"));
                assert_eq!(rpc(peer.call::<()>("unknown", &())).code, -32601);
                many(&peer, 125);

                // A cancel of the wrong shape would end it.
                for _ in 0..10 {
                    let short = Duration::from_millis(20);
                    let late = peer.call_timeout::<()>("forever", &json!([{}]), short).unwrap_err();
                    assert!(matches!(late, CallError::TimedOut), "{late}");
                }
                // A stream of what is none is its one item.
                let mut stream = peer.stream::<u32>("double", &2).unwrap();
                assert_eq!(stream.next().unwrap().unwrap(), 4);
                assert!(stream.next().is_none());
                // What it cannot know is not sent to it.
                let upload = peer.call::<()>("double", &Upload::new(1..3)).unwrap_err();
                assert!(matches!(upload, CallError::Unsupported(_)), "{upload}");
                dies(&end, &peer);

                let (end, peer) = start(worker, Service::new());
                assert_eq!(peer.call::<u32>("double", &3).unwrap(), 6);
                peer.close();
                assert!(end.wait().success(), "it has nothing to wait for");
            }

            /// A program with `serve`.
            pub fn serve(worker: &Worker) {
                let (end, peer) = start(worker, Service::new().method("triple", triple));
                let offer = peer.ready().unwrap();
                assert_eq!(offer.concurrency, 4, "as it says");
                assert!(offer.methods.unwrap().contains(&"add".to_owned()));
                assert_eq!(peer.call::<u32>("add", &json!({ "a": 2, "b": 3 })).unwrap(), 5);
                assert_eq!(peer.call::<Option<u32>>("nothing", &()).unwrap(), None);
                assert_eq!(peer.call::<u32>("ask", &7).unwrap(), 21, "it calls its parent");
                let failed = rpc(peer.call::<()>("fail", &()));
                let data = failed.data.unwrap();
                assert_eq!((&*failed.message, data.name.as_deref()), ("on purpose", Some("TypeError")));
                assert_eq!(data.code.as_deref(), Some("ENOPE"));
                many(&peer, 125);

                let items: Vec<u32> = peer.stream("count", &1000).unwrap().map(Result::unwrap).collect();
                assert!(items.into_iter().eq(1..=1000));
                let mut left = peer.stream::<u32>("count", &1_000_000).unwrap();
                assert_eq!(left.next().unwrap().unwrap(), 1);
                drop(left);
                let late = peer.call_timeout::<()>("forever", &(), Duration::from_millis(50)).unwrap_err();
                assert!(matches!(late, CallError::TimedOut), "{late}");
                assert_eq!(peer.call::<u32>("double", &1).unwrap(), 2);
                let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
                assert_eq!(peer.request("trace", &()).traceparent(parent).call::<String>().unwrap(), parent);
                dies(&end, &peer);

                comes_and_goes(worker);
                let before = open_now();
                for _ in 0..5 {
                    comes_and_goes(worker);
                }
                // A thread that has ended may still be seen.
                let deadline = Instant::now() + LONG;
                while open_now().iter().zip(before).any(|(now, before)| *now > before) {
                    assert!(Instant::now() < deadline, "{:?} descriptors and threads, {before:?} before", open_now());
                    thread::sleep(Duration::from_millis(5));
                }
            }

            fn comes_and_goes(worker: &Worker) {
                let (end, peer) = start(worker, Service::new());
                assert_eq!(peer.call::<u32>("double", &3).unwrap(), 6);
                drop(peer);
                assert!(end.wait().success(), "it has nothing to wait for");
            }

            fn open_now() -> [usize; 2] {
                ["fd", "task"].map(|what| std::fs::read_dir(format!("/proc/self/{what}")).unwrap().count())
            }

            /// A program with `connectCalls`: everything goes both ways.
            pub fn connect(worker: &Worker) {
                let (tell, told) = mpsc::channel();
                let tell = Arc::new(Mutex::new(tell));
                let numbers = |n: u32, _: &Context| Ok::<_, RpcError>((0..n).fuse());
                let service = Service::new().method("triple", triple).method("numbers", numbers);
                let service = with_total(service).on_message(move |message, _| {
                    tell.lock().unwrap().send(message.decode::<Value>().unwrap()).unwrap();
                });
                let (end, peer) = start(worker, service);
                peer.ready().unwrap();
                assert_eq!(peer.call::<u32>("double", &21).unwrap(), 42);
                assert_eq!(peer.call::<u32>("ask", &7).unwrap(), 21);
                assert_eq!(peer.call::<Vec<u32>>("collect", &200).unwrap(), (0..200).collect::<Vec<_>>());
                assert_eq!(peer.call::<u64>("upload", &1000).unwrap(), 499_500);
                assert_eq!(peer.call::<u64>("sum", &Upload::new(1..=1000)).unwrap(), 500_500);

                // Messages that are no calls keep their order, among calls.
                for n in 0..100 {
                    end.send(&json!({ "n": n })).unwrap();
                    peer.notify("note", &n).unwrap();
                }
                for n in 0..100 {
                    assert_eq!(told.recv_timeout(LONG).unwrap(), json!({ "echo": { "n": n } }));
                }
                assert_eq!(peer.call::<Vec<u32>>("noted", &()).unwrap(), (0..100).collect::<Vec<_>>());

                for _ in 0..3 {
                    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                    let port = listener.local_addr().unwrap().port();
                    assert_eq!(peer.request("port", &()).handle(listener).call::<u16>().unwrap(), port);
                    let (port, handle) = peer.request("listen", &()).call_for_handle::<u16>().unwrap();
                    let Some((Handle::TcpListener(listener), _)) = handle.map(|handle| handle.into_parts()) else {
                        panic!("no listener");
                    };
                    assert_eq!(listener.local_addr().unwrap().port(), port);
                }
                many(&peer, 50);
                peer.close();
                assert!(end.wait().success(), "it has nothing to wait for");
            }
        }
    };
}
pub(crate) use peer_behaviours;
