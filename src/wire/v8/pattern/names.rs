//! The groups of a pattern that capture, and the references to them.

use std::collections::{HashMap, HashSet};

use super::{DUPLICATE_NAMES, Needs, Result, refused};

/// What is known of a pattern's groups so far.
#[derive(Default)]
pub(super) struct Names {
    captures: u32,
    /// For each name its number.
    numbers: HashMap<String, usize>,
    /// For each name, whether it has a group that may take part in the match together with what comes next.
    /// Two such groups cannot have the same name.
    live: Vec<bool>,
    /// Those that are live, in the order in which they came.
    order: Vec<usize>,
    open: Vec<Disjunction>,
    outermost: Disjunction,
    wanted: HashSet<String>,
    largest_reference: u32,
    k_is_a_letter: bool,
    needs: Option<Needs>,
}

/// Alternatives, of which one takes part in a match.
#[derive(Default)]
struct Disjunction {
    /// Where the names of the present alternative begin in `order`.
    begin: usize,
    /// The names of those before.
    before: Vec<usize>,
}

impl Names {
    pub(super) fn capture(&mut self) {
        self.captures += 1;
    }

    /// The group that has begun has this name.
    pub(super) fn define(&mut self, name: String) -> Result<()> {
        let next = self.live.len();
        let number = *self.numbers.entry(name).or_insert(next);
        if number == next {
            self.live.push(false);
        } else if self.live[number] {
            return Err(refused!("two groups of one alternative have the same name"));
        } else {
            self.require(DUPLICATE_NAMES);
        }
        self.live[number] = true;
        self.order.push(number);
        Ok(())
    }

    pub(super) fn open(&mut self) {
        self.open.push(Disjunction { begin: self.order.len(), before: Vec::new() });
    }

    /// What the alternatives of a disjunction have defined is live behind it.
    pub(super) fn close(&mut self) {
        let Some(closed) = self.open.pop() else { return };
        for number in closed.before {
            if !std::mem::replace(&mut self.live[number], true) {
                self.order.push(number);
            }
        }
    }

    pub(super) fn alternative(&mut self) {
        let here = self.open.last_mut().unwrap_or(&mut self.outermost);
        for number in self.order.drain(here.begin..) {
            self.live[number] = false;
            here.before.push(number);
        }
    }

    pub(super) fn refer_to(&mut self, name: String) {
        self.wanted.insert(name);
    }

    pub(super) fn refer_to_number(&mut self, number: u32) {
        self.largest_reference = self.largest_reference.max(number);
    }

    /// `\k` was read as a letter.
    pub(super) fn note_letter_k(&mut self) {
        self.k_is_a_letter = true;
    }

    pub(super) fn k_is_a_letter(&self) -> bool {
        self.k_is_a_letter
    }

    pub(super) fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    pub(super) fn require(&mut self, needs: Needs) {
        self.needs = Some(needs);
    }

    pub(super) fn needs(&self) -> Option<Needs> {
        self.needs
    }

    /// References may stand before their groups, so they are compared in the end.
    pub(super) fn finish(&self) -> Result<()> {
        if self.largest_reference > self.captures {
            return Err(refused!("there are fewer groups than the number of a reference"));
        }
        match self.wanted.iter().all(|name| self.numbers.contains_key(name)) {
            true => Ok(()),
            false => Err(refused!("no group has the name of a reference")),
        }
    }
}
