//! The process of a worker: how it finds its cluster, and how it ends. Each test starts itself again as
//! the worker.

use std::os::unix::net::UnixStream;
use std::process::Child;

use crossfork::{EnvError, Error};
use serde_json::json;

use crate::for_both_workers;
use crate::primary::Primary;
use crate::support::process::{as_child, assert_success, is_inside, with_name};
use crate::support::workers::{Listen, Work};

for_both_workers!(with_name:
    clu_4_a_worker_joins_the_cluster_of_its_environment_once,
    clu_4_without_a_number_the_process_is_not_a_worker_and_keeps_its_channel,
    clu_19_a_worker_exits_with_0_when_its_primary_is_gone,
    clu_19_kill_exits_once_the_primary_knows,
);

/// Starts the worker, and its primary.
fn start(test: &str, variables: &[(&str, &str)]) -> (Child, Primary) {
    let (theirs, ours) = UnixStream::pair().unwrap();
    let variables = [variables, &[("NODE_CHANNEL_FD", "7")]].concat();
    (as_child(test, theirs.into(), 7, &variables), Primary::new(ours))
}

const WORKER: &[(&str, &str)] = &[("NODE_UNIQUE_ID", "12")];

fn clu_4_a_worker_joins_the_cluster_of_its_environment_once<W: Work>(test: &'static str) {
    if is_inside(test) {
        let worker = W::from_env().unwrap();
        assert_eq!(worker.id(), 12);
        let seen = crossfork::blocking::Command::new("env").output().unwrap();
        let seen = String::from_utf8_lossy(&seen.stdout);
        assert!(!crossfork::env::VARIABLES.iter().any(|name| seen.contains(name)), "{seen}");
        assert!(matches!(W::from_env().err(), Some(Error::Env(EnvError::NotAWorker))));
        worker.send(&json!("done")).unwrap();
        return worker.disconnect().unwrap();
    }
    let (child, mut primary) = start(test, WORKER);
    primary.expect_act("online");
    assert_eq!(primary.peer.line(), "\"done\"");
    let leaving = primary.expect_act("exitedAfterDisconnect");
    primary.say(json!({ "ack": leaving["seq"] }));
    assert_success(child);
}

fn clu_4_without_a_number_the_process_is_not_a_worker_and_keeps_its_channel<W: Work>(test: &'static str) {
    if is_inside(test) {
        let error = W::from_env().err();
        if std::env::var("EXPECTED").unwrap() == "invalid" {
            return assert!(matches!(error, Some(Error::Env(EnvError::InvalidId(_)))), "{error:?}");
        }
        assert!(matches!(error, Some(Error::Env(EnvError::NotAWorker))), "{error:?}");
        return crossfork::blocking::Channel::from_env().unwrap().send(&json!("a channel")).unwrap();
    }
    let (child, mut primary) = start(test, &[("EXPECTED", "none"), ("NODE_UNIQUE_ID", "")]);
    assert_eq!(primary.peer.line(), "\"a channel\"");
    assert_success(child);
    let (child, _primary) = start(test, &[("EXPECTED", "invalid"), ("NODE_UNIQUE_ID", "-1")]);
    assert_success(child);
}

fn clu_19_a_worker_exits_with_0_when_its_primary_is_gone<W: Work>(test: &'static str) {
    if is_inside(test) {
        let worker = W::from_env().unwrap();
        let listener = worker.listen("8000".into(), Default::default()).unwrap();
        let _ = listener.accept();
        panic!("the process should have exited");
    }
    let (child, mut primary) = start(test, WORKER);
    primary.expect_act("online");
    primary.grant();
    primary.expect_act("listening");
    drop(primary);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
}

fn clu_19_kill_exits_once_the_primary_knows<W: Work>(test: &'static str) {
    if is_inside(test) {
        let worker = W::from_env().unwrap();
        let _listener = worker.listen("8000".into(), Default::default()).unwrap();
        worker.kill();
    }
    let (mut child, mut primary) = start(test, WORKER);
    primary.expect_act("online");
    primary.grant();
    primary.expect_act("listening");
    let leaving = primary.expect_act("exitedAfterDisconnect");
    assert!(child.try_wait().unwrap().is_none());
    primary.say(json!({ "ack": leaving["seq"] }));
    primary.peer.assert_end();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
}
