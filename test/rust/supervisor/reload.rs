//! Rolling reloads.

use std::time::Duration;

use crossfork::Signal;
use crossfork::supervisor::policy::{FIRST_PAUSE, Notice, RETIREMENT, SETTLE, Settings};

use crate::world::{KILL_TIMEOUT, LISTEN_TIMEOUT, World, settings};

pub fn has_reloaded(world: &World) -> bool {
    world.has_said(|notice| *notice == Notice::Reloaded)
}

pub fn has_failed(world: &World) -> bool {
    world.has_said(|notice| matches!(notice, Notice::ReloadFailed { .. }))
}

#[test]
fn one_by_one_the_new_worker_listens_before_the_old_one_is_asked_to_go() {
    let mut world = World::serving(3);
    world.reload();
    for slot in 0..3 {
        let (old, new) = (slot as u32 + 1, slot as u32 + 4);
        assert_eq!(world.newest(), new, "one at a time");
        assert_eq!(world.workers[&new].slot, slot);
        world.online(new);
        assert!(!world.workers[&old].retired);
        world.listening(new);
        assert!(world.workers[&old].retired && !world.workers[&old].asked);
    }
    assert!(has_reloaded(&world));
    world.wait(RETIREMENT);
    assert!((1..=3).all(|old| world.workers[&old].asked));
    for old in 1..=3 {
        world.exits(old);
    }
    assert_eq!(world.ids(), [4, 5, 6]);
    assert_eq!(world.forks.len(), 6, "the ends of the old ones are nothing to be replaced");
}

#[test]
fn an_old_worker_that_does_not_go_is_killed_in_the_end() {
    let mut world = World::serving(1);
    world.reload();
    world.starts(2);
    let since = world.now;
    while world.workers[&1].signals.len() < 2 {
        assert!(world.tick());
    }
    assert_eq!(world.now - since, RETIREMENT + KILL_TIMEOUT);
    assert_eq!(world.workers[&1].signals, [Signal::TERM, Signal::KILL]);
    assert!(world.has_said(|notice| matches!(notice, Notice::Killed(..))));
}

#[test]
fn an_old_worker_that_goes_by_itself_is_not_asked() {
    type Going = fn(&mut World, u32);
    for goes in [World::leaving as Going, World::disconnected] {
        let mut world = World::serving(1);
        world.reload();
        world.starts(2);
        goes(&mut world, 1);
        world.wait(RETIREMENT * 5);
        assert!(!world.workers[&1].asked && world.workers[&1].signals.is_empty());
    }
}

#[test]
fn a_new_worker_that_does_not_listen_in_time_is_killed_and_the_old_ones_stay() {
    let mut world = World::serving(2);
    world.reload();
    world.online(3);
    let since = world.now;
    assert!(world.tick());
    assert_eq!(world.now - since, LISTEN_TIMEOUT);
    assert_eq!(world.workers[&3].signals, [Signal::KILL]);
    assert!(has_failed(&world));
    world.exits(3);
    assert_eq!(world.ids(), [1, 2]);
    assert!(world.workers.values().all(|worker| worker.stays()));
    assert_eq!(world.policy.next_tick(), None);
}

#[test]
fn a_new_worker_that_ends_leaves_the_old_ones_where_they_are() {
    let mut world = World::serving(2);
    world.reload();
    world.starts(3);
    world.exits(1);
    world.exits(4);
    let failure = world.notices.iter().find(|notice| matches!(notice, Notice::ReloadFailed { .. })).unwrap();
    assert_eq!(
        failure.to_string(),
        "RELOAD FAILED: the new worker 1 (pid 10004) exited before it was up. Running workers are not affected."
    );
    assert_eq!(world.ids(), [2, 3], "the one that was replaced before stays replaced");
    assert_eq!(world.forks.len(), 4, "and it is not tried again");
}

#[test]
fn a_new_worker_that_cannot_be_started_leaves_the_old_ones_where_they_are() {
    let mut world = World::serving(2);
    world.forks_fail = true;
    world.reload();
    assert!(has_failed(&world));
    assert_eq!(world.ids(), [1, 2]);
    assert!(world.workers.values().all(|worker| worker.stays()));
}

#[test]
fn clu_10_a_new_worker_that_leaves_before_it_listens_has_failed() {
    let mut world = World::serving(1);
    world.reload();
    world.online(2);
    world.leaving(2);
    assert!(has_failed(&world));
    assert_eq!(world.of(0), 1);
    world.exits(2);
    assert_eq!(world.ids(), [1]);
}

#[test]
fn a_program_without_a_server_is_reloaded_when_the_new_worker_was_online_for_a_while() {
    let mut world = World::new(2);
    world.online(1);
    world.online(2);
    world.wait(SETTLE);
    world.reload();
    world.online(3);
    world.wait(SETTLE - Duration::from_millis(1));
    assert!(!world.workers[&1].retired);
    world.wait(Duration::from_millis(1));
    assert!(world.workers[&1].retired);
    world.online(4);
    world.wait(SETTLE);
    assert!(has_reloaded(&world));
}

#[test]
fn a_server_that_lost_its_server_in_the_reload_has_failed() {
    let mut world = World::serving(1);
    world.reload();
    world.online(2);
    world.wait(SETTLE * 2);
    assert!(!world.workers[&1].retired);
    world.wait(LISTEN_TIMEOUT);
    assert!(has_failed(&world));
}

