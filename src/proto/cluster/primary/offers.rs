//! Connections that were offered to workers, until they are accepted or refused (CLU-13).
//!
//! Two things come back for each, in either order: the descriptor, when the channel is done with
//! it, and the worker's reply.
//!
//! ```text
//!     Sent ----- descriptor ----> Held ----- reply ------> accepted: closed; refused: to another
//!      |                           |
//!      |                           +------ exit -------> to another
//!      +------ reply -----> Answered ---- descriptor ----> the same, by the reply
//!      +------ exit ------> Orphaned ---- descriptor ----> to another
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
    state: OfferState<F>,
}

enum OfferState<F> {
    /// The channel has the descriptor.
    Sent,
    /// The worker has it, and has not replied. Ours is kept until then.
    Held(F),
    /// The reply came first.
    Answered { accepted: bool },
    /// The worker has exited, and the channel still has the descriptor.
    Orphaned,
}

/// What happened to an offer, as far as it is known now.
pub(super) struct OfferOutcome<F> {
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
        self.0.insert(number, Offer { worker, server, place, deaths, state: OfferState::Sent });
        fd
    }

    /// What the worker was offered of this server and has not replied to.
    pub(super) fn unanswered(&self, worker: WorkerId, server: ServerId) -> Option<u64> {
        let mut its = self.0.iter().filter(|(_, offer)| offer.worker == worker && offer.server == server);
        its.find(|(_, offer)| matches!(offer.state, OfferState::Sent | OfferState::Held(_)))
            .map(|(number, _)| *number)
    }

    /// The worker that was offered this.
    pub(super) fn worker(&self, number: u64) -> Option<WorkerId> {
        self.0.get(&number).map(|offer| offer.worker)
    }

    /// Whether the channel to the worker has a connection that it has not acknowledged.
    pub(super) fn is_on_its_way(&self, worker: WorkerId) -> bool {
        let is_sent = |state: &OfferState<F>| matches!(state, OfferState::Sent | OfferState::Answered { .. });
        self.0.values().any(|offer| offer.worker == worker && is_sent(&offer.state))
    }

    /// The worker replied. A reply to another worker's offer, or a second one, is none (CLU-2).
    pub(super) fn replied(
        &mut self,
        number: u64,
        worker: WorkerId,
        accepted: bool,
    ) -> Option<OfferOutcome<F>> {
        let offer = self.0.get_mut(&number).filter(|offer| offer.worker == worker)?;
        let (server, place, deaths) = (offer.server, offer.place, offer.deaths);
        let answer = Some((worker, accepted));
        let back = match offer.state {
            OfferState::Sent => {
                offer.state = OfferState::Answered { accepted };
                None
            }
            OfferState::Held(_) => match self.0.remove(&number)?.state {
                OfferState::Held(fd) if !accepted => Some(Connection { fd, place, deaths }),
                _ => None,
            },
            OfferState::Answered { .. } | OfferState::Orphaned => return None,
        };
        Some(OfferOutcome { server, answer, back })
    }

    /// The descriptor is back: the worker's process has the connection, or does not have it.
    pub(super) fn returned(&mut self, number: u64, fd: F, arrived: bool) -> Option<OfferOutcome<F>> {
        let mut offer = self.0.remove(&number)?;
        let Offer { worker, server, place, deaths, .. } = offer;
        let (answer, back) = match offer.state {
            OfferState::Sent if arrived => {
                offer.state = OfferState::Held(fd);
                self.0.insert(number, offer);
                return None;
            }
            // It did not get the connection, and so will not reply.
            OfferState::Sent => (Some((worker, false)), Some(Connection { fd, place, deaths })),
            OfferState::Answered { accepted: true } => (None, None),
            OfferState::Answered { accepted: false } => (None, Some(Connection { fd, place, deaths })),
            OfferState::Orphaned => {
                (None, Some(Connection { fd, place, deaths: deaths + u8::from(arrived) }))
            }
            // A channel gives a descriptor back once.
            OfferState::Held(_) => (None, None),
        };
        Some(OfferOutcome { server, answer, back })
    }

    /// The worker has exited: other workers get what it had not accepted (Node loses it, CLU-16).
    pub(super) fn abandoned(&mut self, worker: WorkerId) -> Vec<(ServerId, Connection<F>)> {
        let its: Vec<u64> =
            self.0.iter().filter(|(_, offer)| offer.worker == worker).map(|(number, _)| *number).collect();
        let mut back = Vec::new();
        for number in its {
            let Some(mut offer) = self.0.remove(&number) else { continue };
            match offer.state {
                OfferState::Held(fd) => {
                    back.push((
                        offer.server,
                        Connection { fd, place: offer.place, deaths: offer.deaths + 1 },
                    ));
                    continue;
                }
                OfferState::Sent => offer.state = OfferState::Orphaned,
                OfferState::Answered { .. } | OfferState::Orphaned => {}
            }
            self.0.insert(number, offer);
        }
        back
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: u64 = 5;
    const SERVER: ServerId = ServerId(1);
    const WORKER: WorkerId = 2;

    #[derive(Clone, Copy, Debug)]
    enum State {
        Sent,
        Held,
        Accepted,
        Refused,
        Orphaned,
    }

    fn in_state(state: State) -> Offers<u32> {
        let mut offers = Offers::new();
        offers.insert(NUMBER, WORKER, SERVER, Connection { fd: 7, place: 0, deaths: 0 });
        match state {
            State::Sent => {}
            State::Held => assert!(offers.returned(NUMBER, 7, true).is_none()),
            State::Accepted => assert!(offers.replied(NUMBER, WORKER, true).is_some()),
            State::Refused => assert!(offers.replied(NUMBER, WORKER, false).is_some()),
            State::Orphaned => assert!(offers.abandoned(WORKER).is_empty()),
        }
        offers
    }

    fn name(offers: &Offers<u32>) -> &'static str {
        match offers.0.get(&NUMBER).map(|offer| &offer.state) {
            None => "done",
            Some(OfferState::Sent) => "sent",
            Some(OfferState::Held(_)) => "held",
            Some(OfferState::Answered { .. }) => "answered",
            Some(OfferState::Orphaned) => "orphaned",
        }
    }

    /// What is known: the worker's answer, and whether the connection is for another.
    fn known(known: Option<OfferOutcome<u32>>) -> String {
        let Some(OfferOutcome { answer, back, .. }) = known else {
            return "nothing".to_owned();
        };
        let answer = answer.map_or("", |(_, accepted)| if accepted { "accepted" } else { "refused" });
        let back = back.map_or(String::new(), |connection| {
            format!("{} is back, {} deaths", connection.fd, connection.deaths)
        });
        [answer, &back].join(" ").trim().to_owned()
    }

    /// Each row: the input, and for each state the state after it and what came out of it.
    #[test]
    fn clu_13_clu_16_every_state_answers_every_input() {
        use State::*;
        type Row<'a> = (&'a str, fn(&mut Offers<u32>) -> String, [(&'a str, &'a str); 5]);
        let rows: [Row<'_>; 6] = [
            (
                "accepted",
                |offers| known(offers.replied(NUMBER, WORKER, true)),
                [
                    ("answered", "accepted"),
                    ("done", "accepted"),
                    ("answered", "nothing"),
                    ("answered", "nothing"),
                    ("orphaned", "nothing"),
                ],
            ),
            (
                "refused",
                |offers| known(offers.replied(NUMBER, WORKER, false)),
                [
                    ("answered", "refused"),
                    ("done", "refused 7 is back, 0 deaths"),
                    ("answered", "nothing"),
                    ("answered", "nothing"),
                    ("orphaned", "nothing"),
                ],
            ),
            (
                "accepted by another",
                |offers| known(offers.replied(NUMBER, WORKER + 1, true)),
                [
                    ("sent", "nothing"),
                    ("held", "nothing"),
                    ("answered", "nothing"),
                    ("answered", "nothing"),
                    ("orphaned", "nothing"),
                ],
            ),
            (
                "arrived",
                |offers| known(offers.returned(NUMBER, 7, true)),
                [
                    ("held", "nothing"),
                    ("done", ""),
                    ("done", ""),
                    ("done", "7 is back, 0 deaths"),
                    ("done", "7 is back, 1 deaths"),
                ],
            ),
            (
                "did not arrive",
                |offers| known(offers.returned(NUMBER, 7, false)),
                [
                    ("done", "refused 7 is back, 0 deaths"),
                    ("done", ""),
                    ("done", ""),
                    ("done", "7 is back, 0 deaths"),
                    ("done", "7 is back, 0 deaths"),
                ],
            ),
            (
                "the worker is gone",
                |offers| {
                    let back = offers.abandoned(WORKER).pop();
                    back.map_or("nothing".to_owned(), |(server, back)| {
                        known(Some(OfferOutcome { server, answer: None, back: Some(back) }))
                    })
                },
                [
                    ("orphaned", "nothing"),
                    ("done", "7 is back, 1 deaths"),
                    ("answered", "nothing"),
                    ("answered", "nothing"),
                    ("orphaned", "nothing"),
                ],
            ),
        ];
        for (input, apply, outcomes) in rows {
            for (state, (after, out)) in [Sent, Held, Accepted, Refused, Orphaned].into_iter().zip(outcomes) {
                let mut offers = in_state(state);
                let seen = apply(&mut offers);
                assert_eq!((name(&offers), seen.as_str()), (after, out), "{state:?} x {input}");
            }
        }
    }
}
