//! Connections that were offered to workers, until it is known what became of them (CLU-13).
//!
//! Two things come back for each, in either order: the descriptor, when the channel is done with
//! it, and the worker's reply.
//!
//! ```text
//!     Sent ----- descriptor ----> Held ----- reply ------> accepted: closed; refused: to another
//!      |                           |
//!      |                           +------ it died ------> to another
//!      +------ reply -----> Answered ---- descriptor ----> the same, by the reply
//!      +------ it died ---> Orphaned ---- descriptor ----> to another
//! ```

use std::collections::HashMap;

use super::action::{ServerId, WorkerId};
use super::balance::Connection;

/// All offers, by the number of the message that made them.
pub(super) struct Offers<F>(HashMap<u64, Offer<F>>);

struct Offer<F> {
    worker: WorkerId,
    server: ServerId,
    place: u64,
    deaths: u8,
    state: State<F>,
}

enum State<F> {
    /// The channel has the descriptor.
    Sent,
    /// The worker has it, and has not replied. Ours is kept until then.
    Held(F),
    /// The reply came first.
    Answered { accepted: bool },
    /// The worker is gone, and the descriptor is still to come.
    Orphaned,
}

/// What is known now of an offer.
pub(super) struct Known<F> {
    pub(super) server: ServerId,
    /// The worker, if this was its answer.
    pub(super) answer: Option<(WorkerId, bool)>,
    /// The connection, if it is for another worker.
    pub(super) back: Option<Connection<F>>,
}

impl<F> Offers<F> {
    pub(super) fn new() -> Self {
        Offers(HashMap::new())
    }

    /// A connection is offered, and its descriptor goes to the channel.
    pub(super) fn insert(
        &mut self,
        number: u64,
        worker: WorkerId,
        server: ServerId,
        from: Connection<F>,
    ) -> F {
        let Connection { fd, place, deaths } = from;
        self.0.insert(number, Offer { worker, server, place, deaths, state: State::Sent });
        fd
    }

    /// What the worker was offered of this server and has not replied to.
    pub(super) fn unanswered(&self, worker: WorkerId, server: ServerId) -> Option<u64> {
        let mut its = self.0.iter().filter(|(_, offer)| offer.worker == worker && offer.server == server);
        its.find(|(_, offer)| matches!(offer.state, State::Sent | State::Held(_))).map(|(number, _)| *number)
    }

    /// The worker replied. A reply to another worker's offer, or a second one, is none (CLU-2).
    pub(super) fn replied(&mut self, number: u64, worker: WorkerId, accepted: bool) -> Option<Known<F>> {
        let offer = self.0.get_mut(&number).filter(|offer| offer.worker == worker)?;
        let (server, place, deaths) = (offer.server, offer.place, offer.deaths);
        let answer = Some((worker, accepted));
        let back = match offer.state {
            State::Sent => {
                offer.state = State::Answered { accepted };
                None
            }
            State::Held(_) => match self.0.remove(&number)?.state {
                State::Held(fd) if !accepted => Some(Connection { fd, place, deaths }),
                _ => None,
            },
            State::Answered { .. } | State::Orphaned => return None,
        };
        Some(Known { server, answer, back })
    }

    /// The descriptor is back: the worker's process has the connection, or does not have it.
    pub(super) fn returned(&mut self, number: u64, fd: F, arrived: bool) -> Option<Known<F>> {
        let mut offer = self.0.remove(&number)?;
        let Offer { worker, server, place, deaths, .. } = offer;
        let (answer, back) = match offer.state {
            State::Sent if arrived => {
                offer.state = State::Held(fd);
                self.0.insert(number, offer);
                return None;
            }
            // It will not reply to what it did not get.
            State::Sent => (Some((worker, false)), Some(Connection { fd, place, deaths })),
            State::Answered { accepted: true } => (None, None),
            State::Answered { accepted: false } => (None, Some(Connection { fd, place, deaths })),
            State::Orphaned => (None, Some(Connection { fd, place, deaths: deaths + u8::from(arrived) })),
            // A channel gives a descriptor back once.
            State::Held(_) => (None, None),
        };
        Some(Known { server, answer, back })
    }

    /// The worker is gone: what it had not accepted is for others (where Node loses it, CLU-16).
    pub(super) fn abandoned(&mut self, worker: WorkerId) -> Vec<(ServerId, Connection<F>)> {
        let its: Vec<u64> =
            self.0.iter().filter(|(_, offer)| offer.worker == worker).map(|(number, _)| *number).collect();
        let mut back = Vec::new();
        for number in its {
            let Some(mut offer) = self.0.remove(&number) else { continue };
            match offer.state {
                State::Held(fd) => {
                    back.push((
                        offer.server,
                        Connection { fd, place: offer.place, deaths: offer.deaths + 1 },
                    ));
                    continue;
                }
                State::Sent => offer.state = State::Orphaned,
                State::Answered { .. } | State::Orphaned => {}
            }
            self.0.insert(number, offer);
        }
        back
    }
}
