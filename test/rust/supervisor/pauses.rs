//! How long a worker that has ended is waited for: pauses that grow while starts fail.

use std::time::Duration;

use crossfork::supervisor::policy::{
    DARK_PAUSE, Ended, FIRST_PAUSE, LONGEST_PAUSE, Notice, PROVEN, SETTLE, SPACING, Subject,
};

use crate::world::World;

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_start_that_fails_is_tried_again_at_once_and_then_after_growing_pauses() {
    let mut world = World::serving(2);
    world.wait(SPACING);
    world.exits(2);
    let mut pauses = Vec::new();
    for _ in 0..12 {
        let since = world.now;
        world.exits(world.newest());
        while world.workers.len() == 1 {
            assert!(world.tick());
        }
        pauses.push((world.now - since).as_millis());
    }
    assert_eq!(pauses, [0, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 15000, 15000, 15000]);
    assert_eq!(LONGEST_PAUSE.as_millis(), 15000);
    assert!(!world.has_said(|notice| matches!(notice, Notice::ManyRestarts { .. })));
}

#[test]
fn while_others_serve_an_instance_is_not_started_twice_in_a_second() {
    let mut world = World::serving(2);
    let since = world.now;
    world.exits(1);
    assert_eq!(world.workers.len(), 1, "it has only just been started");
    world.tick();
    assert_eq!(world.now - since, SPACING);
    world.starts(3);
    world.wait(Duration::from_millis(300));
    world.exits(3);
    world.tick();
    assert_eq!(world.now - since, SPACING * 2, "counted from its start");
}

/// One is enough: all at once, again and again, could keep every processor busy with starts.
#[test]
fn when_the_last_worker_that_serves_ends_one_instance_is_started_at_once_and_the_others_wait_for_their_second()
 {
    let mut world = World::serving(3);
    world.exits(1);
    world.exits(2);
    let since = world.now;
    world.exits(3);
    assert_eq!(world.forks_since(since)[3..], [Duration::ZERO]);
    world.wait(SPACING);
    assert_eq!(world.forks_since(since)[3..], [Duration::ZERO, SPACING, SPACING]);
}

/// A program that listens and then cannot reach its database, at night.
#[test]
fn workers_that_end_as_soon_as_they_listen_and_serve_nobody_are_not_started_in_a_loop_without_pauses() {
    let mut world = World::new(4);
    let start = world.now;
    for _ in 0..10_000 {
        for id in world.ids() {
            world.comes_up(id);
            world.exits(id);
        }
        if world.now - start >= MINUTE * 10 {
            break;
        }
        world.tick();
    }
    assert!(world.now - start >= MINUTE * 10, "{} starts in {:?}", world.forks.len(), world.now - start);
    // In each second one, and each instance after its own pauses.
    assert!(world.forks.len() < 600 + 4 * 60, "{}", world.forks.len());
    // And all of that was no reason to wait longer than that while nobody serves: see `World`.
    for id in world.ids() {
        world.starts(id);
    }
    world.wait(LONGEST_PAUSE);
    for id in world.ids() {
        world.starts(id);
    }
    assert_eq!(world.workers.len(), 4);
}

#[test]
fn one_that_ends_soon_after_it_was_up_and_has_served_nobody_is_a_failed_start() {
    let mut world = World::serving(2);
    world.wait(SPACING);
    let since = world.now;
    world.exits(1);
    for _ in 0..4 {
        while world.workers.len() == 1 {
            world.tick();
        }
        world.comes_up(world.newest());
        world.exits(world.newest());
    }
    world.tick();
    let millis: Vec<_> = world.forks_since(since).iter().map(Duration::as_millis).collect();
    // The second that is between two starts while others serve is longer than the first pauses.
    assert_eq!(millis, [0, 1000, 2000, 3000, 4000]);
    for _ in 0..2 {
        world.comes_up(world.newest());
        world.exits(world.newest());
        world.tick();
    }
    assert_eq!(world.forks_since(since)[6] - world.forks_since(since)[5], Duration::from_millis(1600));
}

#[test]
fn one_that_was_up_for_ten_seconds_is_no_failed_start_even_if_nobody_came() {
    let mut world = World::new(2);
    for _ in 0..20 {
        for id in world.ids() {
            world.comes_up(id);
        }
        world.wait(PROVEN);
        let (since, id) = (world.now, world.of(1));
        world.exits(id);
        assert_eq!(world.forks_since(since), [Duration::ZERO]);
    }
}

