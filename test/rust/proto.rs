//! The channel as a machine: bytes and descriptors go in, events and transmits come out.

#[path = "proto/advanced.rs"]
mod advanced;
#[path = "proto/cluster_message.rs"]
mod cluster_message;
#[path = "proto/cluster_primary/mod.rs"]
mod cluster_primary;
#[path = "proto/cluster_worker/mod.rs"]
mod cluster_worker;
#[path = "proto/feed.rs"]
mod feed;
#[path = "proto/kept.rs"]
mod kept;
#[path = "proto/kit.rs"]
mod kit;
#[path = "proto/life.rs"]
mod life;
#[path = "proto/limits.rs"]
mod limits;
#[path = "support/meter.rs"]
mod meter;
#[path = "proto/properties.rs"]
mod properties;
#[path = "proto/receive.rs"]
mod receive;
#[path = "proto/replay.rs"]
mod replay;
#[path = "proto/send.rs"]
mod send;
#[path = "proto/sim/mod.rs"]
mod sim;
#[path = "proto/sockets.rs"]
mod sockets;
#[path = "proto/takeback.rs"]
mod takeback;
