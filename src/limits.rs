//! How much a peer may make us keep.

/// Bounds on what is kept for a channel. The defaults suit a trusted parent with large messages;
/// lower them where memory is short. Where one is 0, nothing is received at all.
///
/// ```
/// let limits = crossfork::Limits { max_message: 1 << 20, ..Default::default() };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest message that is received, in bytes (128 MiB). A longer one is skipped and
    /// reported, and the next one is received.
    pub max_message: usize,
    /// How many bytes of messages may wait to be received before we stop reading (64 MiB); and how
    /// many bytes of answers may wait for a peer that does not read: more are left out.
    pub max_waiting_bytes: usize,
    /// How many messages may wait to be received before we stop reading (65,536).
    pub max_waiting_messages: usize,
    /// How many handles may wait to be received before we stop reading (512); and how many
    /// descriptors may wait for the rest of their message: more are closed.
    pub max_waiting_descriptors: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_message: 128 << 20,
            max_waiting_bytes: 64 << 20,
            max_waiting_messages: 1 << 16,
            max_waiting_descriptors: 512,
        }
    }
}
