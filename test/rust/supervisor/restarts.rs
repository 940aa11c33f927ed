//! Workers that end, and when they are replaced.

use std::time::Duration;

use crossfork::Signal;
use crossfork::supervisor::policy::{
    Ended, FIRST_PAUSE, LAST_WARNING, LONGEST_PAUSE, Notice, RESTARTS_A_MINUTE, SETTLE, SLOW_PAUSE, STABLE,
    Subject,
};

use crate::world::{KILL_TIMEOUT, LISTEN_TIMEOUT, World};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_worker_for_each_instance_is_started_at_once() {
    let world = World::new(3);
    let slots: Vec<_> = world.workers.values().map(|worker| worker.slot).collect();
    assert_eq!(slots, [0, 1, 2]);
    assert_eq!(world.policy.next_tick(), None, "a worker may take as long to start as it likes");
}

#[test]
fn a_worker_that_listens_is_up() {
    let mut world = World::new(2);
    world.starts(2);
    assert_eq!(world.notices, [Notice::Up(Subject { slot: 1, pid: 10_002 }, true)]);
    world.listening(2);
    assert_eq!(world.notices.len(), 1, "a second server is no news");
}

#[test]
fn a_worker_that_does_not_listen_is_up_when_it_was_online_for_a_while() {
    let mut world = World::new(1);
    world.online(1);
    let start = world.now;
    assert!(world.tick());
    assert_eq!(world.now - start, SETTLE);
    let worker = Subject { slot: 0, pid: 10_001 };
    assert_eq!(world.notices, [Notice::Up(worker, false)]);
    world.listening(1);
    world.listening(1);
    assert_eq!(world.notices, [Notice::Up(worker, false), Notice::Up(worker, true)], "it took its time");
}

#[test]
fn a_worker_that_ends_is_replaced_at_once_and_then_after_growing_pauses() {
    let mut world = World::serving(1);
    let mut pauses = Vec::new();
    for _ in 0..12 {
        let id = world.of(0);
        let since = world.now;
        world.exits(id);
        while world.workers.is_empty() {
            assert!(world.tick());
        }
        pauses.push((world.now - since).as_millis());
        world.starts(world.newest());
    }
    assert_eq!(pauses, [0, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 15000, 15000, 15000]);
    assert_eq!(LONGEST_PAUSE.as_millis(), 15000);
    assert!(!world.has_said(|notice| matches!(notice, Notice::TooManyRestarts { .. })));
}

#[test]
fn a_pause_is_told() {
    let mut world = World::serving(1);
    world.exits_by(1, Ended::Signal(crossfork::Signal::KILL));
    world.exits(2);
    let ended = |notice: &Notice| notice.to_string() == "worker 0 (pid 10001) has ended: SIGKILL";
    assert!(world.has_said(ended), "{:?}", world.notices);
    assert_eq!(world.notices.last(), Some(&Notice::Ended(Subject { slot: 0, pid: 10_002 }, Ended::Code(1))));
    assert!(world.has_said(|notice| *notice == Notice::Pause { slot: 0, pause: FIRST_PAUSE }));
}

#[test]
fn the_pauses_begin_anew_when_a_worker_was_up_for_a_while() {
    for (up, expected) in [(STABLE - Duration::from_millis(1), FIRST_PAUSE * 2), (STABLE, Duration::ZERO)] {
        let mut world = World::serving(1);
        world.exits(1);
        world.exits(2);
        world.tick();
        world.starts(3);
        world.wait(up);
        let since = world.now;
        world.exits(3);
        while world.workers.is_empty() {
            world.tick();
        }
        assert_eq!(world.now - since, expected, "up for {up:?}");
    }
}

#[test]
fn a_worker_that_was_never_up_does_not_make_the_pauses_begin_anew() {
    let mut world = World::serving(1);
    world.exits(1);
    world.online(2);
    world.wait(STABLE * 2);
    let since = world.now;
    world.exits(2);
    world.tick();
    assert_eq!(world.forks_since(since), [FIRST_PAUSE]);
}

#[test]
fn instances_have_pauses_of_their_own() {
    let mut world = World::serving(2);
    world.exits(1);
    world.exits(3);
    let since = world.now;
    world.exits(2);
    assert_eq!(world.forks_since(since).last(), Some(&Duration::ZERO));
    assert_eq!(world.workers[&world.newest()].slot, 1);
}

#[test]
fn a_worker_whose_channel_ends_is_replaced_before_it_has_ended() {
    let mut world = World::serving(1);
    world.disconnected(1);
    assert_eq!(world.workers.len(), 2);
    world.exits(1);
    assert_eq!(world.workers.len(), 1, "once");
}

#[test]
fn clu_10_a_worker_that_says_it_leaves_is_replaced_at_that_moment() {
    let mut world = World::serving(1);
    for round in 0..5 {
        let id = world.of(0);
        world.wait(Duration::from_secs(1));
        let since = world.now;
        world.leaving(id);
        assert_eq!(world.forks_since(since), [Duration::ZERO], "the {round}. time");
        assert!(world.workers.contains_key(&id), "it has requests to finish");
        let new = world.of(0);
        world.starts(new);
        world.exits_by(id, Ended::Code(0));
    }
    assert_eq!(world.workers.len(), 1);
}

