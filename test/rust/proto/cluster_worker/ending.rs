//! How a worker ends, by its own decision or the primary's.

use crossfork::proto::cluster::worker::{Answer, Next};
use serde_json::json;

use super::kit::{Desk, KEY, granted, tcp};

type Step = fn(&mut Desk);

/// Each way to a state of its life, with a server open and, where it is told, the number of the
/// message that told the primary.
const STATES: [(&str, Step); 6] = [
    ("serving", |_| {}),
    ("asked", |desk| desk.hear(json!({ "act": "disconnect" }))),
    ("leaving", |desk| desk.worker.disconnect()),
    ("leaving, told", |desk| {
        desk.worker.disconnect();
        acknowledge(desk);
    }),
    ("dying", |desk| desk.worker.kill()),
    ("dying, told", |desk| {
        desk.worker.kill();
        acknowledge(desk);
    }),
];

const INPUTS: [(&str, Step); 6] = [
    ("disconnect()", |desk| desk.worker.disconnect()),
    ("kill()", |desk| desk.worker.kill()),
    ("the primary's disconnect", |desk| desk.hear(json!({ "act": "disconnect" }))),
    ("acknowledgement", acknowledge),
    ("the last connection closes", |desk| {
        desk.worker.connection_closed(desk.open_server.expect("a server"));
    }),
    ("newconn", |desk| {
        desk.connection(KEY);
    }),
];

/// Whatever it was that told the primary: numbers that nobody waits for are ignored.
fn acknowledge(desk: &mut Desk) {
    for ack in 0..10 {
        desk.hear(json!({ "ack": ack }));
    }
}

/// With a server and a connection open. What it says, and whether it is stopping, told, done.
const CELLS: &str = "
serving x disconnect(): close exitedAfterDisconnect; stopping
serving x kill(): exitedAfterDisconnect; stopping
serving x the primary's disconnect: close; stopping told
serving x acknowledgement: ;
serving x the last connection closes: ;
serving x newconn: accepted true;
asked x disconnect(): ; stopping told
asked x kill(): exitedAfterDisconnect; stopping
asked x the primary's disconnect: ; stopping told
asked x acknowledgement: ; stopping told
asked x the last connection closes: ; stopping told done
asked x newconn: accepted false; stopping told
leaving x disconnect(): ; stopping
leaving x kill(): ; stopping
leaving x the primary's disconnect: ; stopping told
leaving x acknowledgement: ; stopping told
leaving x the last connection closes: ; stopping
leaving x newconn: accepted false; stopping
leaving, told x disconnect(): ; stopping told
leaving, told x kill(): ; stopping told done
leaving, told x the primary's disconnect: ; stopping told
leaving, told x acknowledgement: ; stopping told
leaving, told x the last connection closes: ; stopping told done
leaving, told x newconn: accepted false; stopping told
dying x disconnect(): ; stopping
dying x kill(): ; stopping
dying x the primary's disconnect: ; stopping told done
dying x acknowledgement: ; stopping told done
dying x the last connection closes: ; stopping
dying x newconn: accepted true; stopping
dying, told x disconnect(): ; stopping told done
dying, told x kill(): ; stopping told done
dying, told x the primary's disconnect: ; stopping told done
dying, told x acknowledgement: ; stopping told done
dying, told x the last connection closes: ; stopping told done
dying, told x newconn: accepted true; stopping told done
";

#[test]
fn clu_18_clu_19_every_worker_state_with_every_input() {
    let mut cells = String::from("\n");
    for (state, reach) in STATES {
        for (input, feed) in INPUTS {
            let mut desk = Desk::new();
            let server = desk.open(KEY);
            desk.open_server = Some(server);
            desk.connection(KEY);
            assert!(matches!(desk.worker.next_connection(server), Next::Connection(_)));
            reach(&mut desk);
            desk.said();
            feed(&mut desk);
            let acts = desk.acts().join(" ");
            let worker = &desk.worker;
            let flags = [
                (worker.is_stopping(), " stopping"),
                (worker.is_acknowledged(), " told"),
                (worker.is_done(), " done"),
            ];
            let flags: String = flags.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect();
            cells += &format!("{state} x {input}: {acts};{flags}\n");
        }
    }
    assert_eq!(cells, CELLS);
}