#[test]
fn of_a_program_in_which_one_instance_listens_the_others_need_not() {
    let mut world = World::new(2);
    world.starts(1);
    world.online(2);
    world.wait(SETTLE);
    world.reload();
    world.starts(3);
    world.online(4);
    world.wait(SETTLE);
    assert!(has_reloaded(&world));
}

#[test]
fn an_instance_that_waits_for_its_restart_is_started_at_once_with_new_pauses() {
    let mut world = World::serving(1);
    for id in 1..=3 {
        world.exits(id);
    }
    assert!(world.workers.is_empty());
    let since = world.now;
    world.reload();
    assert_eq!(world.forks_since(since).last(), Some(&Duration::ZERO));
    world.starts(4);
    assert!(has_reloaded(&world));
    world.wait(FIRST_PAUSE * 10);
    assert_eq!(world.ids(), [4]);
}

#[test]
fn where_nobody_is_replaced_a_new_worker_that_is_late_is_replaced_too() {
    let mut world = World::serving(1);
    for id in 1..=3 {
        world.exits(id);
    }
    world.reload();
    world.wait(LISTEN_TIMEOUT);
    assert!(has_failed(&world));
    assert_eq!(world.workers[&4].signals, [Signal::KILL]);
    world.starts(5);
    assert!(world.has_said(|notice| matches!(notice, Notice::Up(worker, true) if worker.pid == 10_005)));
}

#[test]
fn if_the_old_worker_ends_meanwhile_the_new_one_has_its_place() {
    let mut world = World::serving(2);
    world.reload();
    world.exits(1);
    assert_eq!(world.ids(), [2, 3], "nobody else is started");
    world.starts(3);
    world.starts(4);
    assert!(has_reloaded(&world));
    assert!(world.workers[&2].retired);
}

#[test]
fn clu_10_if_the_old_worker_leaves_meanwhile_the_new_one_has_its_place() {
    let mut world = World::serving(1);
    world.reload();
    world.leaving(1);
    assert_eq!(world.ids(), [1, 2]);
    world.starts(2);
    assert!(has_reloaded(&world));
    assert!(!world.workers[&1].retired, "it goes already");
}

#[test]
fn if_both_end_the_instance_is_restarted() {
    let mut world = World::serving(1);
    world.reload();
    world.exits(1);
    world.exits(2);
    assert!(has_failed(&world));
    world.wait(FIRST_PAUSE);
    assert_eq!(world.workers.len(), 1);
}

#[test]
fn a_reload_that_is_asked_for_meanwhile_follows_once() {
    let mut world = World::serving(1);
    for _ in 0..3 {
        world.reload();
    }
    world.starts(2);
    assert_eq!(world.newest(), 3);
    world.starts(3);
    assert_eq!(world.newest(), 3);
    assert_eq!(world.of(0), 3);
}

#[test]
fn a_reload_that_is_asked_for_meanwhile_follows_a_failure_too() {
    let mut world = World::serving(1);
    world.reload();
    world.reload();
    world.exits(2);
    assert!(has_failed(&world));
    world.starts(3);
    assert!(has_reloaded(&world));
}

#[test]
fn servers_that_nobody_wants_any_more_are_closed_some_time_after_it() {
    let mut world = World::serving(2);
    world.reload();
    world.starts(3);
    world.starts(4);
    assert_eq!(world.closed_servers, 0, "the new ones may have more servers than have come up");
    world.expect_servers_closed_after(LISTEN_TIMEOUT);
}

#[test]
fn no_server_is_closed_while_a_worker_is_missing_that_may_want_it() {
    let mut world = World::serving(1);
    world.reload();
    world.starts(2);
    world.exits(2);
    world.exits(1);
    for id in 3..6 {
        world.wait(LISTEN_TIMEOUT * (id - 2));
        world.exits(id);
        assert_eq!(world.closed_servers, 0);
    }
    while world.workers.is_empty() {
        world.tick();
    }
    world.starts(world.newest());
    world.wait(LISTEN_TIMEOUT);
    assert_eq!(world.closed_servers, 1);
}

#[test]
fn a_worker_that_is_to_say_when_it_is_ready_is_up_when_it_does() {
    let mut world = World::with(Settings { wait_ready: true, ..settings(1) });
    world.online(1);
    world.listening(1);
    world.wait(SETTLE * 2);
    assert!(!world.has_said(|notice| matches!(notice, Notice::Up(..))));
    world.ready(1);
    assert!(world.has_said(|notice| matches!(notice, Notice::Up(_, true))));
    world.reload();
    world.online(2);
    world.listening(2);
    assert!(!world.workers[&1].retired);
    world.ready(2);
    assert!(has_reloaded(&world) && world.workers[&1].retired);
}

#[test]
fn a_worker_that_never_says_that_it_is_ready_is_replaced() {
    let mut world = World::with(Settings { wait_ready: true, ..settings(1) });
    world.starts(1);
    world.exits(1);
    world.online(2);
    world.listening(2);
    world.wait(LISTEN_TIMEOUT);
    assert_eq!(world.workers[&2].signals, [Signal::KILL]);
    assert_eq!(world.newest(), 3);
}
