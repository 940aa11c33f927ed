//! How all ends.

use std::time::Duration;

use crossfork::Signal;
use crossfork::supervisor::policy::{
    Action, Ended, LAST_WARNING, Notice, Policy, SAME_SIGNAL, SPACING, Settings, exit_code,
};

use crate::world::{KILL_TIMEOUT, SIGNAL_AFTER, World, settings};

#[test]
fn all_workers_are_asked_to_go_and_it_is_over_when_they_have_ended() {
    let mut world = World::serving(2);
    world.stop(Signal::TERM);
    assert!(world.workers.values().all(|worker| worker.asked && worker.signals.is_empty()));
    assert_eq!(world.closed_servers, 1);
    world.exits_by(1, Ended::Code(0));
    assert_eq!(world.done, None);
    world.exits_by(2, Ended::Code(0));
    assert_eq!(world.done, Some(exit_code::STOPPED));
    assert_eq!(world.forks.len(), 2);
    assert_eq!(world.notices[2].to_string(), "SIGTERM: stopping");
}

#[test]
fn how_a_worker_ends_that_was_asked_to_is_its_own_affair() {
    let mut world = World::serving(1);
    world.stop(Signal::INT);
    world.exits_by(1, Ended::Code(7));
    assert_eq!(world.done, Some(0));
}

#[test]
fn a_worker_without_connections_that_lives_on_gets_the_signal_and_then_a_sigkill() {
    let mut world = World::serving(1);
    let since = world.now;
    world.stop(Signal::TERM);
    world.wait(SIGNAL_AFTER * 2);
    assert!(world.workers[&1].signals.is_empty(), "it has requests to finish");
    world.disconnected(1);
    world.wait(SIGNAL_AFTER - Duration::from_millis(1));
    assert!(world.workers[&1].signals.is_empty(), "it may have more to finish than the cluster knows");
    world.wait(Duration::from_millis(1));
    assert_eq!(world.workers[&1].signals, [Signal::TERM]);
    while world.workers[&1].signals.len() == 1 {
        assert!(world.tick());
    }
    assert_eq!(world.now - since, KILL_TIMEOUT);
    assert_eq!(world.workers[&1].signals, [Signal::TERM, Signal::KILL]);
    world.exits_by(1, Ended::Signal(Signal::KILL));
    assert_eq!(world.done, Some(exit_code::TIMED_OUT));
}

#[test]
fn a_worker_that_drains_itself_gets_the_signal_only_shortly_before_sigkill() {
    let mut world = World::with(Settings { drains: true, stop_signal: Signal::INT, ..settings(1) });
    world.starts(1);
    world.stop(Signal::TERM);
    world.disconnected(1);
    world.wait(KILL_TIMEOUT - LAST_WARNING - Duration::from_millis(1));
    assert!(world.workers[&1].signals.is_empty(), "its program may be about to finish");
    world.wait(Duration::from_millis(1));
    assert_eq!(world.workers[&1].signals, [Signal::INT]);
    world.wait(LAST_WARNING);
    assert_eq!(world.workers[&1].signals, [Signal::INT, Signal::KILL]);
}

#[test]
fn no_worker_is_killed_without_a_signal_before() {
    for kill_timeout in [0, 1, 1500, 60_000].map(Duration::from_millis) {
        let mut policy = Policy::new(Settings { kill_timeout, ..settings(1) });
        policy.forked(0, 1, 1, Duration::ZERO);
        policy.stop(Signal::TERM, Duration::ZERO);
        while let Some(at) = policy.next_tick() {
            assert!(at <= kill_timeout);
            policy.tick(at);
        }
        let actions = std::iter::from_fn(|| policy.poll_action());
        let signals: Vec<_> = actions
            .filter_map(|action| match action {
                Action::Kill { signal, .. } => Some(signal),
                _ => None,
            })
            .collect();
        assert_eq!(signals, [Signal::TERM, Signal::KILL], "{kill_timeout:?}");
    }
}

