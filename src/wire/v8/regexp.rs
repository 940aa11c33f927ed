//! Regular expressions: carried, not executed.

use super::pattern::{self, Mode, Needs};
use super::text::JsString;
use crate::error::{V8Error, V8ErrorKind};

/// A JavaScript regular expression.
///
/// One that is not valid would end the Node process that receives it, so it is refused when it is encoded:
/// see [`first_node`](RegExp::first_node).
///
/// ```
/// use crossfork::v8::{RegExp, RegExpFlags};
///
/// let word = RegExp { source: r"\p{L}[\w-]*".into(), flags: RegExpFlags::UNICODE };
/// assert_eq!(word.first_node(), Ok(18));
/// let open = RegExp { source: "(a".into(), flags: RegExpFlags::default() };
/// assert!(open.first_node().unwrap_err().to_string().contains("a group is not closed"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegExp {
    /// What is between the slashes.
    pub source: JsString,
    /// V8's bits for the flags.
    pub flags: RegExpFlags,
}

/// The flags of a [`RegExp`], as V8 numbers them ([ADV-6](crate::protocol#ADV-6)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct RegExpFlags(pub u32);

impl RegExpFlags {
    /// `g`
    pub const GLOBAL: RegExpFlags = RegExpFlags(1);
    /// `i`
    pub const IGNORE_CASE: RegExpFlags = RegExpFlags(2);
    /// `m`
    pub const MULTILINE: RegExpFlags = RegExpFlags(4);
    /// `y`
    pub const STICKY: RegExpFlags = RegExpFlags(8);
    /// `u`
    pub const UNICODE: RegExpFlags = RegExpFlags(16);
    /// `s`
    pub const DOT_ALL: RegExpFlags = RegExpFlags(32);
    /// `l`, an experiment of V8's that has to be switched on.
    pub const LINEAR: RegExpFlags = RegExpFlags(64);
    /// `d`
    pub const HAS_INDICES: RegExpFlags = RegExpFlags(128);
    /// `v`, which Node has from 20 on.
    pub const UNICODE_SETS: RegExpFlags = RegExpFlags(256);

    pub(super) const KNOWN: u32 = 511;
    /// In the order of JavaScript's own `flags`.
    const LETTERS: [(char, u32); 9] =
        [('d', 128), ('g', 1), ('i', 2), ('l', 64), ('m', 4), ('s', 32), ('u', 16), ('v', 256), ('y', 8)];

    /// The flags of these letters, as in `/a/gi`; `None` if one is unknown or occurs twice.
    pub fn from_letters(letters: &str) -> Option<Self> {
        letters.chars().try_fold(RegExpFlags(0), |flags, letter| {
            let (_, bit) = Self::LETTERS.into_iter().find(|(of, _)| *of == letter)?;
            (flags.0 & bit == 0).then_some(RegExpFlags(flags.0 | bit))
        })
    }

    /// The letters, in the order in which JavaScript gives them.
    pub fn letters(self) -> String {
        Self::LETTERS.into_iter().filter(|(_, bit)| self.0 & bit != 0).map(|(letter, _)| letter).collect()
    }

    /// Whether these are all set.
    pub fn contains(self, flags: RegExpFlags) -> bool {
        self.0 & flags.0 == flags.0
    }
}

impl std::ops::BitOr for RegExpFlags {
    type Output = RegExpFlags;
    fn bitor(self, other: Self) -> Self {
        RegExpFlags(self.0 | other.0)
    }
}

impl RegExp {
    /// The oldest Node that is certain to compile it. It is 18; 20 for the flag `v`; and 24 for modifiers such
    /// as `(?i:a)`, and for two groups of the same name.
    ///
    /// Encoding asks this, and compares the answer with
    /// [`Options::oldest_node`](super::Options::oldest_node). Call it yourself to refuse
    /// a pattern from elsewhere before it becomes part of a message.
    ///
    /// The grammar is JavaScript's, Annex B included. Some of what newer Nodes compile is refused: scripts that
    /// are newer than Unicode 14, names of groups in letters of rare scripts, and the flag `l`. So are more
    /// than 262144 characters or 10000 groups. A Node that was built without ICU knows no `\p{…}`: do not send
    /// it any.
    ///
    /// # Errors
    /// [`Kind::Invalid`](super::Kind::Invalid), which says why, if V8 refuses the expression or may refuse
    /// it.
    pub fn first_node(&self) -> Result<u32, V8Error> {
        self.needs().map(|needs| needs.since)
    }

    /// Whether every Node from 18 on is certain to compile it: see [`first_node`](Self::first_node).
    pub fn is_portable(&self) -> bool {
        self.first_node().is_ok_and(|node| node <= 18)
    }

    pub(super) fn needs(&self) -> Result<Needs, V8Error> {
        self.mode()
            .and_then(|mode| pattern::judge(&self.source, mode))
            .map_err(|why| V8Error::new(V8ErrorKind::Invalid(why)))
    }

    fn mode(&self) -> Result<Mode, &'static str> {
        let has = |flag| self.flags.contains(flag);
        if self.flags.0 & !RegExpFlags::KNOWN != 0 {
            return Err("a regular expression has a flag that no Node knows");
        }
        if has(RegExpFlags::LINEAR) {
            return Err("a regular expression has the flag l, which Node has not switched on");
        }
        match (has(RegExpFlags::UNICODE), has(RegExpFlags::UNICODE_SETS)) {
            (true, true) => Err("a regular expression has both flags u and v: choose one"),
            (true, false) => Ok(Mode::Unicode),
            (false, true) => Ok(Mode::Sets),
            (false, false) => Ok(Mode::Legacy),
        }
    }
}
