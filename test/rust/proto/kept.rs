//! The memory that a peer can make us use by sending one message repeatedly and reading nothing, measured
//! by the allocator and as the channel reports it.

use crossfork::proto::{Attached, Channel, ClusterRole, Event};
use crossfork::wire::control::SocketKey;
use crossfork::{Limits, Serialization};

use crate::kit::node_handle;
use crate::meter;
use crate::sim::token::{Ledger, Token};
use crate::sim::transcode;

const LIMITS: Limits = Limits::new()
    .max_message(64 * 1024)
    .max_waiting_bytes(128 * 1024)
    .max_waiting_messages(1000)
    .max_waiting_descriptors(64);

/// A few times what the limits allow: messages and answers, in memory that may be larger than they
/// are, the message that is being read, and the one that the test writes.
const MOST: usize = 8 * LIMITS.max_waiting_bytes;

/// The peer's `n`th message.
type Says = fn(usize) -> String;

/// The number of bytes sent: many times the limits.
const SAID: usize = 2 << 20;

/// Sends until the amount is reached or reading stops, and returns the peak memory use.
fn flood(serialization: Serialization, role: Option<ClusterRole>, says: Says, takes: bool) -> usize {
    meter::most(|| {
        let ledger = Ledger::default();
        let mut core = Channel::<Token>::new(serialization, LIMITS);
        role.into_iter().for_each(|role| core.join_cluster(role));
        let (mut said, mut n) = (0, 0);
        while said < SAID && n < 4000 {
            if takes {
                take(&mut core);
            }
            if !core.wants_input() {
                break;
            }
            let frame = transcode::frame(serialization, &says(n));
            let mut fd = (n % 2 == 0).then(|| ledger.open());
            for part in frame.chunks(16 * 1024) {
                core.read_buffer().extend_from_slice(part);
                core.handle_input(part.len(), fd.take(), false);
            }
            while core.poll_cluster().is_some() {}
            assert!(core.kept_bytes() <= MOST, "{} bytes are kept", core.kept_bytes());

            (said, n) = (said + frame.len(), n + 1);
        }
        core
    })
}

/// The user takes all events, and closes their sockets.
fn take(core: &mut Channel<Token>) {
    while let Some(event) = core.poll_event() {
        if let Event::Message { handle: Some(Attached { key: Some(key), .. }), .. } = event {
            core.socket_closed(&key);
        }
    }
}

fn pad(n: usize) -> String {
    format!("{n:0>20000}")
}

fn short(n: usize) -> String {
    format!("{n:0>1000}")
}

const HOSTILE: &[(&str, Says)] = &[
    ("counts", |n| format!(r#"{{"cmd":"NODE_SOCKET_GET_COUNT","key":"{}"}}"#, pad(n))),
    ("counts of lists that can be", |n| format!(r#"{{"cmd":"NODE_SOCKET_GET_COUNT","key":"{}"}}"#, short(n))),
    ("closes", |n| format!(r#"{{"cmd":"NODE_SOCKET_NOTIFY_CLOSE","key":"{}"}}"#, pad(n))),
    ("closes of lists that can be", |n| {
        format!(r#"{{"cmd":"NODE_SOCKET_NOTIFY_CLOSE","key":"{}"}}"#, short(n))
    }),
    ("answers", |n| format!(r#"{{"cmd":"NODE_SOCKET_COUNT","count":1,"key":"{}"}}"#, pad(n))),
    ("unknown", |n| format!(r#"{{"cmd":"NODE_{}"}}"#, pad(n))),
    ("clusters", |n| format!(r#"{{"cmd":"NODE_CLUSTER","act":"close","key":"{}"}}"#, pad(n))),
    ("handles", |n| format!(r#"{{"cmd":"NODE_HANDLE","type":"net.Socket","msg":"{}"}}"#, pad(n))),
    ("types", |n| format!(r#"{{"cmd":"NODE_HANDLE","type":"net.{}","msg":1}}"#, pad(n))),
    ("lists", |n| format!(r#"{{"cmd":"NODE_HANDLE","type":"net.Socket","msg":1,"key":"{}"}}"#, pad(n))),
    ("lists that can be", |n| {
        format!(r#"{{"cmd":"NODE_HANDLE","type":"net.Socket","msg":1,"key":"{}"}}"#, short(n))
    }),
    ("what is too long", |_| format!("\"{}\"", "x".repeat(2 * LIMITS.max_message))),
    ("messages", |n| format!("\"{}\"", pad(n))),
    ("numbers", |n| n.to_string()),
];

#[test]
fn memory_kept_for_a_peer_that_does_not_read_is_bounded() {
    for serialization in [Serialization::Json, Serialization::Advanced] {
        for role in [None, Some(ClusterRole::Primary), Some(ClusterRole::Worker)] {
            for (what, says) in HOSTILE {
                for takes in [true, false] {
                    let most = flood(serialization, role, *says, takes);
                    assert!(most <= MOST, "{most} bytes for {what}, {serialization}, {role:?}, {takes}");
                }
            }
        }
    }
}

/// The user must bound the sockets that it keeps open, but each socket keeps its list's name.
#[test]
fn sock_2_a_socket_with_an_oversized_key_is_not_counted() {
    for serialization in [Serialization::Json, Serialization::Advanced] {
        for (length, is_counted) in [(1, true), (1024, true), (1025, false), (50_000, false)] {
            let mut core = Channel::new(serialization, LIMITS);
            let handle = format!(
                r#"{{"cmd":"NODE_HANDLE","type":"net.Socket","msg":1,"key":"{}"}}"#,
                "k".repeat(length)
            );
            let frame = transcode::frame(serialization, &handle);
            core.read_buffer().extend_from_slice(&frame);
            core.handle_input(frame.len(), [Ledger::default().open()], false);
            assert!(core.kept_bytes() < frame.len() + SocketKey::MAX_LENGTH + 200);
            match core.poll_event() {
                Some(Event::Message { handle: Some(Attached { key, .. }), .. }) => {
                    assert_eq!(key.is_some(), is_counted, "{length}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

/// A queued message would keep the buffer of a large message from the same read.
#[test]
fn a_small_message_does_not_keep_the_buffer_of_a_large_one() {
    let before = meter::now();
    let mut core = Channel::<Token>::new(Serialization::Json, Limits::default());
    let input = format!("\"{}\"\n{}", "x".repeat(4 << 20), format!("\"{}\"\n", short(1)).repeat(100));
    core.read_buffer().extend_from_slice(input.as_bytes());
    core.handle_input(input.len(), [], false);
    drop((core.poll_event().expect("the large one"), input));
    let kept = meter::now() - before;
    assert!(kept < 1 << 20, "{kept} bytes are kept");
    assert_eq!(std::iter::from_fn(|| core.poll_event()).count(), 100);
}

#[test]
fn hnd_9_the_frame_of_a_handle_is_stored_once_for_retransmission() {
    let ledger = Ledger::default();
    let mut core = Channel::<Token>::new(Serialization::Json, Limits::default());
    let frame = node_handle(&format!("\"{}\"", "x".repeat(4 << 20))).into_bytes();
    let most = meter::most(|| core.send_handle(frame, ledger.open()).is_ok());
    assert!(most < 1 << 20, "{most} bytes more");
    assert!(core.queued_bytes() > 4 << 20);
}
