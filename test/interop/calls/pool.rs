//! A pool of Node workers that others wrote: `calls-pool <node> <json|advanced> <script> [args]`.

use std::num::NonZero;
use std::time::Duration;

use crossfork::Serialization;
use crossfork::calls::RpcError;
use crossfork::tokio::pool::Call;
use crossfork::tokio::{Fork, Pool};
use serde_json::json;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let fork = Fork::new(&args[2])
        .exec_path(&args[0])
        .args(&args[3..])
        .serialization(args[1].parse::<Serialization>().unwrap());
    let pool = Pool::fork(fork).size(NonZero::new(2).unwrap()).concurrency(NonZero::new(8).unwrap());
    let pool = pool.start().unwrap();
    pool.ready().await.unwrap();

    assert_eq!(pool.call::<u32>("double", &21).await.unwrap(), 42);
    assert_eq!(pool.call::<f64>("area", &json!({ "width": 3, "height": 4 })).await.unwrap(), 12.0);
    assert_eq!(pool.call::<u32>("list", &[1, 2, 3]).await.unwrap(), 3);
    let failed = rpc(pool.call::<()>("fail", &()).await);
    assert_eq!((failed.code, &*failed.message), (-32042, "on purpose"));
    assert!(rpc(pool.call::<()>("throw", &()).await).message.contains("thrown"));
    assert_eq!(rpc(pool.call::<()>("unknown", &()).await).code, -32601);

    let calls: Vec<_> = (0..1000_u32)
        .map(|n| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.call::<u32>("double", &n).await })
        })
        .collect();
    for (n, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await.unwrap().unwrap(), 2 * n as u32);
    }

    // A cancel of the wrong shape would end the worker.
    let short = Call::new().timeout(Duration::from_millis(20));
    for _ in 0..10 {
        let late = pool.call_with::<()>("forever", &json!([{}]), short).await.unwrap_err();
        assert_eq!(late.code(), "ERR_CALL_TIMEOUT");
    }
    assert_eq!(pool.call::<u32>("double", &1).await.unwrap(), 2);
    assert_eq!(pool.stats().ended, 0);

    // A stream of what is none is its one item.
    let mut stream = pool.stream::<u32>("double", &2).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), 4);
    assert!(stream.next().await.is_none());

    let died = pool.call::<()>("die", &()).await.unwrap_err();
    assert!(died.to_string().contains("exit status: 7"), "{died}");
    assert_eq!(pool.call::<u32>("double", &3).await.unwrap(), 6);
    pool.close().await;
}

fn rpc<T: std::fmt::Debug>(result: Result<T, crossfork::tokio::pool::PoolError>) -> RpcError {
    result.unwrap_err().rpc().unwrap().clone()
}
