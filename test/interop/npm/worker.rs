//! A worker for workerpool, in Rust, over either driver: `workerpool.pool('blocking', { workerType:
//! 'process', forkOpts: { execPath } })`.

#[path = "../../rust/support/drivers.rs"]
#[allow(dead_code)]
mod drivers;

use std::thread;
use std::time::Duration;

use crossfork::{Error, blocking};
use drivers::{Driver, Tasks};
use serde::Deserialize;
use serde_json::{Value, json};

const TERMINATE: &str = "__workerpool-terminate__";
const CLEANUP: &str = "__workerpool-cleanup__";

#[derive(Deserialize)]
#[serde(untagged)]
enum Request {
    Word(String),
    Call {
        id: u64,
        method: String,
        #[serde(default)]
        params: Option<Vec<Value>>,
    },
}

fn main() -> Result<(), Error> {
    match std::env::args().nth(1).as_deref() {
        Some("tokio") => run::<Tasks>(),
        _ => run::<blocking::Channel>(),
    }
}

fn run<D: Driver>() -> Result<(), Error> {
    let channel = D::from_env()?;
    channel.send("ready")?;
    while let Some(message) = channel.recv()? {
        match message.decode()? {
            Request::Word(word) if word == TERMINATE => return Ok(()),
            Request::Word(word) => panic!("what is {word}?"),
            Request::Call { id, method, .. } if method == CLEANUP => {
                let error = json!({ "message": "Worker terminating" });
                channel.send(&json!({ "id": id, "method": method, "error": error }))?;
            }
            // In a thread, so that the pool is answered meanwhile.
            Request::Call { id, method, params } if method == "sleep" => {
                let channel = channel.clone();
                let ms = params.and_then(|params| params.first()?.as_u64()).unwrap_or_default();
                thread::spawn(move || {
                    thread::sleep(Duration::from_millis(ms));
                    channel.send(&json!({ "id": id, "result": null, "error": null }))
                });
            }
            Request::Call { id, method, params } => {
                let answer = match call(&method, &params.unwrap_or_default()) {
                    Ok(result) => json!({ "id": id, "result": result, "error": null }),
                    Err((name, text)) => {
                        json!({ "id": id, "result": null, "error": { "name": name, "message": text } })
                    }
                };
                channel.send(&answer)?;
            }
        }
    }
    Ok(())
}

fn call(method: &str, params: &[Value]) -> Result<Value, (&'static str, String)> {
    let number = |at: usize| params.get(at).and_then(Value::as_u64).unwrap_or_default();
    Ok(match method {
        "methods" => json!(["add", "repeat", "whoami", "fail", "sleep", "methods"]),
        "add" => json!(number(0) + number(1)),
        "repeat" => json!(params[0].as_str().unwrap_or_default().repeat(number(1) as usize)),
        "whoami" => json!(std::process::id()),
        "fail" => return Err(("TypeError", "it failed on purpose".to_owned())),
        _ => return Err(("Error", format!("Unknown method \"{method}\""))),
    })
}
