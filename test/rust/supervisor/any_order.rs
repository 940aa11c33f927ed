//! Whatever happens in whatever order: `World` checks each action, and afterwards all can recover
//! and all can end.

use std::time::Duration;

use crossfork::Signal;
use crossfork::supervisor::policy::{Notice, SPACING, Settings, exit_code};
use proptest::prelude::*;

use crate::world::{KILL_TIMEOUT, LISTEN_TIMEOUT, World, settings};

#[derive(Clone, Copy, Debug)]
enum Input {
    /// To the worker at this place of all that live.
    Worker(usize, Said),
    Reload,
    Stop,
    Tick,
    LongWait,
    ForksFail(bool),
}

#[derive(Clone, Copy, Debug)]
enum Said {
    Online,
    Listening,
    ListenFails,
    Accepts,
    Ready,
    Well,
    Badly,
    Answers,
    Leaving,
    Disconnected,
    Exit,
}

const SAID: [Said; 11] = [
    Said::Online,
    Said::Listening,
    Said::ListenFails,
    Said::Accepts,
    Said::Ready,
    Said::Well,
    Said::Badly,
    Said::Answers,
    Said::Leaving,
    Said::Disconnected,
    Said::Exit,
];

fn happens(world: &mut World, input: Input) {
    match input {
        Input::Worker(place, said) => {
            let Some(id) = world.ids().get(place).copied() else {
                return;
            };
            match said {
                Said::Exit => world.exits(id),
                // Nothing comes over a channel that has ended.
                _ if world.workers[&id].disconnected => {}
                Said::Online => world.online(id),
                Said::Listening => world.listening(id),
                Said::ListenFails => world.listen_fails(id),
                Said::Accepts => world.accepts(id),
                Said::Ready => world.ready(id),
                Said::Well => world.probed(id, true),
                Said::Badly => world.probed(id, false),
                Said::Answers => world.answers(id),
                Said::Leaving => world.leaving(id),
                Said::Disconnected => world.disconnected(id),
            }
        }
        Input::Reload => world.reload(),
        Input::Stop => world.stop(Signal::TERM),
        Input::Tick => {
            world.tick();
        }
        Input::LongWait => world.wait(Duration::from_secs(12)),
        Input::ForksFail(fail) => world.forks_fail = fail,
    }
}

/// From then on all is well: each instance gets its one worker.
fn recovers(mut world: World) {
    world.forks_fail = false;
    let watches = !world.settings.hang_timeout.is_zero();
    for _ in 0..if watches { 300 } else { 100 } {
        for id in world.ids() {
            world.answers(id);
            match &world.workers[&id] {
                worker if !worker.stays() => world.exits(id),
                _ if !world.serves(id) => world.starts(id),
                _ => {}
            }
        }
        if !world.tick() {
            break;
        }
    }
    assert!(watches || world.policy.next_tick().is_none(), "it never comes to rest");
    assert!(world.workers.values().all(|worker| !worker.held), "one gets no connections");
    let mut slots: Vec<_> = world.workers.values().map(|worker| worker.slot).collect();
    slots.sort();
    assert_eq!(slots, (0..world.settings.instances).collect::<Vec<_>>());
}

/// Asked to, it ends: with workers that obey, and with such that do nothing at all.
fn ends(world: &World, obedient: bool) {
    let mut world = world.clone();
    world.stop(Signal::TERM);
    let since = world.now;
    for _ in 0..40 {
        for id in world.ids() {
            if obedient || world.workers[&id].signals.contains(&Signal::KILL) {
                world.exits(id);
            }
        }
        world.tick();
    }
    assert!(world.now - since <= KILL_TIMEOUT);
    assert!(world.done.is_some(), "{:?}", world.workers);
}

fn check(world: &World) {
    if let Some(code) = world.done {
        return assert_eq!(code, exit_code::NEVER_UP, "nobody has asked for it");
    }
    ends(world, true);
    ends(world, false);
    if !world.has_said(|notice| matches!(notice, Notice::GivingUp { .. })) {
        recovers(world.clone());
    }
}

fn explore(world: &World, depth: usize) {
    check(world);
    if depth == 0 || world.done.is_some() {
        return;
    }
    let Settings { wait_ready, probes, hang_timeout, .. } = world.settings;
    let says = |said: &Said| match said {
        Said::Ready => wait_ready,
        Said::Well | Said::Badly => probes,
        Said::Answers => !hang_timeout.is_zero(),
        _ => true,
    };
    let workers = (0..world.workers.len())
        .flat_map(|place| SAID.into_iter().filter(says).map(move |said| Input::Worker(place, said)));
    let others = [Input::Reload, Input::Tick, Input::LongWait, Input::ForksFail(!world.forks_fail)];
    for input in workers.chain(others) {
        let mut world = world.clone();
        happens(&mut world, input);
        explore(&world, depth - 1);
    }
}

#[test]
fn every_order_of_few_things_from_the_start() {
    explore(&World::new(2), 3);
}

