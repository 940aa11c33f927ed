//! What users write: conversions, builders, names, and what the compiler says of what cannot be.

#[path = "surface/addresses.rs"]
mod addresses;
#[path = "surface/builders.rs"]
mod builders;
#[path = "surface/compiler.rs"]
mod compiler;
#[path = "surface/handles.rs"]
mod handles;
