//! A pool of Node workers: `calls-pool <blocking|tokio> <plain|serve> <runtime> <json|advanced> <script> [args]`.
//! `plain`: workers that others wrote; `serve`: those of the npm package.

#[path = "behaviours.rs"]
mod behaviours;
#[path = "../../rust/support/pools.rs"]
mod pools;

use behaviours::{Worker, behaviours};

behaviours! { blocking }
behaviours! { tasks }

fn main() {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [driver, kind, rest @ ..] = &args[..] else {
        panic!("calls-pool <blocking|tokio> <plain|serve> <runtime> <json|advanced> <script> [args]");
    };
    let worker = Worker::of(rest);
    match (driver.as_str(), kind.as_str()) {
        ("blocking", "plain") => blocking::plain(&worker),
        ("tokio", "plain") => tasks::plain(&worker),
        ("blocking", "serve") => blocking::serve(&worker),
        ("tokio", "serve") => tasks::serve(&worker),
        other => panic!("{other:?}"),
    }
}
