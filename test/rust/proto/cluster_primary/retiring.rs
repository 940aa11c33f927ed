//! Retired workers: they get no more connections, and are not told.

use serde_json::json;

use crate::cluster_primary::kit::{Hub, query};
use crate::cluster_primary::rotation::offers;

#[test]
fn clu_16_a_retired_worker_gets_no_more_connections() {
    let mut hub = Hub::serving(2);
    hub.machine.retire(1);
    assert!(hub.actions().is_empty(), "no worker is told");
    for _ in 0..3 {
        hub.connects();
        let [(2, seq, _)] = offers(&hub.actions())[..] else { panic!("an offer to the other worker") };
        hub.takes(2, seq);
    }
}

#[test]
fn clu_13_a_retired_worker_keeps_connections_offered_before() {
    let mut hub = Hub::serving(2);
    let file = hub.connects();
    let [(1, seq, _)] = offers(&hub.actions())[..] else { panic!("an offer to the first worker") };
    hub.machine.retire(1);
    hub.arrived(seq);
    assert!(hub.is_open(file));
    hub.replies(1, seq, true);
    assert!(!hub.is_open(file), "the worker has it");
    assert!(hub.actions().is_empty());
}

#[test]
fn clu_16_the_server_of_a_retired_worker_stays_open_for_waiting_connections() {
    let mut hub = Hub::serving(1);
    hub.machine.retire(1);
    hub.machine.close_unused();
    let file = hub.connects();
    assert!(hub.actions().is_empty());
    assert!(hub.is_open(file));
    hub.joins(2);
    let [(2, _, to)] = offers(&hub.actions())[..] else { panic!("an offer to the new worker") };
    assert_eq!(to, file);
}

#[test]
fn clu_11_a_retired_workers_query_is_answered_but_it_gets_no_connection() {
    let mut hub = Hub::serving(1);
    hub.machine.add_worker(2);
    hub.machine.retire(2);
    hub.says(2, query(8000));
    assert_eq!(hub.actions().len(), 1);
    for _ in 0..2 {
        hub.connects();
        let [(1, seq, _)] = offers(&hub.actions())[..] else { panic!("an offer to the other worker") };
        hub.takes(1, seq);
    }
    // Not even when it is asked to end, or has ended.
    hub.machine.disconnect(2);
    hub.says(2, json!({ "act": "close", "key": "null:8000:4:undefined" }));
    hub.machine.remove_worker(2);
    assert_eq!(hub.actions(), [r#"2 <- {"act":"disconnect","seq":4}"#]);
}

#[test]
fn clu_13_a_resumed_worker_gets_the_waiting_connections() {
    let mut hub = Hub::serving(1);
    hub.machine.retire(1);
    let file = hub.connects();
    assert!(hub.actions().is_empty());
    hub.machine.resume(1);
    let [(1, seq, to)] = offers(&hub.actions())[..] else { panic!("an offer to the worker") };
    assert_eq!(to, file);
    hub.takes(1, seq);
    // A worker that is ending gets none.
    hub.machine.disconnect(1);
    hub.machine.resume(1);
    hub.actions();
    hub.connects();
    assert!(offers(&hub.actions()).is_empty());
}
