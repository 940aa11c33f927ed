//! Hostile and broken workers.

use serde_json::json;

use crate::cluster_primary::kit::{Hub, query};
use crate::cluster_primary::rotation::offers;
use crate::meter;

#[test]
fn clu_2_a_worker_cannot_reply_for_another() {
    let mut hub = Hub::serving(2);
    let file = hub.connects();
    hub.actions();
    hub.arrived(2);
    for accepted in [true, false] {
        hub.replies(2, 2, accepted);
    }
    assert!(hub.is_open(file), "only worker 1 can accept it");
    assert!(hub.actions().is_empty());
    hub.replies(1, 2, true);
    assert!(!hub.is_open(file));
}

#[test]
fn clu_2_a_second_reply_is_ignored() {
    let mut hub = Hub::serving(1);
    let file = hub.connects();
    hub.actions();
    hub.replies(1, 1, true);
    hub.replies(1, 1, false);
    hub.arrived(1);
    assert!(!hub.is_open(file), "the first reply counts");
    hub.replies(1, 1, false);
    let files = [hub.connects(), hub.connects()];
    let given = offers(&hub.actions());
    assert_eq!(given.iter().map(|(_, _, file)| *file).collect::<Vec<_>>(), files[..1], "one at a time");
}

#[test]
fn clu_2_a_reply_to_another_message_does_not_answer_an_offer() {
    let mut hub = Hub::serving(1);
    // 0 is the reply to its query, and 1 will be the answer to this.
    hub.says(1, json!({ "act": "exitedAfterDisconnect", "seq": 9 }));
    hub.connects();
    hub.actions();
    for ack in [0, 1, 3, u64::MAX >> 11] {
        hub.replies(1, ack, false);
    }
    assert!(hub.actions().is_empty());
    hub.takes(1, 2);
    assert_eq!(hub.fds.descriptors(), 0);
}

#[test]
fn clu_13_a_reply_without_accepted_is_a_refusal() {
    let mut hub = Hub::serving(1);
    let file = hub.connects();
    hub.actions();
    hub.arrived(1);
    hub.says(1, json!({ "ack": 1 }));
    assert!(hub.is_open(file));
    assert_eq!(hub.actions(), ["pause a"]);
}

#[test]
fn clu_6_the_number_of_servers_of_one_worker_is_limited() {
    let mut hub = Hub::new();
    hub.machine.add_worker(1);
    hub.machine.add_worker(2);
    let (mut made, mut refused) = (0, 0);
    for port in 1..=10_000 {
        hub.says(1, query(port));
        for line in hub.actions() {
            if line.starts_with("listen ") {
                made += 1;
                hub.bound(port);
                hub.actions();
            } else if line.contains("cannot listen") {
                assert!(line.ends_with(": 24"), "EMFILE: {line}");
            } else {
                assert!(line.contains(r#""errno":-24,"#), "EMFILE: {line}");
                refused += 1;
            }
        }
    }
    assert_eq!((made, refused), (256, 10_000 - 256));
    hub.says(2, query(20_000));
    assert!(hub.actions()[0].starts_with("listen "));
    // Closed servers do not count any more.
    hub.says(1, json!({ "act": "close", "key": "null:1:4:undefined" }));
    hub.says(1, query(30_000));
    assert_eq!(hub.actions().iter().filter(|line| line.starts_with("listen ")).count(), 1);
}

#[test]
fn clu_6_the_total_number_of_servers_is_limited() {
    let mut hub = Hub::new();
    let mut made = 0;
    let mut last = Vec::new();
    for id in 1..=5 {
        hub.machine.add_worker(id);
        for port in 1..=150 {
            hub.says(id, query(id as u16 * 1000 + port));
            last = hub.actions();
            made += last.iter().filter(|line| line.starts_with("listen ")).count();
        }
    }
    // The last worker arrives when the others have nearly all servers; it still gets a few.
    assert_eq!(made, 512 + 16);
    assert!(last[0].contains(r#""errno":-23,"#), "ENFILE: {last:?}");
    // Joining an existing server does not count.
    hub.machine.add_worker(6);
    hub.says(6, query(1001));
    hub.machine.handle_bound(hub.servers[0], Ok(None));
    let answered = hub.actions();
    assert!(
        answered.iter().any(|line| line.starts_with("6 <- ") && line.contains(r#""errno":0"#)),
        "{answered:?}"
    );
}

#[test]
fn clu_15_no_two_live_servers_have_the_same_key() {
    let mut hub = Hub::new();
    let mut keys = std::collections::BTreeSet::new();
    hub.machine.add_worker(1);
    for index in 0..3 {
        for (address, address_type) in
            [(json!(null), json!(4)), (json!("::"), json!(6)), (json!("::"), json!("udp6"))]
        {
            for port in [0, 80] {
                for fd in [json!(-1), json!(7)] {
                    hub.says(
                        1,
                        json!({
                            "act": "queryServer", "address": address, "port": port,
                            "addressType": address_type, "fd": fd, "index": index,
                        }),
                    );
                }
            }
        }
    }
    hub.actions();
    for server in hub.servers.clone() {
        hub.machine.handle_bound(server, Ok(None));
    }
    let key = |line: &String| {
        line.split(r#""key":""#).nth(1).map(|rest| rest[..rest.find('"').unwrap()].to_owned())
    };
    let made: Vec<_> =
        hub.actions().iter().filter(|line| line.contains(r#""errno":0"#)).filter_map(key).collect();
    assert!(made.len() >= 10, "{made:?}");
    for key in made {
        assert!(keys.insert(key.clone()), "{key} twice");
    }
}

/// A short message can be a large value in memory, which is kept as long as its server.
#[test]
fn clu_11_the_shared_data_of_servers_is_bounded_in_bytes() {
    let mut hub = Hub::new();
    hub.joins(1);
    let data = vec![0; 30_000];
    let most = meter::most(|| {
        for n in 0..200 {
            let mut query = query(0);
            query["index"] = n.into();
            query["data"] = data.clone().into();
            hub.says(1, query);
            hub.actions();
        }
    });
    assert!(most < 64 << 20, "{most} bytes");
    // Servers without data are not affected.
    hub.joins(2);
    hub.says(2, query(8000));
    let actions = hub.actions();
    assert!(actions.iter().any(|action| action.contains("8000")), "{actions:?}");
}