#[test]
fn clu_18_on_the_primarys_disconnect_servers_close_and_the_last_connection_ends_the_worker() {
    let mut desk = Desk::new();
    let servers = [desk.open("a"), desk.open("b")];
    let own = desk.worker.own_server();
    let files = [desk.connection("a"), desk.connection("b")];
    desk.said();
    desk.hear(json!({ "act": "disconnect" }));
    let keys: Vec<_> = desk.said().iter().map(|close| close["key"].clone()).collect();
    assert_eq!(keys, ["a", "b"]);
    assert!(!desk.worker.is_open(own));
    // Accepted connections are served first.
    assert_eq!(desk.take_all(servers[0]), (vec![files[0]], "closed"));
    desk.worker.connection_closed(servers[0]);
    assert!(!desk.worker.is_done());
    assert_eq!(desk.take_all(servers[1]), (vec![files[1]], "closed"));
    assert!(!desk.worker.is_done());
    desk.worker.connection_closed(servers[1]);
    assert!(desk.worker.is_done());
}

#[test]
fn clu_18_a_worker_without_connections_is_done_at_once() {
    let mut desk = Desk::new();
    desk.open(KEY);
    desk.hear(json!({ "act": "disconnect" }));
    assert!(desk.worker.is_done());
}

#[test]
fn clu_18_untaken_connections_of_a_released_server_do_not_delay_the_end() {
    let mut desk = Desk::new();
    let server = desk.open(KEY);
    desk.connection(KEY);
    desk.hear(json!({ "act": "disconnect" }));
    assert!(!desk.worker.is_done());
    desk.worker.release(server);
    assert!(desk.worker.is_done());
}

#[test]
fn clu_18_an_open_connection_of_a_released_server_delays_the_end() {
    let mut desk = Desk::new();
    let server = desk.open(KEY);
    desk.connection(KEY);
    assert!(matches!(desk.worker.next_connection(server), Next::Connection(_)));
    desk.worker.release(server);
    desk.hear(json!({ "act": "disconnect" }));
    assert!(!desk.worker.is_done());
    desk.worker.connection_closed(server);
    assert!(desk.worker.is_done());
}

#[test]
fn clu_19_a_workers_own_disconnect_closes_then_notifies_then_waits() {
    let mut desk = Desk::new();
    desk.open(KEY);
    desk.worker.disconnect();
    assert_eq!(
        desk.said(),
        [
            json!({ "act": "close", "key": KEY, "seq": 2 }),
            json!({ "act": "exitedAfterDisconnect", "seq": 3 })
        ]
    );
    assert!(!desk.worker.is_done());
    desk.hear(json!({ "ack": 3 }));
    assert!(desk.worker.is_done());
}

#[test]
fn clu_16_an_unanswered_query_ends_with_the_worker() {
    let mut desk = Desk::new();
    let (before, seq) = desk.ask(tcp(0));
    desk.worker.disconnect();
    assert!(matches!(desk.worker.take_answer(before), Some(Answer::Stopped)));
    assert_eq!(desk.acts(), ["exitedAfterDisconnect"]);
    let after = desk.worker.listen(tcp(0));
    assert!(matches!(desk.worker.take_answer(after), Some(Answer::Stopped)));
    assert_eq!(desk.take_all(after), (vec![], "closed"));
    let own = desk.worker.own_server();
    assert!(!desk.worker.is_open(own));
    assert!(desk.said().is_empty());
    // A late answer is not used.
    desk.hear(granted(seq, KEY));
    assert_eq!(desk.acts(), ["close"]);
}
