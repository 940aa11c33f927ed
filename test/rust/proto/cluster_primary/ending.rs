//! How workers leave.

use crossfork::proto::cluster::primary::Balance;
use serde_json::json;

use crate::cluster_primary::kit::{Hub, query};
use crate::cluster_primary::rotation::offers;

#[test]
fn clu_10_a_leaving_worker_is_answered_each_time_and_reported_once() {
    let mut hub = Hub::serving(1);
    assert!(!hub.machine.is_leaving(1));
    hub.says(1, json!({ "act": "exitedAfterDisconnect", "seq": 5 }));
    assert!(hub.machine.is_leaving(1));
    hub.says(1, json!({ "act": "exitedAfterDisconnect", "seq": 6 }));
    assert_eq!(hub.actions(), ["1 is leaving", r#"1 <- {"ack":5,"seq":1}"#, r#"1 <- {"ack":6,"seq":2}"#]);
}

#[test]
fn clu_16_the_queries_of_a_leaving_worker_are_not_answered() {
    let mut said_so = Hub::serving(1);
    said_so.says(1, json!({ "act": "exitedAfterDisconnect", "seq": 5 }));
    let mut was_asked = Hub::serving(1);
    was_asked.machine.disconnect(1);
    for mut hub in [said_so, was_asked] {
        hub.actions();
        hub.says(1, query(9000));
        assert!(hub.actions().is_empty());
    }
}

#[test]
fn clu_18_a_worker_asked_to_end_gets_no_more_connections() {
    let mut hub = Hub::serving(2);
    hub.machine.disconnect(1);
    hub.machine.disconnect(1);
    assert_eq!(hub.actions(), [r#"1 <- {"act":"disconnect","seq":2}"#], "the worker is asked only once");
    assert!(hub.machine.is_leaving(1));
    for _ in 0..3 {
        hub.connects();
        let [(to, seq, _)] = offers(&hub.actions())[..] else { panic!("one offer") };
        assert_eq!(to, 2);
        hub.takes(to, seq);
    }
}

#[test]
fn clu_18_connections_that_wait_are_handed_out_before_workers_are_asked_to_end() {
    let mut hub = Hub::serving(2);
    let files: Vec<_> = (0..5).map(|_| hub.connects()).collect();
    let first = offers(&hub.actions());
    assert_eq!(first.len(), 2, "one for each worker");
    hub.machine.hand_out(hub.servers[0]);
    let rest = offers(&hub.actions());
    assert_eq!(rest.iter().map(|(_, _, file)| *file).collect::<Vec<_>>(), files[2..]);
    for worker in [1, 2] {
        assert!(rest.iter().any(|(to, _, _)| *to == worker), "worker {worker} gets some");
        hub.machine.disconnect(worker);
    }
    hub.actions();
    for (worker, seq, _) in first.into_iter().chain(rest) {
        hub.takes(worker, seq);
    }
    assert!(files.into_iter().all(|file| !hub.is_open(file)), "our copies");
    assert!(hub.actions().is_empty());
}

#[test]
fn clu_18_a_handed_out_connection_that_is_refused_goes_to_another_worker() {
    let mut hub = Hub::serving(2);
    let files: Vec<_> = (0..3).map(|_| hub.connects()).collect();
    let first = offers(&hub.actions());
    hub.machine.hand_out(hub.servers[0]);
    let [(to, seq, file)] = offers(&hub.actions())[..] else { panic!("one is left") };
    assert_eq!(file, files[2]);
    for (worker, seq, _) in first {
        hub.takes(worker, seq);
    }
    hub.refuses(to, seq);
    assert_eq!(offers(&hub.actions()).first().map(|(_, _, file)| *file), Some(file));
}

#[test]
fn clu_16_without_workers_connections_wait_although_they_are_to_be_handed_out() {
    let mut hub = Hub::with(Balance::RoundRobin, true);
    hub.joins(1);
    hub.actions();
    hub.machine.disconnect(1);
    let file = hub.connects();
    hub.machine.hand_out(hub.servers[0]);
    assert!(offers(&hub.actions()).is_empty());
    assert!(hub.is_open(file));
    hub.joins(2);
    assert_eq!(offers(&hub.actions()).first().map(|(to, _, file)| (*to, *file)), Some((2, file)));
}

#[test]
fn clu_18_a_connection_refused_by_an_ending_worker_goes_to_another() {
    let mut hub = Hub::serving(2);
    let file = hub.connects();
    hub.actions();
    hub.machine.disconnect(1);
    hub.refuses(1, 2);
    let [(2, _, again)] = offers(&hub.actions())[..] else { panic!("for worker 2") };
    assert_eq!(again, file);
}

#[test]
fn clu_18_a_connection_not_accepted_by_a_worker_that_exits_goes_to_another() {
    let mut hub = Hub::serving(2);
    let file = hub.connects();
    hub.actions();
    hub.machine.disconnect(1);
    hub.arrived(2);
    hub.machine.remove_worker(1);
    let [(2, _, again)] = offers(&hub.actions())[..] else { panic!("for worker 2") };
    assert_eq!(again, file);
}

#[test]
fn clu_18_the_last_worker_closes_the_server_and_its_waiting_connections() {
    let mut hub = Hub::serving(1);
    let files = [hub.connects(), hub.connects()];
    hub.actions();
    hub.machine.disconnect(1);
    assert_eq!(hub.actions(), [r#"1 <- {"act":"disconnect","seq":2}"#, "close a"]);
    assert!(hub.is_open(files[0]), "it was offered, and may still be accepted");
    assert!(!hub.is_open(files[1]));
    hub.refuses(1, 1);
    assert!(!hub.is_open(files[0]));
    assert!(hub.actions().is_empty());
}

#[test]
fn clu_16_a_kept_server_stays_open_and_its_clients_wait_for_the_next_worker() {
    let ends: [fn(&mut Hub); 3] = [
        |hub| hub.machine.remove_worker(1),
        |hub| hub.machine.disconnect(1),
        |hub| hub.says(1, json!({ "act": "close", "key": "null:8000:4:undefined" })),
    ];
    for end in ends {
        let mut hub = Hub::with(Balance::RoundRobin, true);
        hub.joins(1);
        hub.actions();
        end(&mut hub);
        hub.connects();
        let actions = hub.actions();
        assert!(!actions.contains(&"close a".to_owned()), "{actions:?}");
        assert!(offers(&actions).is_empty());
        hub.machine.add_worker(2);
        hub.says(2, query(8000));
        let [(2, seq, 0)] = offers(&hub.actions())[..] else { panic!("for worker 2") };
        hub.takes(2, seq);
        hub.machine.remove_worker(2);
        assert!(hub.actions().is_empty());
        hub.connects();
        hub.machine.close_unused();
        assert_eq!(hub.actions(), ["close a"]);
        assert_eq!(hub.fds.descriptors(), 0);
    }
}

#[test]
fn clu_16_only_servers_without_workers_are_unused() {
    let mut hub = Hub::with(Balance::RoundRobin, true);
    hub.joins(1);
    hub.actions();
    hub.machine.close_unused();
    assert!(hub.actions().is_empty());
}

#[test]
fn life_2_messages_of_an_exited_worker_are_ignored() {
    let mut hub = Hub::serving(1);
    hub.machine.remove_worker(1);
    hub.actions();
    hub.machine.remove_worker(1);
    hub.machine.disconnect(1);
    hub.says(1, query(8000));
    hub.says(1, json!({ "act": "exitedAfterDisconnect" }));
    assert!(hub.actions().is_empty());
    assert!(!hub.machine.is_leaving(1));
}
