//! Runs scenarios, each in a thread of its own and with a deadline.

use std::cell::RefCell;
use std::panic;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::child::{Runtime, Scope};
use crate::driver::{Driver, set_patience};
use crate::scenarios::{self, Scenario};

const DEADLINE: Duration = Duration::from_secs(180);

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Options {
    /// Whether scenarios that take seconds of processor time are run too.
    heavy: bool,
    only: Option<String>,
    leave_out: Vec<String>,
    wait: Option<u64>,
}

pub fn run<D: Driver>(runtime: &str, group: &str, options: &str) -> ExitCode {
    let runtime = Arc::new(serde_json::from_str::<Runtime>(runtime).expect("a runtime, as JSON"));
    let options: Options = serde_json::from_str(options).expect("options, as JSON");
    if let Some(ms) = options.wait {
        set_patience(ms);
    }
    panic::set_hook(Box::new(|panic| {
        LAST_PANIC.with(|last| *last.borrow_mut() = panic.to_string());
    }));
    for scenario in scenarios::of_group::<D>(group) {
        let Scenario { name, .. } = &scenario;
        if !scenario.is_for(&runtime, crate::serialization())
            || options.only.as_ref().is_some_and(|only| only != name)
            || scenario.heavy && !options.heavy && options.only.is_none()
        {
            continue;
        }
        if options.leave_out.iter().any(|beginning| name.starts_with(beginning)) {
            println!("{}", json!({ "name": name, "outcome": "left out" }));
            continue;
        }
        println!("{}", one(scenario, &runtime));
    }
    println!("{}", json!({ "finished": true }));
    ExitCode::SUCCESS
}

fn one<D: Driver>(scenario: Scenario<D>, runtime: &Arc<Runtime>) -> Value {
    let name = scenario.name.clone();
    let start = Instant::now();
    let scope = Arc::new(Scope::<D>::new(runtime.clone()));
    let (done, outcome) = channel();
    let inner = scope.clone();
    thread::spawn(move || {
        let result = panic::catch_unwind(panic::AssertUnwindSafe(|| (scenario.run)(&inner)));
        let _ = done.send(result.map_err(|_| LAST_PANIC.with(RefCell::take)));
    });
    let result = match outcome.recv_timeout(DEADLINE) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => Err(format!("it is not done after {DEADLINE:?}")),
        Err(RecvTimeoutError::Disconnected) => Err("its thread is gone".to_owned()),
    };
    let ms = start.elapsed().as_millis() as u64;
    let output = scope.output();
    scope.end_children();
    match result {
        Ok(()) => json!({ "name": name, "outcome": "passed", "ms": ms }),
        Err(text) => {
            json!({ "name": name, "outcome": "failed", "detail": format!("{text}{output}"), "ms": ms })
        }
    }
}

thread_local! {
    /// What it said, and where.
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}
