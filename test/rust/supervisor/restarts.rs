//! Workers that start and end, and when they are replaced.

use std::time::Duration;

use crossfork::Signal;
use crossfork::supervisor::policy::{
    Ended, LAST_WARNING, MANY_RESTARTS, MOST_PATIENCE, Notice, SETTLE, SPACING, Settings, Subject, exit_code,
};

use crate::world::{KILL_TIMEOUT, LISTEN_TIMEOUT, World, settings};

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

/// A request that ends its worker, each second: whoever sends it gets nothing.
#[test]
fn a_worker_that_has_served_is_no_failed_start_however_often_it_ends() {
    let mut world = World::serving(4);
    for round in 0..500 {
        world.wait(Duration::from_secs(1));
        let since = world.now;
        let id = world.of(round % 4);
        world.exits(id);
        assert_eq!(world.forks_since(since), [Duration::ZERO], "the {round}. time");
        world.starts(world.newest());
    }
}

#[test]
fn the_last_worker_that_serves_is_replaced_at_once_however_soon_it_ends() {
    let mut world = World::serving(1);
    for round in 0..500 {
        let id = world.of(0);
        world.exits(id);
        assert_eq!(world.workers.len(), 1, "the {round}. time");
        world.wait(Duration::from_millis(10));
        world.starts(world.newest());
    }
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
    world.leaving(3);
    assert_eq!(world.forks.len(), 3);
    world.tick();
    assert_eq!(world.forks.len(), 4);
}

#[test]
fn more_than_sixty_restarts_in_a_minute_are_told_once_a_minute() {
    // All but one leave as soon as they are up.
    let mut world = World::serving(4);
    let survivor = world.of(3);
    let start = world.now;
    while world.now - start < MINUTE * 5 / 2 {
        for id in world.ids() {
            if id != survivor && world.workers[&id].stays() {
                world.starts(id);
                world.leaving(id);
                world.exits(id);
            }
        }
        assert!(world.tick());
    }
    let told: Vec<_> = world.notices.iter().filter(|n| matches!(n, Notice::ManyRestarts { .. })).collect();
    assert_eq!(told.len(), 3);
    let expected = format!("{} restarts in the last 60 s (usual are up to 60): ", MANY_RESTARTS + 1);
    assert!(told[0].to_string().starts_with(&expected), "{}", told[0]);
    assert_eq!(world.of(3), survivor);
    assert!(world.forks.len() < 4 + 3 * 151, "each once a second");
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
    assert!(!world.has_said(|notice| matches!(notice, Notice::ManyRestarts { .. })));
}

#[test]
fn if_the_very_first_worker_cannot_be_started_it_is_over() {
    use crossfork::supervisor::policy::{Action, Policy};
    let mut policy = Policy::new(settings(2));
    assert_eq!(policy.poll_action(), Some(Action::Fork { slot: 0 }));
    policy.fork_failed(0, "no such file".into(), Duration::ZERO);
    let actions: Vec<_> = std::iter::from_fn(|| policy.poll_action()).collect();
    let reason = Notice::ForkFailed { slot: 0, reason: "no such file".into() };
    assert!(actions.contains(&Action::Print(reason)), "{actions:?}");
    assert_eq!(actions.last(), Some(&Action::Done { code: exit_code::NOT_STARTED }));
}

#[test]
fn servers_that_only_a_lost_worker_wanted_are_closed_some_time_after_it() {
    let mut world = World::serving(2);
    world.wait(SPACING);
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

#[test]
fn where_no_worker_ever_comes_up_all_is_given_up_after_some_attempts_in_each_instance() {
    let mut world = World::with(Settings { start_attempts: 3, ..settings(2) });
    let fails = |world: &mut World, slot: usize| {
        while !world.workers.values().any(|worker| worker.slot == slot) {
            assert!(world.tick());
        }
        let id = world.of(slot);
        world.exits(id);
    };
    for _ in 0..10 {
        fails(&mut world, 0);
    }
    assert_eq!(world.done, None, "the other may need more time");
    for _ in 0..3 {
        fails(&mut world, 1);
    }
    assert_eq!(world.done, Some(exit_code::NEVER_UP));
    assert!(world.has_said(|n| n.to_string().ends_with("each instance was tried 3 times")));
}

#[test]
fn nothing_is_given_up_once_a_worker_was_up() {
    let mut world = World::with(Settings { start_attempts: 1, ..settings(1) });
    world.starts(1);
    world.exits(1);
    for _ in 0..20 {
        world.exits(world.newest());
        world.tick();
    }
    assert_eq!(world.done, None);
}

#[test]
fn a_replacement_that_hangs_is_killed_and_each_next_has_more_time() {
    let mut world = World::serving(2);
    world.wait(SPACING);
    world.exits(1);
    for attempt in 1..=3 {
        let id = world.newest();
        world.online(id);
        let since = world.now;
        while world.workers[&id].signals.is_empty() {
            assert!(world.tick());
        }
        assert_eq!(world.now - since, LISTEN_TIMEOUT * attempt);
        assert!(
            world.has_said(|notice| matches!(notice, Notice::NotUp(worker, ..) if worker.pid == 10_000 + id))
        );
        world.exits(id);
        while world.newest() == id {
            world.tick();
        }
    }
    assert!(world.workers[&2].stays());
}

#[test]
fn after_many_failures_one_that_hangs_is_still_killed_in_bounded_time() {
    let mut world = World::serving(1);
    for id in 1..=100 {
        world.exits(id);
        while world.newest() == id {
            assert!(world.tick());
        }
    }
    world.wait(LISTEN_TIMEOUT * MOST_PATIENCE);
    assert!(!world.workers.contains_key(&101) || !world.workers[&101].stays());
}

#[test]
fn a_program_that_has_never_listened_may_take_as_long_to_start_as_it_likes() {
    let mut world = World::new(1);
    world.wait(LISTEN_TIMEOUT * 10);
    assert!(world.workers[&1].signals.is_empty());
}
