//! [`Child`]: a process and the channel to it, for tasks.

/// Marks a builder for tasks.
#[derive(Clone, Copy, Debug)]
pub struct Tokio(());

crate::driver::face::child_face! { Tokio tasks #[doc = ""] async await }
