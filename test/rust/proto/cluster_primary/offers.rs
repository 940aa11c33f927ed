//! Every state of an offer with every input.

use crossfork::proto::cluster::primary::Balance;
use serde_json::json;

use crate::cluster_primary::kit::Hub;
use crate::cluster_primary::rotation::offers;

/// What is known about the offer to worker 1.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Sent,
    Held,
    Answered(bool),
    Orphaned,
}

#[derive(Clone, Copy, Debug)]
enum Input {
    Reply(bool),
    ReplyOfAnother(bool),
    Arrived,
    Lost,
    Died,
}

/// What happens to the connection.
#[derive(Debug, PartialEq)]
enum Fate {
    Kept,
    Closed,
    /// It goes to worker 2.
    ForAnother,
}

const STATES: [State; 5] =
    [State::Sent, State::Held, State::Answered(true), State::Answered(false), State::Orphaned];

const INPUTS: [Input; 7] = [
    Input::Reply(true),
    Input::Reply(false),
    Input::ReplyOfAnother(true),
    Input::ReplyOfAnother(false),
    Input::Arrived,
    Input::Lost,
    Input::Died,
];

/// `None`: impossible, because a descriptor is returned once, and a worker exits once.
fn expected(state: State, input: Input) -> Option<Fate> {
    use Input::*;
    use State::*;
    Some(match (state, input) {
        (Held, Arrived | Lost) | (Orphaned, Died) => return None,
        (Held, Reply(true)) | (Answered(true), Arrived | Lost) => Fate::Closed,
        (Sent, Lost) | (Held, Reply(false) | Died) => Fate::ForAnother,
        (Answered(false) | Orphaned, Arrived | Lost) => Fate::ForAnother,
        (Sent | Answered(_), Died) | (Sent, Arrived | Reply(_)) => Fate::Kept,
        (Answered(_) | Orphaned, Reply(_)) | (_, ReplyOfAnother(_)) => Fate::Kept,
    })
}

/// A connection that was offered to worker 1, while worker 2 is free.
fn offered(state: State) -> (Hub, usize, u64) {
    let mut hub = Hub::serving(2);
    let file = hub.connects();
    let [(1, seq, _)] = offers(&hub.actions())[..] else { panic!("an offer to worker 1") };
    match state {
        State::Sent => {}
        State::Held => hub.arrived(seq),
        State::Answered(accepted) => hub.replies(1, seq, accepted),
        State::Orphaned => hub.machine.remove_worker(1),
    }
    assert!(offers(&hub.actions()).is_empty(), "{state:?}");
    (hub, file, seq)
}

fn put(hub: &mut Hub, seq: u64, input: Input) {
    match input {
        Input::Reply(accepted) => hub.replies(1, seq, accepted),
        Input::ReplyOfAnother(accepted) => hub.replies(2, seq, accepted),
        Input::Arrived => hub.arrived(seq),
        Input::Lost => hub.lost(seq),
        Input::Died => hub.machine.remove_worker(1),
    }
}

fn fate(hub: &mut Hub, file: usize) -> Fate {
    match offers(&hub.actions())[..] {
        [(2, _, offered)] if offered == file => Fate::ForAnother,
        [] if hub.is_open(file) => Fate::Kept,
        [] => Fate::Closed,
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn clu_13_clu_16_every_offer_state_with_every_input() {
    let mut cells = 0;
    for state in STATES {
        for input in INPUTS {
            let Some(expected) = expected(state, input) else { continue };
            let (mut hub, file, seq) = offered(state);
            put(&mut hub, seq, input);
            assert_eq!(fate(&mut hub, file), expected, "{state:?} and {input:?}");
            cells += 1;
        }
    }
    assert_eq!(cells, 5 * 7 - 3);
}

#[test]
fn clu_18_an_offer_of_a_closed_server_is_closed_instead_of_offered_again() {
    for state in STATES {
        for input in INPUTS {
            let Some(expected) = expected(state, input) else { continue };
            let (mut hub, file, seq) = offered(state);
            for id in [1, 2] {
                hub.says(id, json!({ "act": "close", "key": "null:8000:4:undefined" }));
            }
            assert_eq!(hub.actions(), ["close a"], "{state:?}");
            put(&mut hub, seq, input);
            let expected = if expected == Fate::ForAnother { Fate::Closed } else { expected };
            assert_eq!(fate(&mut hub, file), expected, "{state:?} and {input:?}");
        }
    }
}

/// For supervisors: a worker that ends before it was of use is not started again in a loop.
#[test]
fn clu_13_whether_a_worker_may_have_served_is_known_until_it_is_gone() {
    let mut hub = Hub::serving(2);
    hub.connects();
    assert!(!hub.machine.may_have_served(1), "it was only offered");
    hub.actions();
    hub.arrived(2);
    hub.replies(1, 2, false);
    assert!(!hub.machine.may_have_served(1), "it has refused");
    let mut hub = Hub::serving(2);
    hub.connects();
    hub.actions();
    hub.arrived(2);
    hub.replies(1, 2, true);
    assert!(hub.machine.may_have_served(1) && !hub.machine.may_have_served(2));
    hub.machine.remove_worker(1);
    assert!(!hub.machine.may_have_served(1));
    let mut hub = Hub::with(Balance::Shared, false);
    hub.machine.add_worker(1);
    hub.says(1, json!({ "act": "queryServer", "port": 80, "addressType": 4, "seq": 1 }));
    hub.actions();
    hub.bound(80);
    assert!(hub.machine.may_have_served(1), "it accepts by itself");
}
