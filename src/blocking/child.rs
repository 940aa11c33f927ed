//! [`Child`]: a process and the channel to it, for threads.

use std::marker::PhantomData;

/// Marks a builder for threads.
#[derive(Clone, Copy, Debug)]
pub struct Blocking(PhantomData<()>);

crate::driver::face::child_face! { Blocking threads #[doc = ""] }
