//! A pool of Node workers: `calls-pool <blocking|tokio> <plain|serve|deaths> <runtime> <json|advanced> <script> [args]`.
//! `plain`: workers that others wrote; `serve`: those of the npm package; `deaths`: one that dies where it is told to.

#[path = "behaviours.rs"]
mod behaviours;
#[path = "deaths.rs"]
mod deaths_of_workers;
#[path = "../../rust/support/pools.rs"]
mod pools;

use behaviours::{Worker, behaviours};

behaviours! { blocking }
behaviours! { tasks }

mod deaths {
    use crate::deaths_of_workers::deaths;

    deaths! { blocking }
    deaths! { tasks }
}

fn main() {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [driver, kind, rest @ ..] = &args[..] else {
        panic!("calls-pool <blocking|tokio> <plain|serve|deaths> <runtime> <json|advanced> <script> [args]");
    };
    let worker = Worker::of(rest);
    match (driver.as_str(), kind.as_str()) {
        ("blocking", "plain") => blocking::plain(&worker),
        ("tokio", "plain") => tasks::plain(&worker),
        ("blocking", "serve") => blocking::serve(&worker),
        ("tokio", "serve") => tasks::serve(&worker),
        ("blocking", "deaths") => {
            deaths::blocking::at_each_point(&worker);
            deaths::blocking::again(&worker);
        }
        ("tokio", "deaths") => {
            deaths::tasks::at_each_point(&worker);
            deaths::tasks::again(&worker);
        }
        other => panic!("{other:?}"),
    }
}
