//! Workers that are told that they cannot listen.

use std::time::Duration;

use crossfork::supervisor::policy::{Notice, PROVEN, SECOND_LISTEN, SETTLE, Settings, exit_code};

use crate::world::{World, settings};

fn is_failure(notice: &Notice) -> bool {
    matches!(notice, Notice::ListenFailed(..))
}

/// As one of Express 5 does, which gives the error to the callback of `listen`.
#[test]
fn a_worker_that_stays_though_it_cannot_listen_is_a_failed_start_and_is_killed() {
    let mut world = World::serving(2);
    world.wait(Duration::from_secs(5));
    world.exits(1);
    world.online(3);
    world.listen_fails(3);
    assert!(world.has_said(|notice| {
        notice.to_string()
            == "worker 0 (pid 10003) cannot listen on port 80: the address is in use (EADDRINUSE)"
    }));
    world.wait(SECOND_LISTEN);
    assert!(!world.workers[&3].stays());
    assert_eq!(world.workers[&4].slot, 0, "and is replaced");
}

/// It may have servers of which the primary does not know, or do something else.
#[test]
fn a_worker_that_has_been_up_for_long_stays_although_it_cannot_listen() {
    let mut world = World::new(1);
    world.online(1);
    world.wait(SETTLE + PROVEN);
    world.listen_fails(1);
    assert!(world.has_said(is_failure));
    world.wait(SECOND_LISTEN * 10);
    assert!(world.workers[&1].stays() && world.workers[&1].signals.is_empty());
}

#[test]
fn where_none_can_listen_all_is_given_up() {
    let mut world = World::with(Settings { start_attempts: 3, ..settings(2) });
    for _ in 0..20 {
        for id in world.ids() {
            match world.workers[&id].stays() {
                true if !world.workers[&id].is_online => {
                    world.online(id);
                    world.listen_fails(id);
                }
                true => {}
                false => world.exits(id),
            }
        }
        if world.done.is_some() {
            break;
        }
        world.tick();
    }
    assert_eq!(world.done, Some(exit_code::NEVER_UP));
    assert_eq!(world.forks.len(), 6);
}

#[test]
fn a_worker_that_listens_on_the_next_port_is_up() {
    let mut world = World::new(1);
    world.online(1);
    world.listen_fails(1);
    world.wait(SECOND_LISTEN / 2);
    world.listening(1);
    world.wait(SETTLE * 10);
    assert!(world.workers[&1].stays());
    world.listen_fails(1);
    world.wait(SETTLE * 10);
    assert!(world.workers[&1].stays(), "one more port that it cannot have is no failure");
    assert_eq!(world.notices.iter().filter(|notice| is_failure(notice)).count(), 2);
}

/// It needs longer than others: it was taken for one that does not listen at all.
#[test]
fn a_worker_that_was_taken_for_up_and_cannot_listen_was_not() {
    let mut world = World::with(Settings { start_attempts: 1, ..settings(1) });
    world.online(1);
    world.wait(SETTLE);
    assert!(world.has_said(|notice| matches!(notice, Notice::Up(_, false))));
    world.listen_fails(1);
    world.exits(1);
    assert_eq!(world.done, Some(exit_code::NEVER_UP));
}

#[test]
fn a_reload_whose_first_new_worker_cannot_listen_fails_without_waiting_for_the_listen_timeout() {
    for min_uptime in [0, 5] {
        let min_uptime = Duration::from_secs(min_uptime);
        let mut world = World::with(Settings { min_uptime, ..settings(2) });
        for id in 1..=2 {
            world.starts(id);
        }
        world.reload();
        world.online(3);
        world.listen_fails(3);
        let since = world.now;
        while !world.has_said(|notice| matches!(notice, Notice::ReloadFailed { .. })) {
            assert!(world.tick());
        }
        assert_eq!(world.now - since, SECOND_LISTEN);
        assert!(
            world.has_said(|notice| notice
                .to_string()
                .contains("the new worker 0 (pid 10003) cannot listen."))
        );
        assert!(world.workers[&1].stays() && world.workers[&2].stays() && !world.workers[&3].stays());
    }
}

/// Its program has no server any more, or so it seemed.
#[test]
fn a_trial_is_not_passed_by_a_worker_that_cannot_listen_in_the_end() {
    let mut world = World::with(Settings { min_uptime: Duration::from_secs(5), ..settings(1) });
    world.online(1);
    world.wait(SETTLE);
    world.reload();
    world.online(2);
    world.wait(SETTLE);
    assert!(world.has_said(|notice| matches!(notice, Notice::OnTrial(..))));
    world.listen_fails(2);
    world.wait(SECOND_LISTEN);
    assert!(world.has_said(|notice| matches!(notice, Notice::ReloadFailed { .. })));
    assert!(world.workers[&1].stays() && !world.workers[&2].stays());
}

/// `listen`'s callback sends `'ready'`, and Express 5 calls it with the error.
#[test]
fn a_worker_that_is_ready_though_it_cannot_listen_is_not_up() {
    let mut world = World::with(Settings { wait_ready: true, start_attempts: 1, ..settings(1) });
    world.online(1);
    world.listen_fails(1);
    world.ready(1);
    assert!(!world.has_said(|notice| matches!(notice, Notice::Up(..))));
    world.wait(SECOND_LISTEN);
    assert!(!world.workers[&1].stays());
    let mut world = World::with(Settings { wait_ready: true, ..settings(1) });
    world.online(1);
    world.listen_fails(1);
    world.ready(1);
    world.listening(1);
    assert!(world.has_said(|notice| matches!(notice, Notice::Up(_, true))), "it has found another port");
}
