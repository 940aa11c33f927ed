//! A call that needs a runtime, outside a runtime: the panic reports the caller's location, and nothing
//! has happened.

use std::os::unix::net::UnixStream;
use std::panic::{Location, catch_unwind, set_hook};
use std::sync::{Arc, Mutex};

use crossfork::tokio::cluster::{Primary, Worker};
use crossfork::tokio::{Channel, Command, Fork};
use crossfork::{Limits, Serialization};

use crate::look::children;
use crate::support::process::alone;

#[test]
fn a_panic_outside_a_runtime_reports_the_callers_location() {
    alone("process::outside::a_panic_outside_a_runtime_reports_the_callers_location", || {
        // SAFETY: no other thread reads or writes the environment.
        #[allow(unsafe_code)]
        unsafe {
            std::env::set_var("NODE_CHANNEL_FD", "999");
            std::env::set_var("NODE_UNIQUE_ID", "1");
        }
        let socket = || UnixStream::pair().unwrap().0;
        let json = Serialization::Json;
        let limits = Limits::default();
        let calls: &[(&str, &dyn Fn())] = &[
            ("Channel::from_env", &|| drop(Channel::from_env())),
            ("Channel::from_env_with", &|| drop(Channel::from_env_with(limits))),
            ("Channel::from_socket", &|| drop(Channel::from_socket(socket(), limits))),
            ("Channel::from_socket_with", &|| drop(Channel::from_socket_with(socket(), json, limits))),
            ("Worker::from_env", &|| drop(Worker::from_env())),
            ("Worker::from_env_with", &|| drop(Worker::from_env_with(limits))),
            ("Worker::from_socket", &|| drop(Worker::from_socket(socket(), 1, json, limits))),
            ("Fork::spawn", &|| drop(Fork::new("x.js").exec_path("true").spawn())),
            ("Command::spawn", &|| drop(Command::new("true").spawn())),
            ("Command::spawn_with_channel", &|| drop(Command::new("true").spawn_with_channel(3))),
            ("Settings::start", &|| drop(Primary::builder("x.js").start())),
        ];
        for (name, call) in calls {
            let place = place_of_panic(call);
            assert!(place.ends_with("test/rust/process/outside.rs"), "{name}: {place}");
        }
        assert_eq!(children(), [0; 0], "a process was started");
        // The channel was not taken either.
        assert_eq!(std::env::var("NODE_CHANNEL_FD").unwrap(), "999");
        assert!(matches!(
            crossfork::blocking::Channel::from_env(),
            Err(crossfork::Error::Env(crossfork::EnvError::NotAChannel { fd: 999, .. }))
        ));
    });
}

/// The file in which the call panics.
fn place_of_panic(call: &dyn Fn()) -> String {
    let place = Arc::new(Mutex::new(String::new()));
    let seen = place.clone();
    set_hook(Box::new(move |panic| {
        *seen.lock().unwrap() = panic.location().map(Location::file).unwrap_or_default().to_owned();
    }));
    let panicked = catch_unwind(std::panic::AssertUnwindSafe(call)).is_err();
    drop(std::panic::take_hook());
    assert!(panicked, "the call did not panic");
    let place = place.lock().unwrap();
    place.clone()
}
