//! Bytes to messages and back, without a channel.

#[path = "wire/either.rs"]
mod either;
#[path = "wire/encode.rs"]
mod encode;
#[path = "wire/errors.rs"]
mod errors;
#[path = "wire/framing.rs"]
mod framing;
#[path = "wire/handles.rs"]
mod handles;
#[path = "wire/hostile.rs"]
mod hostile;
#[path = "wire/internal.rs"]
mod internal;
#[path = "wire/lengths.rs"]
mod lengths;
