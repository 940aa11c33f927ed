//! One Node program and its parent, without a pool: `calls-peer <blocking|tokio> <plain|serve|connect|cluster> <runtime>
//! <json|advanced> <script> [args]`. `plain`: programs that others wrote; `serve` and `connect`: those of the npm package;
//! `cluster`: the worker of a cluster, with tokio alone.

#[allow(unused_imports, unused_macros, reason = "the behaviours are those of a pool")]
#[path = "behaviours.rs"]
mod behaviours;
#[path = "cluster_peer.rs"]
mod cluster_peer;
#[path = "peer_behaviours.rs"]
mod peer_behaviours;
#[path = "../../rust/support/peers.rs"]
mod peers;

use behaviours::Worker;
use peer_behaviours::peer_behaviours;

peer_behaviours! { blocking }
peer_behaviours! { tasks }

fn main() {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [driver, kind, rest @ ..] = &args[..] else {
        panic!(
            "calls-peer <blocking|tokio> <plain|serve|connect|cluster> <runtime> <json|advanced> <script> [args]"
        );
    };
    let worker = Worker::of(rest);
    match (driver.as_str(), kind.as_str()) {
        ("blocking", "plain") => blocking::plain(&worker),
        ("tokio", "plain") => tasks::plain(&worker),
        ("blocking", "serve") => blocking::serve(&worker),
        ("tokio", "serve") => tasks::serve(&worker),
        ("blocking", "connect") => blocking::connect(&worker),
        ("tokio", "connect") => tasks::connect(&worker),
        ("tokio", "cluster") => cluster_peer::cluster(&worker),
        other => panic!("{other:?}"),
    }
}
