//! The supervisor's parts: what it decides, how it passes on output, and what it reads.

#[path = "supervisor/any_order.rs"]
mod any_order;
#[path = "supervisor/lines.rs"]
mod lines;
#[path = "supervisor/listening.rs"]
mod listening;
#[path = "supervisor/pauses.rs"]
mod pauses;
#[path = "supervisor/probes.rs"]
mod probes;
#[path = "supervisor/reading.rs"]
mod reading;
#[path = "supervisor/ready_url.rs"]
mod ready_url;
#[path = "supervisor/relay.rs"]
mod relay;
#[path = "supervisor/reload.rs"]
mod reload;
#[path = "supervisor/repeats.rs"]
mod repeats;
#[path = "supervisor/restarts.rs"]
mod restarts;
#[path = "supervisor/sink.rs"]
mod sink;
#[path = "supervisor/stop.rs"]
mod stop;
#[path = "supervisor/texts.rs"]
mod texts;
#[path = "supervisor/trial.rs"]
mod trial;
#[path = "supervisor/watch.rs"]
mod watch;
#[path = "supervisor/world.rs"]
mod world;

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn texts_from_outside_are_read_or_refused(text in ".{0,40}", lines in "([A-Z]{1,3}=[`'\"#a= \n\r]{0,6}\n?){0,6}") {
        texts::check(&text);
        texts::check(&lines);
    }

    #[test]
    fn addresses_are_read_or_refused(text in "(udp:|unix:|)[\\[a-z0-9.:/%*\\]-]{0,20}") {
        texts::check(&text);
    }
}
