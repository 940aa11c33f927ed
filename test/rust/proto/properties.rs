//! Properties that hold for any script: see `sim`.

use crossfork::Serialization;
use proptest::prelude::*;

use crate::sim::{cluster, feed, pair};

/// More cases than usual, because they are cheap. `PROPTEST_CASES` overrides the number.
fn config() -> ProptestConfig {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    ProptestConfig { cases: config.cases * 4, ..config }
}

/// Instructions and well-known text, far more often than by chance.
fn instruction() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => (5u8..13, any::<[u8; 3]>()).prop_map(|(operation, [kind, number, size])| {
            // A newline in the middle of these is text.
            vec![operation, kind, number, size % 40]
        }),
        3 => (14u8..20, any::<u8>()).prop_map(|(operation, amount)| vec![operation, amount]),
        2 => (0u8..5, prop::collection::vec(any::<u8>(), 0..60)).prop_map(|(operation, text)| {
            [vec![operation, text.len() as u8], text].concat()
        }),
        1 => any::<[u8; 2]>().prop_map(|[kind, times]| vec![26, kind, times]),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn two_channels_deliver_or_lose_each_message_once_in_order_with_its_descriptor(
        setting: u16,
        steps in prop::collection::vec(any::<(u8, u16)>(), 0..200),
    ) {
        pair::run(setting, steps);
    }

    #[test]
    fn arbitrary_input_gets_one_reply_per_handle_and_leaks_no_descriptor(
        script in prop::collection::vec(instruction(), 0..60),
    ) {
        feed::run(Serialization::Json, &script.concat());
    }

    #[test]
    fn arbitrary_advanced_input_gets_one_reply_per_handle_and_leaks_no_descriptor(
        script in prop::collection::vec(instruction(), 0..60),
    ) {
        feed::run(Serialization::Advanced, &script.concat());
    }

    #[test]
    fn clu_13_clu_16_a_primary_with_arbitrary_workers_loses_no_connection(
        advanced: bool,
        script in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        cluster::primary::run(either(advanced), &script);
    }

    #[test]
    fn clu_11_clu_13_a_worker_with_an_arbitrary_primary_answers_each_connection_once(
        advanced: bool,
        script in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        cluster::worker::run(either(advanced), &script);
    }
}

fn either(advanced: bool) -> Serialization {
    if advanced { Serialization::Advanced } else { Serialization::Json }
}
