//! Workers that are sent a request before they count as up.

use std::time::Duration;

use crossfork::supervisor::policy::{Notice, PROBE_PAUSE, Settings};

use crate::world::{LISTEN_TIMEOUT, World, settings};

fn probing(instances: usize) -> World {
    let mut world = World::with(Settings { probes: true, ..settings(instances) });
    for id in world.ids() {
        world.starts(id);
    }
    world
}

fn failure(world: &World) -> Option<String> {
    let failed = world.notices.iter().find(|notice| matches!(notice, Notice::ReloadFailed { .. }));
    failed.map(ToString::to_string)
}

#[test]
fn a_worker_is_up_when_it_answers_well_and_asked_again_until_then() {
    let mut world = World::with(Settings { probes: true, ..settings(1) });
    world.online(1);
    assert_eq!(world.workers[&1].probe, None, "it does not listen");
    world.listening(1);
    world.listening(1);
    for _ in 0..3 {
        world.probed(1, false);
        assert_eq!(world.workers[&1].probe, None);
        world.wait(PROBE_PAUSE);
        assert_eq!(world.workers[&1].probe, Some(false), "it is asked again");
    }
    assert!(!world.has_said(|notice| matches!(notice, Notice::Up(..))));
    world.probed(1, true);
    assert!(world.has_said(|notice| matches!(notice, Notice::Up(..))));
    world.listening(1);
    assert_eq!(world.policy.next_tick(), None);
}

#[test]
fn with_wait_ready_a_worker_is_asked_when_it_is_ready() {
    let mut world = World::with(Settings { probes: true, wait_ready: true, ..settings(1) });
    world.online(1);
    world.listening(1);
    assert_eq!(world.workers[&1].probe, None);
    world.ready(1);
    assert_eq!(world.workers[&1].probe, Some(false));
}

#[test]
fn a_reload_fails_if_the_new_worker_answers_badly_and_says_with_what() {
    let mut world = probing(2);
    world.reload();
    world.online(3);
    world.listening(3);
    let end = world.now + LISTEN_TIMEOUT;
    while world.now < end {
        world.probed(3, false);
        world.tick();
    }
    let text = failure(&world).expect("a failure");
    assert!(text.contains("the new worker 0 (pid 10003) answers with status 500."), "{text}");
    assert!(world.workers[&1].stays() && world.workers[&2].stays() && !world.workers[&3].stays());
    world.exits(3);
    assert_eq!(world.policy.next_tick(), None, "it is asked no more");
}

#[test]
fn a_reload_fails_if_the_new_worker_never_answers() {
    let mut world = probing(1);
    world.reload();
    world.online(2);
    world.listening(2);
    world.wait(LISTEN_TIMEOUT);
    let text = failure(&world).expect("a failure");
    assert!(text.contains("has not answered the request of --ready-url."), "{text}");
    assert!(world.workers[&1].stays() && !world.workers[&2].stays());
}

/// From the first start on: what does not answer well would serve nobody.
#[test]
fn a_start_that_never_answers_well_is_killed_and_repeated() {
    let mut world = World::with(Settings { probes: true, start_attempts: 2, ..settings(1) });
    for id in 1..=2 {
        world.online(id);
        world.listening(id);
        world.probed(id, false);
        world.wait(LISTEN_TIMEOUT * id);
        assert!(!world.workers[&id].stays());
        world.exits(id);
        world.wait(Duration::from_millis(1));
    }
    let why =
        |notice: &Notice| matches!(notice, Notice::NotUp(_, _, why) if why == "answers with status 500");
    assert!(world.has_said(why));
    assert!(world.has_said(|notice| matches!(notice, Notice::GivingUp { .. })));
}

#[test]
fn a_worker_that_can_never_answer_well_is_killed_at_once() {
    let mut world = World::with(Settings { probes: true, start_attempts: 1, ..settings(1) });
    world.online(1);
    world.listening(1);
    world.never_answers_well(1, "speaks TLS");
    assert!(world.has_said(|notice| matches!(notice, Notice::NotUp(_, _, why) if why == "speaks TLS")));
    assert!(world.has_said(|notice| matches!(notice, Notice::GivingUp { .. })));

    let mut world = probing(1);
    world.reload();
    world.online(2);
    world.listening(2);
    world.never_answers_well(2, "speaks TLS");
    assert!(failure(&world).is_some_and(|text| text.contains("speaks TLS")));
    assert!(world.workers[&1].stays());
}
