//! Bounds on data buffered for one peer.

/// Bounds on the data that is buffered for one channel. The defaults suit a trusted parent with large
/// messages; lower them if memory is short. If one of them is 0, nothing is received at all.
///
/// ```
/// use crossfork::Limits;
///
/// let limits = Limits::new().max_message(1 << 20).max_waiting_messages(1000);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Maximum length of a received message in bytes (128 MiB). A longer message is skipped and reported
    /// as an error; the next one is received.
    pub max_message: usize,
    /// Maximum bytes of messages that wait to be received before reading stops (64 MiB). Also the maximum
    /// bytes of replies that wait for a peer that does not read: further replies are dropped.
    pub max_waiting_bytes: usize,
    /// Maximum number of messages that wait to be received before reading stops (65,536).
    pub max_waiting_messages: usize,
    /// Maximum number of handles that wait to be received before reading stops (512). Also the maximum
    /// number of descriptors that wait for the rest of their message: further descriptors are closed.
    pub max_waiting_descriptors: usize,
}

impl Limits {
    /// Returns the default limits.
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
