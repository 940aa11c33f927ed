//! Queries for servers, and their answers.

use crossfork::proto::cluster::primary::Balance;
use serde_json::{Value, json};

use crate::cluster_primary::kit::{Hub, query};

const EADDRINUSE: i32 = 98;

#[test]
fn clu_6_clu_11_the_first_query_creates_the_socket_and_returns_its_address() {
    let mut hub = Hub::new();
    hub.machine.add_worker(1);
    hub.says(1, query(0));
    assert_eq!(hub.actions(), ["listen a at *:0"]);
    hub.bound(4321);
    assert_eq!(
        hub.actions(),
        [
            r#"1 <- {"ack":1,"errno":0,"key":"null:0:4:undefined:0","seq":0,"sockname":{"address":"::","family":"IPv6","port":4321}}"#
        ]
    );
}

#[test]
fn clu_16_equal_queries_get_the_same_socket_and_the_first_workers_data() {
    let mut hub = Hub::new();
    for id in [1, 2] {
        hub.machine.add_worker(id);
    }
    let with_data = |data: &str| {
        let mut query = query(8000);
        query["data"] = json!({ "ticketKeys": data });
        query
    };
    hub.says(1, with_data("first"));
    // The second asks while the socket is being made.
    hub.says(2, with_data("second"));
    assert_eq!(hub.actions(), ["listen a at *:8000"]);
    hub.bound(8000);
    let answers = hub.actions();
    assert_eq!(answers.len(), 2, "{answers:?}");
    for (id, answer) in (1..).zip(&answers) {
        assert!(answer.starts_with(&format!("{id} <- ")), "{answer}");
        assert!(answer.contains(r#""data":{"ticketKeys":"first"}"#), "{answer}");
        assert!(answer.contains(r#""key":"null:8000:4:undefined""#), "{answer}");
    }
    // And one that asks later.
    hub.machine.add_worker(3);
    hub.says(3, with_data("third"));
    assert!(hub.actions()[0].contains(r#"{"ticketKeys":"first"}"#));
}

#[test]
fn clu_6_the_index_distinguishes_servers_at_port_0() {
    let mut hub = Hub::new();
    hub.machine.add_worker(1);
    hub.machine.add_worker(2);
    let at = |index: u32| {
        let mut query = query(0);
        query["index"] = json!(index);
        query
    };
    hub.says(1, at(0));
    hub.says(1, at(1));
    assert_eq!(hub.actions(), ["listen a at *:0", "listen b at *:0"]);
    hub.says(2, at(1));
    assert!(hub.actions().is_empty(), "the second server is there already");
}

#[test]
fn clu_15_a_worker_cannot_have_the_same_port_or_path_twice() {
    for balance in [Balance::RoundRobin, Balance::Shared] {
        for (asked, errno) in [
            (query(8000), -EADDRINUSE),
            (json!({ "act": "queryServer", "address": "/s", "port": -1, "addressType": -1 }), -EADDRINUSE),
            (
                json!({ "act": "queryServer", "address": null, "port": null, "addressType": null, "fd": 9 }),
                -17,
            ),
        ] {
            let mut hub = Hub::with(balance, false);
            hub.machine.add_worker(1);
            hub.says(1, asked.clone());
            hub.actions();
            hub.bound(1);
            hub.actions();
            let mut again = asked;
            again["index"] = json!(1);
            hub.says(1, again);
            let actions = hub.actions();
            assert_eq!(actions.len(), 2, "{actions:?}");
            assert!(actions[0].contains(&format!(r#""errno":{errno},"#)), "{actions:?}");
            assert!(actions[1].starts_with("1 cannot listen"), "{actions:?}");
        }
    }
}

#[test]
fn clu_11_the_kernel_decides_on_a_second_udp_socket_at_one_address() {
    let udp = |index: u32| json!({ "act": "queryServer", "address": "0.0.0.0", "port": 53, "addressType": "udp4", "fd": -1, "flags": 4, "index": index });
    let mut hub = Hub::new();
    for id in [1, 2] {
        hub.machine.add_worker(id);
        hub.says(id, udp(0));
        hub.says(id, udp(1));
    }
    assert_eq!(hub.actions(), ["share a at 0.0.0.0:53", "share b at 0.0.0.0:53"]);
    for server in hub.servers.clone() {
        hub.machine.handle_bound(server, Ok(None));
    }
    let keys: Vec<String> = hub.actions();
    assert_eq!(keys.iter().filter(|line| line.contains(r#""key":"0.0.0.0:53:udp4:-1""#)).count(), 2);
    assert_eq!(keys.iter().filter(|line| line.contains(r#""key":"0.0.0.0:53:udp4:-1:1""#)).count(), 2);
}

#[test]
fn clu_11_udp_sockets_are_always_shared_and_others_on_request() {
    let udp = json!({ "act": "queryServer", "address": "::", "port": 0, "addressType": "udp6", "fd": -1, "seq": 7 });
    for (balance, asked) in [(Balance::RoundRobin, udp), (Balance::Shared, query(80))] {
        let mut hub = Hub::with(balance, false);
        hub.machine.add_worker(1);
        hub.says(1, asked);
        assert!(hub.actions()[0].starts_with("share a at "));
        hub.machine.handle_bound(hub.servers[0], Ok(None));
        let shared = hub.actions();
        assert_eq!(shared.len(), 1);
        assert!(shared[0].ends_with("} +a") && shared[0].contains(r#""errno":0"#), "{shared:?}");
        assert!(!shared[0].contains("sockname"), "{shared:?}");
    }
}

#[test]
fn clu_12_a_failed_bind_is_reported_to_all_waiting_workers_and_retried_for_the_next() {
    for balance in [Balance::RoundRobin, Balance::Shared] {
        let mut hub = Hub::with(balance, false);
        for id in [1, 2] {
            hub.machine.add_worker(id);
            hub.says(id, query(80));
        }
        hub.actions();
        hub.not_bound(EADDRINUSE);
        assert_eq!(
            hub.actions(),
            [
                r#"1 <- {"ack":1,"errno":-98,"key":"null:80:4:undefined","seq":0}"#,
                "1 cannot listen at None:Some(80): 98",
                r#"2 <- {"ack":1,"errno":-98,"key":"null:80:4:undefined","seq":1}"#,
                "2 cannot listen at None:Some(80): 98"
            ]
        );
        hub.says(1, query(80));
        assert_eq!(hub.actions().len(), 1, "the bind is retried");
        hub.bound(80);
        assert!(hub.actions()[0].contains(r#""errno":0"#));
    }
}

#[test]
fn clu_11_a_worker_that_cannot_get_the_shared_socket_is_told_and_the_others_keep_it() {
    let mut hub = Hub::with(Balance::Shared, false);
    for id in [1, 2] {
        hub.machine.add_worker(id);
        hub.says(id, query(80));
    }
    hub.actions();
    hub.bound(80);
    hub.actions();
    let (worker, server, reply) = hub.shared.remove(0);
    hub.machine.handle_unshared(worker, server, reply, 24);
    let reply = r#"1 <- {"ack":1,"errno":-24,"key":"null:80:4:undefined","seq":2}"#;
    assert_eq!(hub.actions(), [reply, "1 cannot listen at None:Some(80): 24"]);
    let (worker, server, reply) = hub.shared.remove(0);
    hub.machine.handle_unshared(worker, server, reply, 24);
    assert_eq!(
        hub.actions(),
        [
            "close a",
            r#"2 <- {"ack":1,"errno":-24,"key":"null:80:4:undefined","seq":3}"#,
            "2 cannot listen at None:Some(80): 24",
        ]
    );
}

#[test]
fn clu_9_a_servers_socket_closes_with_its_last_worker() {
    let mut hub = Hub::serving(2);
    let close = json!({ "act": "close", "key": "null:8000:4:undefined" });
    hub.says(1, close.clone());
    assert!(hub.actions().is_empty());
    let file = hub.connects();
    assert!(hub.actions()[0].starts_with("2 <- "), "the other worker gets all connections");
    hub.takes(2, 2);
    assert!(!hub.is_open(file));
    hub.says(2, close.clone());
    assert_eq!(hub.actions(), ["close a"]);
    // A later query gets a new socket.
    hub.says(2, query(8000));
    assert_eq!(hub.actions(), ["listen b at *:8000"]);
}

#[test]
fn clu_9_closing_an_unknown_or_foreign_server_does_nothing() {
    let mut hub = Hub::serving(1);
    hub.machine.add_worker(2);
    for key in ["null:8000:4:undefined", "nonsense", ""] {
        hub.says(2, json!({ "act": "close", "key": key }));
    }
    assert!(hub.actions().is_empty());
    hub.connects();
    assert_eq!(hub.actions().len(), 1, "the server is still there");
}

#[test]
fn clu_9_a_server_closed_while_it_is_bound_is_not_announced() {
    let mut hub = Hub::new();
    hub.machine.add_worker(1);
    hub.says(1, query(80));
    hub.says(1, json!({ "act": "close", "key": "null:80:4:undefined" }));
    assert_eq!(hub.actions(), ["listen a at *:80", "close a"]);
    hub.bound(80);
    assert!(hub.actions().is_empty());
}

#[test]
fn clu_5_clu_8_online_is_reported_once_and_listening_each_time() {
    let mut hub = Hub::new();
    hub.machine.add_worker(1);
    hub.says(1, json!({ "act": "online" }));
    hub.says(1, json!({ "act": "online" }));
    let listening = json!({ "act": "listening", "address": "::1", "port": 5, "addressType": 6 });
    hub.says(1, listening.clone());
    hub.says(1, listening);
    assert_eq!(
        hub.actions(),
        ["1 is online", r#"1 listens at Some("::1"):Some(5)"#, r#"1 listens at Some("::1"):Some(5)"#]
    );
}

#[test]
fn clu_2_invalid_messages_are_ignored() {
    let mut hub = Hub::serving(1);
    let nonsense: [Value; 5] = [
        json!({ "act": "newconn", "key": "null:8000:4:undefined" }),
        json!({ "act": "disconnect" }),
        json!({ "act": "something" }),
        json!({ "ack": 0, "accepted": true }),
        json!({}),
    ];
    for message in nonsense {
        hub.says(1, message.clone());
        hub.says(7, message);
    }
    hub.says(7, query(8000));
    assert!(hub.actions().is_empty());
}

fn path_query() -> Value {
    json!({ "act": "queryServer", "address": "/s", "port": -1, "addressType": -1, "seq": 4 })
}

/// Two workers that listen on the same path; the second query looks at the file.
fn rebinding(balance: Balance) -> Hub {
    let mut hub = Hub::with(balance, true);
    hub.machine.rebind_paths();
    for id in [1, 2, 3] {
        hub.machine.add_worker(id);
    }
    hub.says(1, path_query());
    assert_eq!(hub.actions(), ["listen a at /s"], "accepted by the primary, whatever the balance");
    hub.machine.handle_bound(hub.servers[0], Ok(None));
    assert_eq!(hub.actions().len(), 1);
    hub.says(2, path_query());
    assert_eq!(hub.actions(), [r#"rebind a at Some("/s") for 2"#], "no answer before that");
    hub
}

#[test]
fn clu_16_a_path_is_looked_at_for_each_worker_that_asks_and_all_get_its_connections() {
    for balance in [Balance::RoundRobin, Balance::Shared] {
        let mut hub = rebinding(balance);
        let (worker, seq, server) = hub.rebinds.remove(0);
        hub.machine.handle_rebound(worker, seq, server, Ok(()));
        assert_eq!(hub.actions(), [r#"2 <- {"ack":4,"errno":0,"key":"/s:-1:-1:undefined","seq":1}"#]);
        for to in [1, 2] {
            hub.connects();
            let actions = hub.actions();
            assert!(actions[0].starts_with(&format!("{to} <- ")), "{actions:?}");
        }
        // One that asks twice is told so, and nothing is looked at.
        hub.says(2, path_query());
        let actions = hub.actions();
        assert!(actions[0].contains(r#""errno":-98"#), "{actions:?}");
        assert_eq!(actions[1..], [r#"2 cannot listen at Some("/s"):None: 98"#]);
    }
}

#[test]
fn clu_16_a_path_that_cannot_be_bound_again_is_an_error_for_the_worker_that_asked() {
    let mut hub = rebinding(Balance::RoundRobin);
    let (worker, seq, server) = hub.rebinds.remove(0);
    hub.machine.handle_rebound(worker, seq, server, Err(EADDRINUSE));
    let reply = r#"2 <- {"ack":4,"errno":-98,"key":"/s:-1:-1:undefined","seq":1}"#;
    assert_eq!(hub.actions(), [reply, r#"2 cannot listen at Some("/s"):None: 98"#]);
    hub.connects();
    assert!(hub.actions()[0].starts_with("1 <- "), "the other keeps the socket");
    hub.says(2, path_query());
    assert_eq!(hub.actions(), [r#"rebind a at Some("/s") for 2"#], "the next query tries again");
}

#[test]
fn clu_16_a_worker_that_is_gone_when_its_path_was_looked_at_gets_nothing() {
    let ends: [fn(&mut Hub); 3] = [
        |hub| hub.machine.remove_worker(2),
        |hub| hub.machine.disconnect(2),
        |hub| hub.says(2, json!({ "act": "close", "key": "/s:-1:-1:undefined" })),
    ];
    for end in ends {
        for bound in [Ok(()), Err(EADDRINUSE)] {
            let mut hub = rebinding(Balance::RoundRobin);
            end(&mut hub);
            hub.actions();
            let (worker, seq, server) = hub.rebinds.remove(0);
            hub.machine.handle_rebound(worker, seq, server, bound);
            assert!(hub.actions().is_empty());
        }
    }
}
