//! Pools and peers for threads.

pub use crate::peers::blocking::*;
pub use crate::pools::blocking::*;

#[path = "broken.rs"]
mod broken;
#[path = "connected.rs"]
mod connected;
#[path = "ending.rs"]
mod ending;
#[path = "parting.rs"]
mod parting;
#[path = "pool.rs"]
mod pool;
#[path = "recycling.rs"]
mod recycling;
#[path = "seeing.rs"]
mod seeing;
#[path = "travelling.rs"]
mod travelling;

/// What only threads have: the pool's thread calls the functions of its user, and cannot wait for itself.
mod on_the_thread_of_the_pool {
    use std::sync::mpsc::{self, RecvTimeoutError};
    use std::sync::{Arc, Mutex, OnceLock, Weak};
    use std::time::Duration;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_call_in_on_message_fails_at_once_and_calls_go_on() {
        let (tell, told) = mpsc::channel();
        let tell = Mutex::new(tell);
        let service = Service::new().on_message(move |_, peer| {
            let answer = peer.call_timeout::<u32>("pid", &(), LONG);
            tell.lock().unwrap().send(answer.unwrap_err().to_string()).unwrap();
        });
        let pool = start(
            Pool::command(pool::command().env("BREAKS_RULES", "posts")).size(pool::n(1)).service(service),
        );
        let pool = pool.unwrap();
        pool.call::<()>("post", &()).unwrap();
        let error = told.recv_timeout(LONG).unwrap();
        assert!(error.starts_with("this thread receives the answers and cannot wait for one"), "{error}");
        pool.call::<u32>("pid", &()).unwrap();
    }

    #[test]
    fn closing_in_on_output_does_not_hang() {
        let place: Arc<OnceLock<Weak<Started>>> = Arc::default();
        let (tell, told) = mpsc::channel::<String>();
        let tell = Mutex::new(tell);
        let builder = pool::pool(1).on_output({
            let place = place.clone();
            move |_| {
                let Some(pool) = place.get().and_then(Weak::upgrade) else { return };
                let error = pool.call::<u64>("double", &2).unwrap_err();
                let _ = tell.lock().unwrap().send(error.to_string());
                pool.close();
            }
        });
        let pool = Arc::new(start(builder).unwrap());
        pool.ready().unwrap();
        place.set(Arc::downgrade(&pool)).unwrap();
        let _ = pool.call::<()>("say", &());
        let error = told.recv_timeout(LONG);
        assert_ne!(error, Err(RecvTimeoutError::Timeout));
        assert!(error.unwrap().starts_with("this thread receives"), "the call fails");
        pool.close();
        assert!(pool.is_closed());
    }
}
