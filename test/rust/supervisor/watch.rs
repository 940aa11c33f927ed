//! Workers that hang, and such that only seem to.

use std::time::Duration;

use crossfork::Signal;
use crossfork::supervisor::policy::{Ended, HANGING_GRACE, LONGEST_STEP, Notice, Settings, exit_code};

use crate::world::{World, settings};

const TIMEOUT: Duration = Duration::from_secs(10);
/// A worker that hangs is noticed after at most this time.
const NOTICED: Duration = Duration::from_secs(11);

fn watched(instances: usize) -> World {
    let mut world = World::with(Settings { hang_timeout: TIMEOUT, ..settings(instances) });
    for id in world.ids() {
        world.starts(id);
    }
    world
}

fn is_said_to_hang(world: &World, id: u32) -> bool {
    world.has_said(|notice| matches!(notice, Notice::Hangs(worker, _) if worker.pid == 10_000 + id))
}

#[test]
fn a_worker_that_does_not_answer_gets_sigterm_and_sigkill_and_is_replaced_while_it_still_lives() {
    let mut world = watched(3);
    world.wait_while_all_answer_but(&[2], NOTICED);
    assert!(is_said_to_hang(&world, 2));
    assert_eq!(world.workers[&2].signals, [Signal::TERM]);
    assert!(world.workers[&2].retired, "it gets no connections, even if its event loop runs again");
    assert_eq!((world.newest(), world.workers[&4].slot), (4, 1));
    world.starts(4);
    world.wait_while_all_answer_but(&[2], HANGING_GRACE);
    assert_eq!(world.workers[&2].signals, [Signal::TERM, Signal::KILL]);
    assert!(world.has_said(|notice| *notice
        == Notice::Killed(crossfork::supervisor::policy::Subject { slot: 1, pid: 10_002 }, HANGING_GRACE)));
    world.exits_by(2, Ended::Signal(Signal::KILL));
    for id in [1, 3, 4] {
        assert!(world.workers[&id].stays());
    }
}

#[test]
fn workers_that_hang_soon_after_they_are_up_are_replaced_at_once_again_and_again() {
    let mut world = World::with(Settings { hang_timeout: Duration::from_secs(2), ..settings(1) });
    world.starts(1);
    for id in 1..=10 {
        let noticed = world.now + Duration::from_secs(4);
        while world.newest() == id && world.now < noticed {
            world.tick();
        }
        assert_eq!(world.newest(), id + 1);
        world.starts(id + 1);
    }
    assert!(!world.has_said(|notice| matches!(notice, Notice::Pause { .. })));
}

#[test]
fn a_worker_that_answers_late_but_in_time_stays() {
    let mut world = watched(1);
    for _ in 0..10 {
        world.wait(TIMEOUT - Duration::from_secs(1));
        world.answers(1);
        world.wait(LONGEST_STEP);
    }
    assert!(world.workers[&1].stays() && world.workers[&1].signals.is_empty());
}

#[test]
fn by_default_no_worker_is_asked() {
    let mut world = World::serving(2);
    world.wait(Duration::from_secs(1000));
    assert_eq!(world.policy.next_tick(), None);
    assert!(world.workers.values().all(|worker| worker.asked_to_answer.is_none()));
}

#[test]
fn workers_are_asked_once_in_a_step_while_they_answer() {
    let mut world = watched(1);
    let mut asked = 0;
    for _ in 0..30 {
        world.tick();
        asked += usize::from(world.workers[&1].asked_to_answer.is_some());
        world.answers(1);
    }
    assert_eq!(asked, 30);
    assert_eq!(world.now, Duration::from_secs(1000) + LONGEST_STEP * 29);
}

/// A machine that sleeps, a container that is frozen, or all of us stopped in a debugger.
#[test]
fn a_pause_of_the_supervisor_itself_is_not_held_against_the_workers() {
    let mut world = watched(4);
    world.tick();
    // Nothing is seen or done for an hour; then everything happens at once, the ticks first.
    world.now += Duration::from_secs(3600);
    world.tick();
    world.tick();
    assert!(world.workers.values().all(|worker| worker.signals.is_empty()));
    for id in world.ids() {
        world.answers(id);
    }
    // One that hangs all the same is noticed in its time.
    world.wait_while_all_answer_but(&[3], NOTICED);
    assert!(is_said_to_hang(&world, 3));
    assert_eq!(world.forks.len(), 5);
}

