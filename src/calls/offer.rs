//! [`Offer`]: what an end says of itself when it is ready.

use serde::Deserialize;

use crate::message::part::Part;

/// What the other end of a channel says of itself when it is ready, as `Peer::ready` gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Offer {
    /// How many calls it carries out at once. 1 if it does not say so.
    pub concurrency: usize,
    /// The names of its methods. `None` if it does not say so: only ends of this project do.
    pub methods: Option<Vec<String>>,
}

impl Default for Offer {
    fn default() -> Self {
        Offer { concurrency: 1, methods: None }
    }
}

impl Offer {
    /// Reads what a peer said. What has another form is left out.
    pub(crate) fn read(said: &Part) -> Self {
        #[derive(Deserialize)]
        struct Concurrency {
            concurrency: f64,
        }
        #[derive(Deserialize)]
        struct Methods {
            methods: Vec<String>,
        }
        let concurrency = said.decode::<Concurrency>().map_or(1.0, |said| said.concurrency);
        Offer {
            // V8 has NaN, which would be none.
            concurrency: (concurrency.clamp(1.0, 65536.0) as usize).max(1),
            methods: said.decode::<Methods>().ok().map(|said| said.methods),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Payload;
    use crate::wire::Serialization;

    #[test]
    fn a_concurrency_that_is_no_number_counts_as_one() {
        // { concurrency: NaN }, of V8.
        let bytes = b"\xff\x0fo\"\x0bconcurrencyN\0\0\0\0\0\0\xf8\x7f{\x01";
        let said = Part::of(&Payload::new(Serialization::Advanced, bytes.to_vec().into())).unwrap();
        assert_eq!(Offer::read(&said).concurrency, 1);
    }
}
