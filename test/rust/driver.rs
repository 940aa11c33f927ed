//! Both drivers must behave the same: each test body runs for both. The peer is a socket that the test
//! controls, or a second channel.

mod support;

#[path = "driver/advanced.rs"]
mod advanced;
#[path = "driver/cancelling.rs"]
mod cancelling;
#[path = "driver/ending.rs"]
mod ending;
#[path = "driver/environment.rs"]
mod environment;
#[path = "driver/framing.rs"]
mod framing;
#[path = "driver/handles.rs"]
mod handles;
#[path = "driver/limits.rs"]
mod limits;
#[path = "driver/received.rs"]
mod received;
#[path = "driver/refused.rs"]
mod refused;
#[path = "driver/replies.rs"]
mod replies;
#[path = "driver/sending.rs"]
mod sending;
#[path = "driver/sockets.rs"]
mod sockets;
#[cfg(target_os = "linux")]
#[path = "driver/stale.rs"]
mod stale;
#[path = "driver/starving.rs"]
mod starving;
#[cfg(feature = "futures")]
#[path = "driver/streams.rs"]
mod streams;
#[path = "driver/trying.rs"]
mod trying;
#[path = "driver/waking.rs"]
mod waking;
