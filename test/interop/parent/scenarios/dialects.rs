//! What Bun and Deno call `advanced` is not Node's. The error says so, and what
//! to do.

use crossfork::Error;
use serde_json::json;

use super::{Scenario, scenario};
use crate::child::{Child, Kind, Runtime, Scope};
use crate::driver::Driver;

pub fn scenarios<D: Driver>() -> Vec<Scenario<D>> {
    let list = vec![
        scenario(bun, "CH-6: the advanced mode of Bun is refused, in favour of json", |t: &Scope<D>| {
            let child = t.peer();
            refused(&child, "Bun");
            // Nothing that it says can be read.
            child.expect_end();
        }),
        scenario(deno, "CH-6: the advanced mode of Deno is refused, in favour of json", |t: &Scope<D>| {
            let child = t.peer();
            for message in ["one", "another"] {
                child.send(&json!(message)).expect("a message");
                refused(&child, "Deno");
            }
        }),
    ];
    list.into_iter().map(Scenario::in_advanced).collect()
}

fn bun(runtime: &Runtime) -> bool {
    runtime.kind == Kind::Bun
}

fn deno(runtime: &Runtime) -> bool {
    runtime.kind == Kind::Deno
}

fn refused<D: Driver>(child: &Child<D>, name: &str) {
    match child.recv() {
        Err(e @ Error::Protocol(_)) => {
            let text = e.to_string();
            assert!(text.contains(name) && text.contains("serialization: 'json'"), "{text}");
            assert_eq!(e.code(), "ERR_IPC_DECODE");
        }
        other => panic!("{other:?}"),
    }
}