#[test]
fn a_worker_that_leaves_has_as_long_as_one_that_is_asked_to() {
    let mut world = World::serving(1);
    world.leaving(1);
    world.disconnected(1);
    world.starts(2);
    world.wait(KILL_TIMEOUT - LAST_WARNING - Duration::from_millis(1));
    assert!(world.workers[&1].signals.is_empty(), "no earlier, for it may have requests to finish");
    world.wait(LAST_WARNING + Duration::from_millis(1));
    assert_eq!(world.workers[&1].signals, [Signal::TERM, Signal::KILL]);
    world.exits(1);
    assert!(world.workers[&2].signals.is_empty());
}

#[test]
fn clu_10_a_worker_that_leaves_before_it_was_up_is_no_better_than_one_that_ends() {
    let mut world = World::serving(1);
    world.exits(1);
    world.leaving(2);
    assert_eq!(world.forks.len(), 2);
    world.tick();
    assert_eq!(world.forks.len(), 3);
}

#[test]
fn more_than_sixty_restarts_in_a_minute_are_told_loudly_and_slow() {
    // All leave as soon as they are up: there are no pauses but those for all together.
    let mut world = World::serving(4);
    let loud = |world: &World| {
        world.notices.iter().filter(|notice| matches!(notice, Notice::TooManyRestarts { .. })).count()
    };
    let storm = |world: &mut World| {
        for id in world.ids() {
            if world.workers[&id].stays() && world.workers[&id].slot < 3 {
                world.starts(id);
                world.leaving(id);
                world.exits(id);
            }
        }
    };
    let start = world.now;
    while loud(&world) == 0 {
        storm(&mut world);
    }
    assert_eq!(world.now, start);
    assert_eq!(world.forks.len() - 4, RESTARTS_A_MINUTE, "so many at once");
    let text = world.notices.iter().find(|notice| matches!(notice, Notice::TooManyRestarts { .. }));
    assert!(text.is_some_and(|text| text.to_string().starts_with("TOO MANY RESTARTS: 60 ")));

    // The fourth, which serves, is left alone all the time (see `World`), and the others are
    // retried for as long as it lasts.
    let survivor = world.of(3);
    while world.now - start < MINUTE * 5 / 2 {
        storm(&mut world);
        assert!(world.tick());
    }
    let slow: Vec<_> = world.forks_since(start).split_off(4 + RESTARTS_A_MINUTE);
    assert_eq!(slow[0], LONGEST_PAUSE);
    assert!(slow.windows(2).all(|pair| pair[1] - pair[0] >= SLOW_PAUSE), "{slow:?}");
    assert!(slow.len() > 60, "it is tried again: {slow:?}");
    assert_eq!(loud(&world), 3, "again each minute");
    assert_eq!(world.of(3), survivor);

    // When all is well again, nothing is left of it.
    world.wait(MINUTE);
    for id in world.ids() {
        world.starts(id);
    }
    world.wait(MINUTE);
    let since = world.now;
    let id = world.of(0);
    world.exits(id);
    assert_eq!(world.forks_since(since), [Duration::ZERO]);
}

#[test]
fn sixty_restarts_in_more_than_a_minute_are_nothing_special() {
    let mut world = World::serving(1);
    for _ in 0..200 {
        let id = world.of(0);
        world.leaving(id);
        world.exits(id);
        let id = world.of(0);
        world.starts(id);
        world.wait(Duration::from_millis(1001));
    }
    assert!(!world.has_said(|notice| matches!(notice, Notice::TooManyRestarts { .. })));
}

#[test]
fn if_the_very_first_worker_cannot_be_started_it_is_over() {
    use crossfork::supervisor::policy::{Action, Policy, exit_code};
    let settings = crate::world::settings(2);
    let mut policy = Policy::new(settings);
    assert_eq!(policy.poll_action(), Some(Action::Fork { slot: 0 }));
    policy.fork_failed(0, "no such file".into(), Duration::ZERO);
    let actions: Vec<_> = std::iter::from_fn(|| policy.poll_action()).collect();
    let reason = Notice::ForkFailed { slot: 0, reason: "no such file".into() };
    assert!(actions.contains(&Action::Print(reason)), "{actions:?}");
    assert_eq!(actions.last(), Some(&Action::Done { code: exit_code::NOT_STARTED }));
}

#[test]
fn a_later_worker_that_cannot_be_started_is_tried_again_after_pauses() {
    let mut world = World::serving(2);
    world.forks_fail = true;
    let since = world.now;
    world.exits(1);
    for _ in 0..3 {
        world.tick();
    }
    world.forks_fail = false;
    world.tick();
    let millis: Vec<_> = world.forks_since(since).iter().map(Duration::as_millis).collect();
    assert_eq!(millis[2..], [0, 100, 300, 700, 1500][..millis.len() - 2]);
    assert_eq!(world.workers.len(), 2);
}

#[test]
fn servers_that_only_a_lost_worker_wanted_are_closed_some_time_after_it() {
    let mut world = World::serving(2);
    world.exits(1);
    world.starts(3);
    world.expect_servers_closed_after(LISTEN_TIMEOUT);
}

#[test]
fn no_server_is_closed_while_a_worker_has_only_just_come_up_and_may_want_more() {
    let mut world = World::serving(1);
    world.exits(1);
    world.starts(2);
    world.wait(LISTEN_TIMEOUT - Duration::from_secs(1));
    world.exits(2);
    world.wait(Duration::from_millis(500));
    world.starts(3);
    world.wait(LISTEN_TIMEOUT);
    assert_eq!(world.closed_servers, 0);
    world.wait(LISTEN_TIMEOUT);
    assert_eq!(world.closed_servers, 1);
}
