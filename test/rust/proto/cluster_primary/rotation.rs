//! The distribution of connections.

use crossfork::proto::cluster::primary::AcceptDemand;
use serde_json::json;

use crate::cluster_primary::kit::{Hub, query};

/// The worker and the number of each offer among the actions, and the file that it is about.
pub fn offers(actions: &[String]) -> Vec<(u32, u64, usize)> {
    let number = |text: &str, after: &str| -> u64 {
        let rest = &text[text.find(after).expect("is there") + after.len()..];
        rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())].parse().expect("a number")
    };
    let is_offer = |line: &&String| line.contains(r#""act":"newconn""#);
    let offer = |line: &String| {
        let worker = line.split(' ').next().expect("a worker").parse().expect("a number");
        (worker, number(line, r#""seq":"#), number(line, "+#") as usize)
    };
    actions.iter().filter(is_offer).map(offer).collect()
}

#[test]
fn clu_13_our_copy_of_a_connection_is_closed_when_it_is_accepted() {
    let mut hub = Hub::serving(1);
    let file = hub.connects();
    assert_eq!(hub.actions(), [r##"1 <- {"act":"newconn","key":"null:8000:4:undefined","seq":1} +#0"##]);
    hub.arrived(1);
    assert!(hub.is_open(file), "until the worker replies");
    hub.replies(1, 1, true);
    assert!(!hub.is_open(file));
}

#[test]
fn clu_16_connections_are_distributed_strictly_round_robin() {
    let mut hub = Hub::serving(3);
    for round in 0..4 {
        for worker in 1..=3 {
            hub.connects();
            let [(to, seq, _)] = offers(&hub.actions())[..] else { panic!("one offer in round {round}") };
            assert_eq!(to, worker, "in round {round}");
            hub.takes(to, seq);
        }
    }
}

#[test]
fn clu_13_a_worker_gets_one_connection_at_a_time_and_the_rest_wait_in_order() {
    let mut hub = Hub::serving(2);
    let files: Vec<_> = (0..5).map(|_| hub.connects()).collect();
    let first = offers(&hub.actions());
    assert_eq!(
        first.iter().map(|(to, _, file)| (*to, *file)).collect::<Vec<_>>(),
        [(1, files[0]), (2, files[1])]
    );
    // The second worker is the first one to be free again.
    hub.takes(2, first[1].1);
    let [(2, seq, third)] = offers(&hub.actions())[..] else { panic!("for worker 2") };
    assert_eq!(third, files[2]);
    hub.takes(1, first[0].1);
    let [(1, _, fourth)] = offers(&hub.actions())[..] else { panic!("for worker 1") };
    assert_eq!(fourth, files[3]);
    hub.takes(2, seq);
    assert_eq!(offers(&hub.actions())[0].2, files[4]);
}

#[test]
fn clu_13_the_reply_may_arrive_before_the_descriptor_is_returned() {
    for accepted in [true, false] {
        let mut hub = Hub::serving(2);
        let file = hub.connects();
        hub.actions();
        hub.replies(1, 2, accepted);
        let before = hub.actions();
        assert!(offers(&before).is_empty(), "no worker can get it yet: {before:?}");
        hub.arrived(2);
        let offered = offers(&hub.actions());
        assert_eq!(hub.is_open(file), !accepted);
        assert_eq!(offered.first().map(|(to, _, file)| (*to, *file)), (!accepted).then_some((2, file)));
    }
}

#[test]
fn clu_13_a_refused_connection_is_offered_again_before_later_ones() {
    let mut hub = Hub::serving(2);
    let files: Vec<_> = (0..3).map(|_| hub.connects()).collect();
    let first = offers(&hub.actions());
    hub.refuses(1, first[0].1);
    assert_eq!(hub.actions(), ["pause a"], "not offered to the same worker again at once");
    hub.takes(2, first[1].1);
    assert_eq!(offers(&hub.actions())[0].2, files[0]);
    assert!(hub.is_open(files[2]));
}

#[test]
fn clu_13_refused_connections_keep_their_order_for_any_order_of_refusals() {
    let mut hub = Hub::serving(3);
    let files: Vec<_> = (0..3).map(|_| hub.connects()).collect();
    let given = offers(&hub.actions());
    for at in [1, 0, 2] {
        hub.refuses(given[at].0, given[at].1);
        assert!(offers(&hub.actions()).is_empty());
    }
    hub.pause_is_over();
    let again = offers(&hub.actions());
    assert_eq!(again.iter().map(|(_, _, file)| *file).collect::<Vec<_>>(), files);
}

#[test]
fn clu_16_a_connection_refused_by_all_workers_waits_for_the_end_of_the_pause() {
    let mut hub = Hub::serving(2);
    let file = hub.connects();
    for _ in 0..3 {
        for _ in 1..=2 {
            let [(to, seq, offered)] = offers(&hub.actions())[..] else { panic!("one offer") };
            assert_eq!(offered, file);
            hub.refuses(to, seq);
        }
        assert!(offers(&hub.actions()).is_empty(), "no worker is left to be asked");
        hub.pause_is_over();
    }
    let [(to, seq, _)] = offers(&hub.actions())[..] else { panic!("one offer") };
    hub.takes(to, seq);
    assert!(!hub.is_open(file));
}

#[test]
fn clu_16_after_each_pause_a_bounded_number_of_workers_is_asked_again() {
    let mut hub = Hub::serving(40);
    hub.connects();
    loop {
        let actions = hub.actions();
        let Some((to, seq, _)) = offers(&actions).first().copied() else { break };
        hub.refuses(to, seq);
    }
    for pause in 0..10 {
        hub.pause_is_over();
        let mut asked = 0;
        let mut paused = 0;
        loop {
            let actions = hub.actions();
            paused += actions.iter().filter(|line| *line == "pause a").count();
            let Some((to, seq, _)) = offers(&actions).first().copied() else { break };
            assert_eq!(to as usize, 1 + (pause * 4 + asked) % 40, "the longest-resting worker comes first");
            hub.refuses(to, seq);
            asked += 1;
        }
        assert_eq!((asked, paused), (4, 1), "pause {pause}");
    }
}

#[test]
fn clu_16_a_connection_lost_with_a_worker_goes_to_another_worker() {
    for had_it in [true, false] {
        let mut hub = Hub::serving(2);
        let file = hub.connects();
        hub.actions();
        if had_it {
            hub.arrived(2);
            hub.machine.remove_worker(1);
        } else {
            // The channel returns it after the worker has exited.
            hub.machine.remove_worker(1);
            assert!(offers(&hub.actions()).is_empty());
            hub.lost(2);
        }
        let [(2, seq, again)] = offers(&hub.actions())[..] else { panic!("for worker 2") };
        assert_eq!(again, file);
        hub.takes(2, seq);
        assert!(!hub.is_open(file));
    }
}

#[test]
fn clu_16_several_connections_lost_with_workers_keep_their_order() {
    let mut hub = Hub::serving(2);
    let files: Vec<_> = (0..4).map(|_| hub.connects()).collect();
    for (_, seq, _) in offers(&hub.actions()) {
        hub.arrived(seq);
    }
    for id in [1, 2] {
        hub.machine.remove_worker(id);
    }
    // The last worker has closed it, so it is a new server now.
    assert_eq!(hub.actions(), ["close a"]);
    assert!(files.iter().all(|file| !hub.is_open(*file)), "as in Node, they are closed with it");

    let mut hub = Hub::with(crossfork::proto::cluster::primary::Balance::RoundRobin, true);
    hub.joins(1);
    hub.joins(2);
    let files: Vec<_> = (0..4).map(|_| hub.connects()).collect();
    for (_, seq, _) in offers(&hub.actions()) {
        hub.arrived(seq);
    }
    // The younger connection is returned first, but the older one is offered first.
    hub.machine.remove_worker(2);
    hub.machine.remove_worker(1);
    hub.joins(3);
    for expected in files {
        let [(3, seq, file)] = offers(&hub.actions())[..] else { panic!("one offer") };
        assert_eq!(file, expected);
        hub.takes(3, seq);
    }
}

#[test]
fn clu_16_a_connection_that_kills_every_worker_is_closed_eventually() {
    let mut hub = Hub::serving(1);
    let file = hub.connects();
    let mut deaths = 0;
    while hub.is_open(file) {
        let next = deaths + 2;
        hub.joins(next);
        let [(to, seq, _)] = offers(&hub.actions())[..] else { panic!("one offer") };
        hub.arrived(seq);
        hub.machine.remove_worker(to);
        deaths += 1;
        assert!(deaths < 20, "the connection kills workers forever");
    }
    assert_eq!(deaths, 10);
}

#[test]
fn hnd_9_a_worker_without_free_descriptors_is_skipped_for_a_while() {
    let mut hub = Hub::serving(2);
    let file = hub.connects();
    hub.actions();
    hub.lost(2);
    let actions = hub.actions();
    assert_eq!(offers(&actions), [(2, 3, file)]);
    assert!(actions.contains(&"pause a".to_owned()));
}

#[test]
fn clu_16_accepting_pauses_at_the_limit_until_half_of_the_connections_are_gone() {
    let mut hub = Hub::serving(1);
    let server = hub.servers[0];
    let mut waiting = 0_u32;
    while hub.machine.accept_demand(server) < AcceptDemand::None {
        hub.connects();
        waiting += 1;
        assert!(waiting < 10_000, "there is no end");
    }
    let mut resumed = None;
    for taken in 0..waiting {
        let actions = hub.actions();
        if actions.contains(&"resume a".to_owned()) {
            resumed.get_or_insert(taken);
        }
        let [(to, seq, _)] = offers(&actions)[..] else { panic!("one offer") };
        hub.takes(to, seq);
    }
    assert_eq!(resumed, Some(waiting.div_ceil(2)), "of {waiting}");
    assert_eq!(hub.machine.accept_demand(server), AcceptDemand::High);
    assert_eq!(hub.fds.descriptors(), 0);
}

#[test]
fn clu_16_the_driver_is_told_when_no_connection_waits_any_more() {
    let mut hub = Hub::serving(1);
    let server = hub.servers[0];
    assert_eq!(hub.machine.accept_demand(server), AcceptDemand::High);
    hub.connects();
    let [(_, seq, _)] = offers(&hub.actions())[..] else { panic!("one offer") };
    assert_eq!(
        hub.machine.accept_demand(server),
        AcceptDemand::High,
        "the worker has it, and no connection waits"
    );
    hub.connects();
    assert_eq!(hub.machine.accept_demand(server), AcceptDemand::Low);
    hub.connects();
    hub.takes(1, seq);
    let [(_, seq, _)] = offers(&hub.actions())[..] else { panic!("one offer, and nothing else") };
    hub.takes(1, seq);
    assert!(hub.actions().contains(&"resume a".to_owned()));
    assert_eq!(hub.machine.accept_demand(server), AcceptDemand::High);
}

#[test]
fn clu_16_a_late_reply_does_not_count_for_a_worker_that_listens_again() {
    let mut hub = Hub::serving(1);
    hub.connects();
    hub.actions();
    hub.machine.add_worker(2);
    hub.joins(2);
    hub.says(1, json!({ "act": "close", "key": "null:8000:4:undefined" }));
    hub.joins(1);
    // Worker 1 listens anew, and its reply belongs to its earlier server.
    hub.takes(1, 1);
    hub.actions();
    let files = [hub.connects(), hub.connects(), hub.connects()];
    let given = offers(&hub.actions());
    assert_eq!(
        given.iter().map(|(to, _, file)| (*to, *file)).collect::<Vec<_>>(),
        [(2, files[0]), (1, files[1])]
    );
}

#[test]
fn clu_13_listening_repeatedly_without_a_reply_brings_no_more_connections() {
    let mut hub = Hub::serving(2);
    hub.connects();
    let [(1, seq, _)] = offers(&hub.actions())[..] else { panic!("for worker 1") };
    hub.arrived(seq);
    for _ in 0..20 {
        hub.says(1, json!({ "act": "close", "key": "null:8000:4:undefined" }));
        hub.says(1, query(8000));
        let file = hub.connects();
        let [(to, seq, offered)] = offers(&hub.actions())[..] else { panic!("one offer") };
        assert_eq!((to, offered), (2, file), "worker 1 has not replied");
        hub.takes(2, seq);
    }
    hub.replies(1, seq, true);
    hub.connects();
    hub.connects();
    let both: Vec<_> = offers(&hub.actions()).iter().map(|(to, ..)| *to).collect();
    assert_eq!(both, [2, 1]);
}