#[test]
fn when_one_has_served_the_pauses_are_over() {
    let mut world = World::serving(1);
    for _ in 0..10 {
        world.comes_up(world.newest());
        world.exits(world.newest());
        while world.workers.is_empty() {
            world.tick();
        }
    }
    world.starts(world.newest());
    let since = world.now;
    world.exits(world.newest());
    assert_eq!(world.forks_since(since).last(), Some(&Duration::ZERO));
}

#[test]
fn while_no_worker_is_up_one_is_tried_again_within_a_second() {
    let mut world = World::serving(2);
    world.wait(SPACING);
    world.exits(2);
    let is_long = |notice: &Notice| matches!(notice, Notice::Pause { pause, .. } if *pause > DARK_PAUSE);
    while !world.has_said(is_long) {
        match world.ids()[..] {
            [_, id] => world.exits(id),
            _ => assert!(world.tick()),
        }
    }
    // And now the other.
    world.exits(1);
    for _ in 0..20 {
        for id in world.ids() {
            world.exits(id);
        }
        let since = world.now;
        while world.workers.is_empty() {
            world.tick();
        }
        assert!(world.now - since <= DARK_PAUSE);
    }
}

#[test]
fn when_a_worker_is_up_again_the_others_are_tried_again_at_once() {
    let mut world = World::serving(3);
    for id in 1..=3 {
        world.exits(id);
    }
    // Whatever they need is not there.
    let lost = world.now;
    while world.now - lost < MINUTE {
        for id in world.ids() {
            world.exits(id);
        }
        world.tick();
    }
    while world.workers.is_empty() {
        world.tick();
    }
    let id = world.newest();
    world.starts(id);
    assert_eq!(world.workers.len(), 3);
}

#[test]
fn a_pause_is_told() {
    let mut world = World::serving(1);
    world.exits_by(1, Ended::Signal(crossfork::Signal::KILL));
    world.exits(2);
    world.exits(3);
    let ended = |notice: &Notice| notice.to_string() == "worker 0 (pid 10001) has ended: SIGKILL";
    assert!(world.has_said(ended), "{:?}", world.notices);
    assert_eq!(world.notices.last(), Some(&Notice::Ended(Subject { slot: 0, pid: 10_003 }, Ended::Code(1))));
    assert!(world.has_said(|notice| *notice == Notice::Pause { slot: 0, pause: FIRST_PAUSE }));
}

#[test]
fn the_pauses_begin_anew_when_a_worker_was_up() {
    let mut world = World::serving(2);
    world.wait(SPACING);
    world.exits(2);
    world.exits(3);
    for _ in 0..5 {
        world.exits(world.newest());
        world.tick();
    }
    let id = world.newest();
    world.starts(id);
    world.wait(SPACING);
    let since = world.now;
    world.exits(id);
    world.exits(world.newest());
    world.exits(world.newest());
    world.tick();
    assert_eq!(world.forks_since(since), [Duration::ZERO, Duration::ZERO, FIRST_PAUSE]);
}

#[test]
fn a_worker_that_was_online_and_never_up_does_not_make_the_pauses_begin_anew() {
    let mut world = World::serving(1);
    world.exits(1);
    world.exits(2);
    world.online(3);
    world.wait(SETTLE * 2);
    let since = world.now;
    world.exits(3);
    world.tick();
    assert_eq!(world.forks_since(since), [FIRST_PAUSE]);
}

#[test]
fn instances_have_pauses_of_their_own() {
    let mut world = World::serving(3);
    world.wait(SPACING);
    world.exits(1);
    world.exits(4);
    world.exits(5);
    let since = world.now;
    world.exits(2);
    world.exits(6);
    assert_eq!(world.forks_since(since)[2..], [Duration::ZERO; 2]);
    assert_eq!(world.workers[&world.newest()].slot, 1);
}

#[test]
fn a_later_worker_that_cannot_be_started_is_tried_again_after_pauses() {
    let mut world = World::serving(2);
    world.wait(SPACING);
    world.forks_fail = true;
    let since = world.now;
    world.exits(1);
    for _ in 0..3 {
        world.tick();
    }
    world.forks_fail = false;
    world.tick();
    let millis: Vec<_> = world.forks_since(since).iter().map(Duration::as_millis).collect();
    assert_eq!(millis, [0, 0, 100, 300, 700, 1500]);
    assert_eq!(world.workers.len(), 2);
}