#[test]
fn every_order_of_few_things_where_little_is_needed_to_give_up() {
    explore(&World::with(Settings { start_attempts: 1, ..settings(2) }), 3);
}

#[test]
fn every_order_of_few_things_while_instances_wait() {
    // One has ended as soon as it was up, the other does not start.
    let mut world = World::serving(2);
    world.wait(SPACING);
    world.exits(2);
    for _ in 0..4 {
        while world.workers.len() == 1 {
            world.tick();
        }
        world.exits(world.newest());
    }
    world.exits(1);
    for id in world.ids() {
        world.starts(id);
        world.exits(id);
    }
    explore(&world, 3);
}

#[test]
fn every_order_of_few_things_while_all_serve() {
    explore(&World::serving(2), 3);
}

#[test]
fn every_order_of_few_things_in_a_reload() {
    let mut world = World::serving(2);
    world.reload();
    explore(&world, 3);
}

/// The first new worker is watched, and then two are replaced at once.
#[test]
fn every_order_of_few_things_in_a_trial_and_after_it() {
    let settings = Settings { min_uptime: Duration::from_secs(1), reload_batch: 2, ..settings(3) };
    let mut world = World::with(settings);
    for id in 1..=3 {
        world.starts(id);
    }
    world.reload();
    world.starts(4);
    explore(&world, 2);
    world.wait(Duration::from_secs(1));
    assert_eq!(world.newest(), 6);
    explore(&world, 2);
}

#[test]
fn every_order_of_few_things_of_workers_that_say_when_they_are_ready() {
    let mut world = World::with(Settings { wait_ready: true, start_attempts: 1, ..settings(2) });
    explore(&world, 2);
    for id in 1..=2 {
        world.starts(id);
    }
    world.reload();
    explore(&world, 2);
}

#[test]
fn every_order_of_few_things_of_workers_that_are_sent_a_request() {
    let settings = Settings { probes: true, min_uptime: Duration::from_secs(1), ..settings(2) };
    let mut world = World::with(settings);
    world.online(1);
    world.listening(1);
    explore(&world, 2);
    for id in 1..=2 {
        world.starts(id);
    }
    world.reload();
    world.online(3);
    world.listening(3);
    explore(&world, 2);
}

#[test]
fn every_order_of_few_things_of_workers_that_are_watched() {
    let settings =
        Settings { hang_timeout: Duration::from_secs(2), min_uptime: Duration::from_secs(3), ..settings(2) };
    let mut world = World::with(settings);
    for id in 1..=2 {
        world.starts(id);
    }
    world.tick();
    explore(&world, 2);
    for _ in 0..3 {
        world.tick();
    }
    explore(&world, 2);
    world.answers(1);
    world.reload();
    world.starts(3);
    world.tick();
    explore(&world, 2);
}

#[test]
fn every_order_of_few_things_late_in_a_reload_while_an_instance_waits() {
    let mut world = World::serving(2);
    world.wait(SPACING);
    world.reload();
    world.starts(3);
    world.exits(4);
    world.exits(2);
    let id = world.newest();
    world.exits(id);
    world.reload();
    world.reload();
    world.online(world.newest());
    world.wait(LISTEN_TIMEOUT - Duration::from_secs(1));
    explore(&world, 2);
}

fn some_settings() -> impl Strategy<Value = Settings> {
    (0..4u32, any::<bool>(), 0..2u64, 1..4usize, any::<bool>(), any::<bool>(), 0..3u64).prop_map(
        |(start_attempts, drains, uptime, reload_batch, wait_ready, probes, hang_timeout)| Settings {
            start_attempts,
            drains,
            probes,
            hang_timeout: Duration::from_secs(hang_timeout),
            min_uptime: Duration::from_secs(uptime),
            reload_batch,
            wait_ready,
            ..settings(3)
        },
    )
}

fn input() -> impl Strategy<Value = Input> {
    let said = prop::sample::select(SAID.to_vec());
    prop_oneof![
        20 => (0..6usize, said).prop_map(|(place, said)| Input::Worker(place, said)),
        2 => Just(Input::Reload),
        4 => Just(Input::Tick),
        1 => Just(Input::LongWait),
        1 => any::<bool>().prop_map(Input::ForksFail),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn long_stories(settings in some_settings(), inputs in prop::collection::vec(input(), 1..80)) {
        let mut world = World::with(settings);
        for input in inputs {
            if world.done.is_none() {
                happens(&mut world, input);
            }
        }
        check(&world);
    }

    #[test]
    fn stories_that_end(
        settings in some_settings(),
        inputs in prop::collection::vec(input(), 1..30),
        after in prop::collection::vec(input(), 1..30),
    ) {
        let mut world = World::with(settings);
        for input in inputs.into_iter().chain([Input::Stop]).chain(after) {
            if world.done.is_none() {
                happens(&mut world, input);
            }
        }
        if world.done.is_none() {
            ends(&world, false);
        }
    }
}
