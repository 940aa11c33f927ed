//! What users write: conversions, builders, names, and what the compiler says of what cannot be.

#[path = "surface/addresses.rs"]
mod addresses;
#[path = "surface/builders.rs"]
mod builders;
#[path = "surface/compiler.rs"]
mod compiler;
#[allow(dead_code, reason = "not all of it")]
#[path = "support/deadline.rs"]
mod deadline;
#[cfg(feature = "tracing")]
#[path = "surface/events.rs"]
mod events;
#[path = "surface/handles.rs"]
mod handles;
#[path = "surface/rules.rs"]
mod rules;
#[path = "surface/signatures.rs"]
mod signatures;
#[path = "surface/sources.rs"]
mod sources;