#[test]
fn clu_19_a_worker_that_was_about_to_leave_when_it_was_asked_may_still_have_connections() {
    let mut world = World::serving(1);
    world.stop(Signal::TERM);
    world.leaving(1);
    world.disconnected(1);
    world.wait(SIGNAL_AFTER * 5);
    assert!(world.workers[&1].signals.is_empty());
}

#[test]
fn a_worker_that_does_not_go_is_killed_when_the_time_is_up() {
    let mut world = World::serving(2);
    world.stop(Signal::TERM);
    world.exits(1);
    world.tick();
    assert_eq!(world.workers[&2].signals, [Signal::TERM]);
    world.tick();
    assert_eq!(world.workers[&2].signals, [Signal::TERM, Signal::KILL]);
    assert_eq!(world.policy.next_tick(), None);
    world.exits(2);
    assert_eq!(world.done, Some(124));
}

#[test]
fn the_second_signal_kills_at_once() {
    let mut world = World::serving(2);
    world.stop(Signal::TERM);
    world.wait(SAME_SIGNAL);
    world.stop(Signal::INT);
    assert!(world.workers.values().all(|worker| worker.signals == [Signal::KILL]));
    world.exits(1);
    world.exits(2);
    assert_eq!(world.done, Some(130));
    assert_eq!(exit_code::killed_by(Signal::TERM), 143);
}

#[test]
fn a_second_signal_right_after_the_first_is_the_same_one() {
    let mut world = World::serving(1);
    world.stop(Signal::INT);
    world.wait(SAME_SIGNAL - Duration::from_millis(1));
    world.stop(Signal::INT);
    assert!(world.workers[&1].signals.is_empty());
    world.exits(1);
    assert_eq!(world.done, Some(0));
}

#[test]
fn workers_that_start_or_come_new_or_leave_already_have_to_end_too() {
    let mut world = World::serving(3);
    world.wait(SPACING);
    world.leaving(1);
    world.reload();
    assert_eq!(world.ids(), [1, 2, 3, 4, 5]);
    world.stop(Signal::TERM);
    assert!(!world.workers[&1].asked, "it goes already");
    assert!((2..=5).all(|id| world.workers[&id].asked));
    for id in 1..=5 {
        assert_eq!(world.done, None);
        world.exits(id);
    }
    assert_eq!(world.done, Some(0));
}

#[test]
fn a_worker_that_was_to_be_asked_later_is_asked_at_once() {
    let mut world = World::serving(1);
    world.reload();
    world.starts(2);
    world.stop(Signal::TERM);
    assert!(world.workers.values().all(|worker| worker.asked));
    world.wait(KILL_TIMEOUT);
    assert!(world.workers.values().all(|worker| worker.signals == [Signal::TERM, Signal::KILL]));
}

#[test]
fn instances_that_wait_for_their_restart_stay_empty() {
    let mut world = World::serving(1);
    for id in 1..=3 {
        world.exits(id);
    }
    world.stop(Signal::TERM);
    assert_eq!(world.done, Some(0));
    assert!(!world.tick());
}

#[test]
fn nothing_is_reloaded_or_replaced_any_more() {
    let mut world = World::serving(2);
    world.stop(Signal::TERM);
    world.reload();
    world.exits(1);
    world.wait(KILL_TIMEOUT);
    assert_eq!(world.forks.len(), 2);
    assert!(!world.has_said(|notice| *notice == Notice::Reloading));
}

/// The disk was full when it was started.
#[test]
fn a_worker_without_the_file_that_drains_it_gets_a_real_signal_among_others_that_have_it() {
    let mut world = World::with(Settings { drains: true, ..settings(2) });
    for id in 1..=2 {
        world.starts(id);
    }
    world.cannot_drain(1);
    world.stop(Signal::TERM);
    for id in 1..=2 {
        world.disconnected(id);
    }
    world.wait(SIGNAL_AFTER);
    assert_eq!(world.workers[&1].signals, [Signal::TERM]);
    assert!(world.workers[&2].signals.is_empty());
}
