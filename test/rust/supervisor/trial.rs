//! The first new worker of a reload, which is on trial before an old one goes.

use std::time::Duration;

use crossfork::Signal;
use crossfork::supervisor::policy::{Notice, Settings};

use crate::reload::{has_failed, has_reloaded};
use crate::world::{World, settings};

const UPTIME: Duration = Duration::from_secs(1);

fn with_trial(instances: usize, reload_batch: usize) -> World {
    let mut world = World::with(Settings { min_uptime: UPTIME, reload_batch, ..settings(instances) });
    for id in world.ids() {
        world.starts(id);
    }
    world.wait(Duration::from_secs(60));
    world
}

/// Code that listens, and crashes a little later.
#[test]
fn the_first_new_worker_is_on_trial_before_an_old_one_goes() {
    let mut world = with_trial(2, 1);
    world.reload();
    world.starts(3);
    assert!(world.has_said(|notice| matches!(notice, Notice::OnTrial(..))));
    world.wait(UPTIME - Duration::from_millis(1));
    world.exits(3);
    let failure = world.notices.iter().find(|notice| matches!(notice, Notice::ReloadFailed { .. })).unwrap();
    assert!(failure.to_string().contains("exited too soon after it was up"), "{failure}");
    assert_eq!(world.ids(), [1, 2]);
    assert!(world.workers.values().all(|worker| worker.stays()));
    assert_eq!(world.newest(), 3);
}

#[test]
fn after_the_trial_the_others_are_replaced_without_one() {
    let mut world = with_trial(3, 1);
    world.reload();
    world.starts(4);
    world.wait(UPTIME - Duration::from_millis(1));
    assert!(!world.workers[&1].retired);
    world.wait(Duration::from_millis(1));
    assert!(world.workers[&1].retired);
    let since = world.now;
    for id in 5..=6 {
        world.starts(id);
    }
    assert!(has_reloaded(&world));
    assert_eq!(world.now, since);
}

#[test]
fn if_the_old_worker_ends_the_trial_of_the_new_one_goes_on_in_its_place() {
    for is_lost in [false, true] {
        let mut world = with_trial(2, 1);
        world.reload();
        world.starts(3);
        world.exits(1);
        assert_eq!(world.ids(), [2, 3], "nobody else is started");
        if is_lost {
            world.exits(3);
            assert!(has_failed(&world));
            assert!(world.workers[&2].stays());
        } else {
            world.wait(UPTIME);
            world.starts(4);
            assert!(has_reloaded(&world));
        }
    }
}

#[test]
fn a_stop_in_a_trial_asks_both_to_go() {
    let mut world = with_trial(1, 1);
    world.reload();
    world.starts(2);
    world.stop(Signal::TERM);
    assert!(world.workers.values().all(|worker| worker.asked));
    world.exits(1);
    world.exits(2);
    assert_eq!(world.done, Some(0));
}

#[test]
fn after_the_trial_as_many_are_replaced_at_once_as_was_chosen() {
    let mut world = with_trial(6, 3);
    world.reload();
    assert_eq!(world.newest(), 7, "one for the trial");
    world.starts(7);
    world.wait(UPTIME);
    assert_eq!(world.newest(), 10);
    world.starts(9);
    assert_eq!(world.newest(), 11, "the next as soon as one is up");
    for id in [8, 10, 11, 12] {
        assert!(!has_reloaded(&world));
        world.starts(id);
    }
    assert!(has_reloaded(&world));
}

#[test]
fn if_one_of_several_new_workers_fails_the_others_that_are_not_up_go_too() {
    let mut world = with_trial(4, 2);
    world.reload();
    world.starts(5);
    world.wait(UPTIME);
    world.exits(6);
    assert!(has_failed(&world));
    assert_eq!(world.workers[&7].signals, [Signal::KILL]);
    world.exits(7);
    world.exits(1);
    assert_eq!(world.ids(), [2, 3, 4, 5]);
    assert!(world.workers.values().all(|worker| worker.stays()));
}

/// A program that crashes soon after it listens must not take clients with it.
#[test]
fn a_new_worker_on_trial_gets_no_connections_before_it_takes_over() {
    let uptime = Duration::from_secs(1);
    let mut world = World::with(Settings { min_uptime: uptime, ..settings(2) });
    for id in 1..=2 {
        world.starts(id);
    }
    world.reload();
    world.starts(3);
    world.wait(uptime - Duration::from_millis(1));
    assert!(world.workers[&3].held && !world.workers[&1].retired);
    world.wait(Duration::from_millis(1));
    assert!(!world.workers[&3].held && world.workers[&1].retired);
    assert!(!world.workers[&4].held, "only the first is on trial");
}

/// Otherwise nobody would serve in its instance.
#[test]
fn a_new_worker_on_trial_gets_connections_as_soon_as_the_old_one_is_gone() {
    let mut world = World::with(Settings { min_uptime: Duration::from_secs(60), ..settings(1) });
    world.starts(1);
    world.reload();
    world.starts(2);
    assert!(world.workers[&2].held);
    world.exits(1);
    assert!(!world.workers[&2].held);
}
