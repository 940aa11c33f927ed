//! Pools and peers for tasks.

pub use crate::peers::tasks::*;
pub use crate::pools::tasks::*;

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

/// What only tasks have: a call is cancelled when its future is dropped.
#[test]
fn a_dropped_future_leaves_the_queue_and_makes_room_in_it() {
    let started = start(pool::pool(1).concurrency(pool::n(1)).max_queue(1)).unwrap();
    let (pool, runtime) = (&started.pool, &started.runtime);
    runtime.block_on(async {
        pool.ready().await.unwrap();
        let busy = tokio::spawn({
            let pool = pool.clone();
            async move { pool.call::<u64>("rest", &600_000).await }
        });
        while pool.stats().running == 0 {
            tokio::task::yield_now().await;
        }
        let waiting = Box::pin(pool.call::<u64>("double", &1));
        let mut waiting = Some(waiting);
        std::future::poll_fn(|cx| {
            let polled = waiting.as_mut().unwrap().as_mut().poll(cx);
            assert!(polled.is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        let full = pool.call::<u64>("double", &1).await.unwrap_err();
        assert_eq!(full.code(), "ERR_QUEUE_FULL");
        waiting = None;
        assert_eq!((waiting.is_none(), pool.stats().waiting), (true, 0));
        busy.abort();
        assert_eq!(pool.call::<u64>("double", &2).await.unwrap(), 4);
        assert_eq!(pool.stats().cancelled, 2);
    });
}
