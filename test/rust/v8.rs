//! The format of V8's serializer: bytes to values and back, without a channel.

#[path = "v8/any.rs"]
mod any;
#[path = "v8/arbitrary.rs"]
mod arbitrary;
#[path = "v8/convert.rs"]
mod convert;
#[path = "v8/encode/mod.rs"]
mod encode;
#[path = "v8/envelope/mod.rs"]
mod envelope;
#[path = "v8/hostile/mod.rs"]
mod hostile;
#[path = "v8/kit.rs"]
mod kit;
#[path = "support/meter.rs"]
mod meter;
#[path = "v8/mutations.rs"]
mod mutations;
#[path = "v8/properties.rs"]
mod properties;
#[path = "v8/regexp.rs"]
mod regexp;
#[path = "v8/types/mod.rs"]
mod types;
#[path = "v8/vectors/mod.rs"]
mod vectors;