/// Each tick comes three times as late as it should.
#[test]
fn time_in_which_the_supervisor_was_late_counts_for_less() {
    let mut world = watched(1);
    world.tick();
    let since = world.now;
    while world.workers[&1].signals.is_empty() {
        world.now += LONGEST_STEP * 3;
        world.tick();
    }
    assert_eq!(world.now - since, TIMEOUT * 3);
}

#[test]
fn in_a_reload_the_new_worker_takes_the_place_of_an_old_one_that_hangs() {
    let mut world = watched(2);
    world.reload();
    world.online(3);
    world.wait_while_all_answer_but(&[1], NOTICED);
    assert_eq!(world.workers[&1].signals[0], Signal::TERM);
    assert_eq!(world.of(0), 3);
    world.starts(3);
    world.starts(4);
    assert!(world.has_said(|notice| *notice == Notice::Reloaded));
}

#[test]
fn a_new_worker_that_hangs_while_it_is_on_trial_ends_the_reload() {
    let uptime = Duration::from_secs(60);
    let mut world = World::with(Settings { hang_timeout: TIMEOUT, min_uptime: uptime, ..settings(2) });
    for id in 1..=2 {
        world.starts(id);
    }
    world.reload();
    world.starts(3);
    world.wait_while_all_answer_but(&[3], NOTICED);
    assert!(is_said_to_hang(&world, 3));
    let text = world.notices.iter().find(|notice| matches!(notice, Notice::ReloadFailed { .. }));
    assert!(text.is_some_and(|text| text.to_string().contains("does not answer: its event loop is blocked")));
    assert!(world.workers[&1].stays() && world.workers[&2].stays());
}

#[test]
fn a_stop_while_a_worker_hangs_ends_and_is_not_clean() {
    let mut world = watched(2);
    world.wait_while_all_answer_but(&[2], NOTICED);
    world.stop(Signal::TERM);
    for id in [1, 3] {
        world.exits_by(id, Ended::Code(0));
    }
    world.wait(HANGING_GRACE);
    world.exits_by(2, Ended::Signal(Signal::KILL));
    assert_eq!(world.done, Some(exit_code::TIMED_OUT));
}

#[test]
fn the_delay_of_a_worker_is_known_and_grows_while_it_is_silent() {
    let mut world = watched(1);
    assert_eq!(world.policy.event_loop_delay(1), None);
    world.tick();
    world.now += Duration::from_millis(3);
    world.answers(1);
    assert_eq!(world.policy.event_loop_delay(1), Some(Duration::from_millis(3)));
    world.wait(Duration::from_secs(5));
    let delay = world.policy.event_loop_delay(1).expect("a delay");
    assert!((4..=5).contains(&delay.as_secs()), "{delay:?}");
    world.answers(1);
    let delay = world.policy.event_loop_delay(1).expect("a delay");
    assert!((4..=5).contains(&delay.as_secs()), "{delay:?}");
    assert_eq!(world.policy.event_loop_delay(2), None);
}

#[test]
fn a_worker_that_cannot_be_asked_is_asked_again_later() {
    let mut world = watched(1);
    for _ in 0..50 {
        world.tick();
        if world.workers.get_mut(&1).is_some_and(|worker| worker.asked_to_answer.take().is_some()) {
            world.policy.not_asked(1, world.now);
        }
    }
    assert!(world.workers[&1].stays());
}

/// For one that makes the runtime write a stack.
#[test]
fn a_worker_that_hangs_can_get_another_signal() {
    let hanging = Settings { hang_timeout: TIMEOUT, hang_signal: Signal::INT, ..settings(1) };
    let mut world = World::with(hanging);
    world.starts(1);
    world.wait_while_all_answer_but(&[1], NOTICED);
    assert_eq!(world.workers[&1].signals, [Signal::INT]);
}
