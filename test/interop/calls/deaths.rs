//! Workers that die at every point of a call, for both drivers: no call is left without an outcome, has two, or is run
//! twice. The worker is the one of the Node pool's tests.

macro_rules! deaths {
    ($driver:ident) => {
        pub mod $driver {
            use std::collections::HashMap;
            use std::num::NonZero;
            use std::path::{Path, PathBuf};
            use std::sync::{Mutex, mpsc};
            use std::thread::{self, JoinHandle};
            use std::time::{Duration, Instant};
            use std::{fs, process};

            use serde_json::json;

            use crate::behaviours::{Worker, fork};
            use crate::pools::$driver::*;

            /// Where in a call a worker dies.
            const POINTS: [&str; 7] = [
                "stopped",
                "onArrival",
                "running",
                "afterProgress",
                "afterItems",
                "whileAnswering",
                "afterAnswering",
            ];
            const DEADLINE: Duration = Duration::from_secs(50);

            /// A file in which workers write down each call that they begin.
            struct Journal(PathBuf);

            impl Journal {
                fn new(name: &str) -> Self {
                    let name = format!("crossfork-deaths-{}-{name}", process::id());
                    Journal(std::env::temp_dir().join(name))
                }

                fn begun(&self) -> HashMap<String, u32> {
                    let mut counts = HashMap::new();
                    for line in fs::read_to_string(&self.0).unwrap_or_default().lines() {
                        *counts.entry(line.to_owned()).or_default() += 1;
                    }
                    counts
                }
            }

            impl Drop for Journal {
                fn drop(&mut self) {
                    let _ = fs::remove_file(&self.0);
                }
            }

            fn until(what: &str, mut condition: impl FnMut() -> bool) {
                let deadline = Instant::now() + DEADLINE;
                while !condition() {
                    assert!(Instant::now() < deadline, "it never comes to this: {what}");
                    thread::sleep(Duration::from_millis(1));
                }
            }

            fn builder(worker: &Worker, journal: &Path) -> Builder {
                let fork: Fork = fork!(worker);
                Pool::fork(fork.env("CROSSFORK_TEST_JOURNAL", journal)).size(NonZero::new(2).unwrap())
            }

            type Outcome = Result<(), PoolError>;

            pub fn at_each_point(worker: &Worker) {
                POINTS.iter().for_each(|point| at_point(worker, point));
            }

            fn at_point(worker: &Worker, point: &'static str) {
                let journal = Journal::new(point);
                let builder = builder(worker, &journal.0).concurrency(NonZero::new(4).unwrap());
                let pool = start(builder).unwrap();
                pool.ready().unwrap();
                let beside = |call: Box<dyn FnOnce(&Started) -> Outcome + Send>| -> JoinHandle<Outcome> {
                    let pool = pool.clone();
                    thread::spawn(move || call(&pool))
                };

                let (tell, told) = mpsc::channel::<i32>();
                let tell = Mutex::new(tell);
                let mut calls = vec![beside(Box::new(move |pool| {
                    let params = json!({ "point": point });
                    let request = pool.request("die", &params);
                    let stop = move |pid: i32| {
                        kill(pid, "STOP");
                        let _ = tell.lock().unwrap().send(pid);
                    };
                    let request = if point == "stopped" { request.on_progress(stop) } else { request };
                    request.call::<serde_json::Value>().map(drop)
                }))];
                let stopped = (point == "stopped").then(|| told.recv_timeout(DEADLINE).unwrap());
                // Of one of them the channel takes a part.
                let large = stopped.map(|_| "x".repeat(1_000_000));
                calls.extend((0..6).map(|i| {
                    let params = json!({ "i": i, "large": large });
                    beside(Box::new(move |pool| {
                        pool.call::<u32>("work", &params).map(|result| assert_eq!(result, i))
                    }))
                }));
                calls.push(beside(Box::new(move |pool| {
                    let stream = pool.stream::<u32>("dieStreaming", &json!({ "point": point }))?;
                    let items: Vec<u32> = stream.collect::<Result<_, _>>()?;
                    assert_eq!(items, [1, 2]);
                    Ok(())
                })));
                let made = calls.len() as u64;
                if let Some(pid) = stopped {
                    thread::sleep(Duration::from_millis(20));
                    kill(pid, "KILL");
                }
                for call in calls {
                    let Err(error) = call.join().unwrap() else { continue };
                    assert!(
                        matches!(error, PoolError::WorkerDied { begun: true, signal: Some(9), .. }),
                        "{point}: {error}"
                    );
                }
                for (call, count) in journal.begun() {
                    assert_eq!(count, 1, "{point}: {call} was run {count} times");
                }
                let again = Call::new().idempotent(3);
                let after: String = pool.call_with("work", &json!({ "i": "after" }), again).unwrap();
                assert_eq!(after, "after", "the pool goes on");
                until("nothing is left running", || pool.stats().running == 0);
                let stats = pool.stats();
                assert_eq!((stats.waiting, stats.completed + stats.lost), (0, made + 1), "{point}: {stats:?}");
                pool.close();
            }

            /// A call that may be run again is, as often as it says.
            pub fn again(worker: &Worker) {
                let journal = Journal::new("again");
                let pool = start(builder(worker, &journal.0)).unwrap();
                let params = json!({ "point": "running" });
                let error = pool.call_with::<()>("die", &params, Call::new().idempotent(2)).unwrap_err();
                assert!(matches!(error, PoolError::WorkerDied { begun: true, .. }), "{error}");
                assert_eq!(journal.begun()["die running"], 3);
                pool.close();
            }

            fn kill(pid: i32, signal: &str) {
                let ended = process::Command::new("kill").args([format!("-{signal}"), pid.to_string()]).status();
                assert!(ended.unwrap().success());
            }
        }
    };
}
pub(crate) use deaths;
