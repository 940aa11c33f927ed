//! Regular expressions: carried, not executed.

use super::text::JsString;

/// A JavaScript regular expression.
///
/// A source that is not valid would end the Node process that receives it, so only those are sent
/// that every Node is certain to take: see [`is_portable`](RegExp::is_portable).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegExp {
    /// What is between the slashes.
    pub source: JsString,
    /// V8's bits for the flags.
    pub flags: RegExpFlags,
}

/// The flags of a [`RegExp`], as V8 numbers them (ADV-6).
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

/// Longer or deeper ones may be too large for V8.
const MAX_LENGTH: usize = 16 * 1024;
const MAX_GROUPS: usize = 100;

impl RegExp {
    /// Whether every Node from 18 on is certain to accept it. That is told without V8, and so on
    /// the safe side: alternatives, groups (also named ones and those that look ahead or behind),
    /// quantifiers, classes, and the escapes that have the same meaning under every flag are known;
    /// `\p{…}`, `\k<…>`, references to groups and what only old scripts may write are not.
    pub fn is_portable(&self) -> bool {
        let Some(source) = self.source.as_str() else {
            return false;
        };
        let exclusive = RegExpFlags::UNICODE | RegExpFlags::UNICODE_SETS;
        source.len() <= MAX_LENGTH
            && self.flags.0 & !RegExpFlags::KNOWN == 0
            && !self.flags.contains(RegExpFlags::LINEAR)
            && !self.flags.contains(exclusive)
            && Parser { rest: source.chars(), names: Vec::new(), groups: 0 }.pattern().is_some()
    }
}

/// Every step gives `None` for what it is not certain of.
struct Parser<'a> {
    rest: std::str::Chars<'a>,
    names: Vec<&'a str>,
    groups: usize,
}

/// What stands before a quantifier.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    Atom,
    Nothing,
}

impl<'a> Parser<'a> {
    fn pattern(mut self) -> Option<()> {
        // For each open group, whether it may be repeated.
        let mut open = Vec::new();
        let mut before = Before::Nothing;
        while let Some(c) = self.rest.next() {
            before = match c {
                '(' => {
                    open.push(self.group()?);
                    self.groups += 1;
                    if self.groups > MAX_GROUPS {
                        return None;
                    }
                    Before::Nothing
                }
                ')' => open.pop()?,
                '|' | '^' | '$' => Before::Nothing,
                '*' | '+' | '?' if before == Before::Atom => self.lazy(),
                '{' if before == Before::Atom => {
                    self.range()?;
                    self.lazy()
                }
                '[' => {
                    self.class()?;
                    Before::Atom
                }
                '\\' => self.escape()?,
                '*' | '+' | '?' | '{' | '}' | ']' => return None,
                '/' | '\n' | '\r' | '\u{2028}' | '\u{2029}' => return None,
                _ => Before::Atom,
            };
        }
        open.is_empty().then_some(())
    }

    fn eat(&mut self, text: &str) -> bool {
        match self.rest.as_str().strip_prefix(text) {
            Some(rest) => {
                self.rest = rest.chars();
                true
            }
            None => false,
        }
    }

    /// Behind `(`: what its `)` will be to a quantifier.
    fn group(&mut self) -> Option<Before> {
        if !self.eat("?") || self.eat(":") {
            return Some(Before::Atom);
        }
        if ["=", "!", "<=", "<!"].iter().any(|look| self.eat(look)) {
            return Some(Before::Nothing);
        }
        if !self.eat("<") {
            return None;
        }
        let (name, _) = self.rest.as_str().split_once('>')?;
        let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !plain || self.names.contains(&name) {
            return None;
        }
        self.names.push(name);
        self.rest = self.rest.as_str()[name.len() + 1..].chars();
        Some(Before::Atom)
    }

    fn lazy(&mut self) -> Before {
        self.eat("?");
        Before::Nothing
    }

    /// Behind `{`: `n}`, `n,}` or `n,m}`.
    fn range(&mut self) -> Option<()> {
        let (range, _) = self.rest.as_str().split_once('}')?;
        let number = |digits: &str| {
            (digits.len() <= 4 && digits.bytes().all(|b| b.is_ascii_digit()))
                .then(|| digits.parse::<u32>().ok())
                .flatten()
        };
        match range.split_once(',') {
            None | Some((_, "")) => drop(number(range.trim_end_matches(','))?),
            Some((least, most)) => (number(least)? <= number(most)?).then_some(())?,
        }
        self.rest = self.rest.as_str()[range.len() + 1..].chars();
        Some(())
    }

    /// Behind `\`, outside of a class.
    fn escape(&mut self) -> Option<Before> {
        match self.rest.clone().next()? {
            'b' | 'B' => {
                self.rest.next();
                Some(Before::Nothing)
            }
            'd' | 'D' | 'w' | 'W' | 's' | 'S' => {
                self.rest.next();
                Some(Before::Atom)
            }
            _ => self.character().map(|_| Before::Atom),
        }
    }

    /// Behind `\`: the character that the escape stands for.
    fn character(&mut self) -> Option<u32> {
        Some(match self.rest.next()? {
            'f' => 0x0c,
            'n' => 0x0a,
            'r' => 0x0d,
            't' => 0x09,
            'v' => 0x0b,
            'x' => self.hex(2)?,
            // A pair of surrogates is one character or two, depending on the flags.
            'u' => self.hex(4).filter(|unit| !(0xd800..0xe000).contains(unit))?,
            c if "^$\\.*+?()[]{}|/".contains(c) => c.into(),
            _ => return None,
        })
    }

    fn hex(&mut self, digits: usize) -> Option<u32> {
        let text = self.rest.as_str().get(..digits)?;
        let plain = text.bytes().all(|b| b.is_ascii_hexdigit());
        self.rest = self.rest.as_str()[digits..].chars();
        plain.then(|| u32::from_str_radix(text, 16).ok()).flatten()
    }

    /// Behind `[`. Letters, digits, escapes and a few signs: under `v` others have meanings.
    fn class(&mut self) -> Option<()> {
        self.eat("^");
        loop {
            if self.eat("]") {
                return Some(());
            }
            let from = self.class_atom()?;
            if self.eat("-") {
                let (from, to) = (from?, self.class_atom()??);
                (from <= to).then_some(())?;
            }
        }
    }

    /// The character of one, if it is one and no set.
    fn class_atom(&mut self) -> Option<Option<u32>> {
        match self.rest.next()? {
            '\\' => match self.rest.clone().next()? {
                'd' | 'D' | 'w' | 'W' | 's' | 'S' => {
                    self.rest.next();
                    Some(None)
                }
                '-' => {
                    self.rest.next();
                    Some(Some('-'.into()))
                }
                _ => self.character().map(Some),
            },
            c if c.is_ascii_alphanumeric() || "_ .,:;'\"=#@%".contains(c) => {
                // Under `v` two of a kind are an operator, or kept for one.
                let twice = !c.is_ascii_alphanumeric() && self.rest.as_str().starts_with(c);
                (!twice).then_some(Some(c.into()))
            }
            c if !c.is_ascii() && u32::from(c) < 0x10000 => Some(Some(c.into())),
            _ => None,
        }
    }
}
