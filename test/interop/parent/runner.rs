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
    let mut all = scenarios::of_group::<D>(group);
    all.retain(|scenario| scenario.is_for(&runtime, crate::serialization()));
    match &options.only {
        Some(only) => all.retain(|scenario| scenario.name == *only),
        None => all.retain(|scenario| options.heavy || !scenario.heavy),
    }
    if options.only.is_none() {
        all = in_turn(all);
    }
    for scenario in all {
        let Scenario { name, .. } = &scenario;
        if options.leave_out.iter().any(|beginning| name.starts_with(beginning)) {
            println!("{}", json!({ "name": name, "outcome": "left out" }));
            continue;
        }
        println!("{}", one(scenario, &runtime));
    }
    println!("{}", json!({ "finished": true }));
    ExitCode::SUCCESS
}

/// Those whose turn it is, as CROSSFORK_TURN says: see test/interop/kit/turn.cjs.
fn in_turn<D: Driver>(mut scenarios: Vec<Scenario<D>>) -> Vec<Scenario<D>> {
    let turn = std::env::var("CROSSFORK_TURN").unwrap_or_default();
    let Some((place, count)) = turn.split_once('/') else { return scenarios };
    let number = |text: &str| text.parse::<usize>().expect("a turn, such as 1/2");
    let (place, count) = (number(place) - 1, number(count));
    if place >= scenarios.len() && !scenarios.is_empty() {
        let one = place % scenarios.len();
        return vec![scenarios.swap_remove(one)];
    }
    scenarios.into_iter().skip(place).step_by(count).collect()
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
