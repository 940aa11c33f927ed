//! How much a peer may make us keep.

/// Bounds on the data that is kept for one channel. The defaults suit a trusted parent with large
/// messages; lower them where memory is short. Where one is 0, nothing is received at all.
///
/// ```
/// use crossfork::Limits;
///
/// let limits = Limits::new().max_message(1 << 20).max_waiting_messages(1000);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest message that is received, in bytes (128 MiB). A longer one is skipped and
    /// reported, and the next one is received.
    pub max_message: usize,
    /// How many bytes of messages may wait to be received before we stop reading (64 MiB). It is also
    /// how many bytes of answers may wait for a peer that does not read: more are left out.
    pub max_waiting_bytes: usize,
    /// How many messages may wait to be received before we stop reading (65,536).
    pub max_waiting_messages: usize,
    /// How many handles may wait to be received before we stop reading (512). It is also how many
    /// descriptors may wait for the rest of their message: more are closed.
    pub max_waiting_descriptors: usize,
}

impl Limits {
    /// The defaults.
    pub const fn new() -> Self {
        Limits {
            max_message: 128 << 20,
            max_waiting_bytes: 64 << 20,
            max_waiting_messages: 1 << 16,
            max_waiting_descriptors: 512,
        }
    }

    /// Sets [`max_message`](field@Self::max_message).
    pub const fn max_message(self, bytes: usize) -> Self {
        Limits { max_message: bytes, ..self }
    }

    /// Sets [`max_waiting_bytes`](field@Self::max_waiting_bytes).
    pub const fn max_waiting_bytes(self, bytes: usize) -> Self {
        Limits { max_waiting_bytes: bytes, ..self }
    }

    /// Sets [`max_waiting_messages`](field@Self::max_waiting_messages).
    pub const fn max_waiting_messages(self, messages: usize) -> Self {
        Limits { max_waiting_messages: messages, ..self }
    }

    /// Sets [`max_waiting_descriptors`](field@Self::max_waiting_descriptors).
    pub const fn max_waiting_descriptors(self, descriptors: usize) -> Self {
        Limits { max_waiting_descriptors: descriptors, ..self }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits::new()
    }
}
