//! How many workers.

use std::str::FromStr;
use std::thread::available_parallelism;

/// As many as may be asked for.
const MOST: usize = 1024;

/// What the user says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Instances {
    /// One for each processor that we may use.
    #[default]
    Max,
    /// One less, and at least one.
    AllButOne,
    /// So many.
    Exactly(usize),
}

impl Instances {
    /// How many these are here: processors are those that this process may run on, and as many as
    /// its control group may use at once.
    pub fn count(self) -> usize {
        self.of(available_parallelism().map_or(1, usize::from))
    }

    /// How many these are where so many processors can be used.
    pub fn of(self, processors: usize) -> usize {
        match self {
            Instances::Max => processors.max(1),
            Instances::AllButOne => processors.saturating_sub(1).max(1),
            Instances::Exactly(count) => count,
        }
    }
}

impl FromStr for Instances {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("max", _) => Ok(Instances::Max),
            ("-1", _) => Ok(Instances::AllButOne),
            (_, Ok(count)) if (1..=MOST).contains(&count) => Ok(Instances::Exactly(count)),
            _ => Err(format!("neither a number from 1 to {MOST}, nor max, nor -1")),
        }
    }
}
