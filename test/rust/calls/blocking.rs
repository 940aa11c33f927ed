//! Pools and peers for threads.

pub use crate::peers::blocking::*;
pub use crate::pools::blocking::*;

#[path = "broken.rs"]
mod broken;
#[path = "connected.rs"]
mod connected;
#[path = "ending.rs"]
mod ending;
#[path = "handles.rs"]
mod handles;
#[path = "parting.rs"]
mod parting;
#[path = "pool.rs"]
mod pool;
#[path = "progress.rs"]
mod progress;
#[path = "recycling.rs"]
mod recycling;
#[path = "seeing.rs"]
mod seeing;
#[path = "travelling.rs"]
mod travelling;

/// What only threads have: a thread that calls the functions of the pool's user, and does nothing else.
mod on_the_thread_of_the_functions {
    use std::sync::mpsc::{self, Receiver, Sender};
    use std::sync::{Arc, Mutex, OnceLock, Weak};
    use std::time::Duration;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn in_time() -> Call<'static> {
        Call::new().timeout(LONG)
    }

    /// A function that waits until the sender is dropped. Told when it is called first.
    fn gate() -> (impl Fn() + Send + Sync + 'static, Sender<()>, Receiver<()>) {
        let (open, gate) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        let gate = Mutex::new(gate);
        let wait = move || {
            let _ = tell.send(());
            let _ = gate.lock().unwrap().recv();
        };
        (wait, open, told)
    }

    #[test]
    fn a_call_in_on_message_has_its_answer() {
        let (tell, told) = mpsc::channel();
        let service = Service::new().on_message(move |_, peer| {
            let _ = tell.send(peer.call_timeout::<u32>("pid", &(), LONG));
        });
        let pool = start(
            Pool::command(pool::command().env("BREAKS_RULES", "posts")).size(pool::n(1)).service(service),
        );
        let pool = pool.unwrap();
        pool.call::<()>("post", &()).unwrap();
        let pid: u32 = pool.call("pid", &()).unwrap();
        assert_eq!(told.recv_timeout(LONG).unwrap().unwrap(), pid);
    }

    #[test]
    fn calling_and_closing_in_on_output_does_not_hang() {
        let place: Arc<OnceLock<Weak<Started>>> = Arc::default();
        let (tell, told) = mpsc::channel();
        let builder = pool::pool(1).on_output({
            let place = place.clone();
            move |_| {
                let Some(pool) = place.get().and_then(Weak::upgrade) else { return };
                let _ = tell.send(pool.call_with::<u64>("double", &2, in_time()).map_err(|e| e.to_string()));
                pool.close();
            }
        });
        let pool = Arc::new(start(builder).unwrap());
        pool.ready().unwrap();
        place.set(Arc::downgrade(&pool)).unwrap();
        let _ = pool.call::<()>("say", &());
        assert_eq!(told.recv_timeout(LONG).unwrap(), Ok(4));
        pool.close();
        assert!(pool.is_closed());
    }

    #[test]
    fn slow_functions_hold_up_no_call() {
        let (wait, open, told) = gate();
        let wait = Arc::new(wait);
        let (on_event, on_output) = (wait.clone(), wait.clone());
        let builder = pool::pool(2).on_event(move |_| on_event()).on_output(move |_| on_output());
        let pool = start(builder.service(Service::new().on_message(move |_, _| wait()))).unwrap();
        told.recv_timeout(LONG).expect("it is called");
        for n in 0..20 {
            assert_eq!(pool.call_with::<u64>("double", &n, in_time()).unwrap(), 2 * n);
        }
        pool.call_with::<()>("say", &(), in_time()).unwrap();
        pool.call_with::<()>("die", &(), in_time()).unwrap_err();
        assert_eq!(pool.call_with::<u64>("double", &2, in_time()).unwrap(), 4);
        drop(open);
        pool.close();
    }

    #[test]
    fn output_that_nobody_takes_holds_up_its_worker_alone_and_is_not_lost() {
        const LENGTH: usize = 8 << 20;
        let (wait, open, told) = gate();
        let length = Arc::new(Mutex::new(0));
        let builder = Pool::command(pool::command().stdio(1, crossfork::Stdio::Pipe)).size(pool::n(2));
        let pool = start(builder.concurrency(pool::n(1)).on_output({
            let length = length.clone();
            move |output| {
                if output.stream == OutputStream::Stdout {
                    wait();
                    *length.lock().unwrap() += output.bytes.iter().filter(|byte| **byte == b'x').count();
                }
            }
        }))
        .unwrap();
        pool.ready().unwrap();
        let shouting = pool::beside(&pool, |pool| pool.call_with::<()>("shout", &LENGTH, in_time()));
        told.recv_timeout(LONG).expect("it is called");
        for n in 0..20 {
            assert_eq!(pool.call_with::<u64>("double", &n, in_time()).unwrap(), 2 * n);
        }
        assert_eq!(pool.stats().running, 1, "it waits");
        drop(open);
        shouting.join().unwrap().unwrap();
        pool.close();
        assert_eq!(*length.lock().unwrap(), LENGTH);
    }

    #[test]
    fn messages_that_nobody_takes_come_in_their_order_and_calls_go_on() {
        let (wait, open, told) = gate();
        let seen = Arc::new(Mutex::new(0));
        let service = Service::new().on_message({
            let seen = seen.clone();
            move |_, _| {
                wait();
                *seen.lock().unwrap() += 1;
            }
        });
        let posting = Pool::command(pool::command().env("BREAKS_RULES", "posts"));
        let pool = start(posting.size(pool::n(1)).service(service)).unwrap();
        pool.call_with::<()>("post", &(), in_time()).unwrap();
        told.recv_timeout(LONG).expect("it is called");
        for _ in 0..100 {
            pool.call_with::<()>("post", &(), in_time()).unwrap();
        }
        drop(open);
        pool.close();
        assert_eq!(*seen.lock().unwrap(), 101, "a pool that is closed has told everything");
    }

    #[test]
    fn a_function_that_panics_is_called_again() {
        let (tell, told) = mpsc::channel();
        let pool = start(pool::pool(1).on_event(move |event| {
            let _ = tell.send(event.clone());
            panic!("on purpose");
        }))
        .unwrap();
        pool.call::<()>("die", &()).unwrap_err();
        pool.ready().unwrap();
        pool.close();
        assert!(told.try_iter().filter(|event| matches!(event, Event::WorkerReady { .. })).count() >= 2);
    }
}
