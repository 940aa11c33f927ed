//! How a channel lives and ends.
//!
//! ```text
//!             disconnect                    half_close
//!     Open ---------------> Disconnecting -------------> HalfClosed
//!    |    |                       |                           |
//!    |    | broken                | broken, end, close        | end, close
//!    |    v                       v                           |
//!    |  Broken ----------------> Closed <---------------------+
//!    |      end, close,            ^
//!    |      disconnect             |
//!    +-------- end, close ---------+
//! ```
//!
//! The machine calls `broken` when the peer reads no more, and `end` when it writes no more. Our
//! user calls `disconnect` and `close`.

use crate::error::SendError;

/// What may still happen on a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChannelState {
    /// Messages are sent and received.
    Open,
    /// We disconnect: what was accepted is still written, and nothing more is delivered (LIFE-4).
    Disconnecting,
    /// We disconnect: everything is written, and the peer was told. What it writes meanwhile is read.
    HalfClosed,
    /// The peer reads no more. What it wrote before is still delivered (LIFE-4).
    Broken,
    /// Nothing is read or written.
    Closed {
        /// Whether we have ended it, and not the peer.
        by_us: bool,
    },
}

impl ChannelState {
    /// We begin to disconnect.
    pub(super) fn disconnect(&mut self) -> Result<(), SendError> {
        *self = match self {
            ChannelState::Open => ChannelState::Disconnecting,
            // There is nobody to write to.
            ChannelState::Broken => ChannelState::Closed { by_us: true },
            ChannelState::Disconnecting | ChannelState::HalfClosed | ChannelState::Closed { .. } => {
                return Err(SendError::Disconnected);
            }
        };
        Ok(())
    }

    /// Everything is written, and the peer is told that no more comes.
    pub(super) fn half_close(&mut self) {
        if *self == ChannelState::Disconnecting {
            *self = ChannelState::HalfClosed;
        }
    }

    /// The peer reads no more.
    pub(super) fn broken(&mut self) {
        *self = match *self {
            ChannelState::Open => ChannelState::Broken,
            ChannelState::Disconnecting => ChannelState::Closed { by_us: true },
            other => other,
        };
    }

    /// The peer writes no more: the channel is closed (LIFE-2).
    pub(super) fn end(&mut self) {
        if !self.is_closed() {
            *self = ChannelState::Closed { by_us: self.has_left() };
        }
    }

    /// We close it at once.
    pub(super) fn close(&mut self) {
        if !self.is_closed() {
            *self = ChannelState::Closed { by_us: true };
        }
    }
}

impl ChannelState {
    /// Whether new messages are accepted.
    pub(super) fn accepts(self) -> bool {
        self == ChannelState::Open
    }

    /// Whether the peer may read what is written.
    pub(super) fn writes(self) -> bool {
        matches!(self, ChannelState::Open | ChannelState::Disconnecting)
    }

    /// Whether what comes is for our user (LIFE-4).
    pub(super) fn delivers(self) -> bool {
        matches!(self, ChannelState::Open | ChannelState::Broken)
    }

    /// Whether we have ended it, or are about to.
    pub(super) fn has_left(self) -> bool {
        matches!(
            self,
            ChannelState::Disconnecting | ChannelState::HalfClosed | ChannelState::Closed { by_us: true }
        )
    }

    pub(super) fn is_closed(self) -> bool {
        matches!(self, ChannelState::Closed { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::ChannelState::{self, *};

    const LOST: ChannelState = Closed { by_us: false };
    const LEFT: ChannelState = Closed { by_us: true };

    /// Each row: the state, and the states after the inputs.
    #[test]
    fn life_1_life_2_every_state_answers_every_input() {
        type Input = fn(&mut ChannelState);
        let inputs: [(&str, Input); 5] = [
            ("disconnect", |state| drop(state.disconnect())),
            ("half_close", ChannelState::half_close),
            ("broken", ChannelState::broken),
            ("end", ChannelState::end),
            ("close", ChannelState::close),
        ];
        let rows = [
            // before, disconnect, half_close, broken, end, close
            (Open, [Disconnecting, Open, Broken, LOST, LEFT]),
            (Disconnecting, [Disconnecting, HalfClosed, LEFT, LEFT, LEFT]),
            (HalfClosed, [HalfClosed, HalfClosed, HalfClosed, LEFT, LEFT]),
            (Broken, [LEFT, Broken, Broken, LOST, LEFT]),
            (LOST, [LOST, LOST, LOST, LOST, LOST]),
            (LEFT, [LEFT, LEFT, LEFT, LEFT, LEFT]),
        ];
        for (before, after) in rows {
            for ((name, input), after) in inputs.iter().zip(after) {
                let mut state = before;
                input(&mut state);
                assert_eq!(state, after, "{before:?} x {name}");
            }
        }
    }

    #[test]
    fn life_7_a_channel_can_be_disconnected_once() {
        for (mut state, is_ok) in
            [(Open, true), (Broken, true), (Disconnecting, false), (HalfClosed, false), (LOST, false)]
        {
            assert_eq!(state.disconnect().is_ok(), is_ok, "{state:?}");
        }
    }

    /// Each row: the state, and whether it accepts, writes, delivers, was ended by us, is closed.
    #[test]
    fn life_4_each_state_allows_what_it_says() {
        let rows = [
            (Open, [true, true, true, false, false]),
            (Disconnecting, [false, true, false, true, false]),
            (HalfClosed, [false, false, false, true, false]),
            (Broken, [false, false, true, false, false]),
            (LOST, [false, false, false, false, true]),
            (LEFT, [false, false, false, true, true]),
        ];
        for (state, allowed) in rows {
            let seen =
                [state.accepts(), state.writes(), state.delivers(), state.has_left(), state.is_closed()];
            assert_eq!(seen, allowed, "{state:?}");
        }
    }
}
