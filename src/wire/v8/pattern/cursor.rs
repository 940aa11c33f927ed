//! The characters of a pattern, and what is read of them in more than one place.

use super::{Result, refused};

/// How a pattern is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::wire::v8) enum Mode {
    /// Without `u` and `v`: characters are UTF-16 units, and Annex B holds.
    Legacy,
    /// With `u`.
    Unicode,
    /// With `v`.
    Sets,
}

/// A place in a pattern.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    rest: &'a [u16],
    mode: Mode,
    named_references: bool,
}

/// A unit that is half of a character. All of them are alike to the grammar, except for their order in a class.
const HALF: char = char::REPLACEMENT_CHARACTER;

impl<'a> Cursor<'a> {
    pub(super) fn new(units: &'a [u16], mode: Mode) -> Self {
        Cursor { rest: units, mode, named_references: mode != Mode::Legacy }
    }

    pub(super) fn with_named_references(self) -> Self {
        Cursor { named_references: true, ..self }
    }

    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether `\k` begins a reference.
    pub(super) fn named_references(&self) -> bool {
        self.named_references
    }

    /// The next character, and its number. Half a character stands for itself.
    pub(super) fn next_code(&mut self) -> Option<(char, u32)> {
        let (&unit, rest) = self.rest.split_first()?;
        self.rest = rest;
        if self.mode != Mode::Legacy
            && let (0xd800..0xdc00, Some(low @ 0xdc00..0xe000)) = (unit, rest.first().copied())
        {
            self.rest = &rest[1..];
            let code = pair(unit.into(), low.into());
            return Some((char::from_u32(code).unwrap_or(HALF), code));
        }
        Some((char::from_u32(unit.into()).unwrap_or(HALF), unit.into()))
    }

    pub(super) fn next(&mut self) -> Option<char> {
        self.next_code().map(|(c, _)| c)
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.clone().next()
    }

    /// Passes over this ASCII text, if it comes next.
    pub(super) fn eat(&mut self, text: &str) -> bool {
        let here = self.starts_with(text);
        if here {
            self.rest = &self.rest[text.len()..];
        }
        here
    }

    pub(super) fn starts_with(&self, text: &str) -> bool {
        self.rest.len() >= text.len()
            && text.bytes().zip(self.rest).all(|(byte, unit)| u16::from(byte) == *unit)
    }

    /// Passes over one of these ASCII characters.
    pub(super) fn eat_any(&mut self, among: &str) -> Option<char> {
        self.eat_if(|c| among.contains(c))
    }

    pub(super) fn eat_if(&mut self, wanted: impl Fn(char) -> bool) -> Option<char> {
        let c = self.peek().filter(|c| c.is_ascii() && wanted(*c))?;
        self.rest = &self.rest[1..];
        Some(c)
    }

    /// Behind `{`: `n}`, `n,}` or `n,m}`; `None` for anything else, after which the cursor must not be used.
    pub(super) fn range(&mut self) -> Result<Option<()>> {
        let Some(least) = self.number() else { return Ok(None) };
        let most = match self.eat(",") {
            true => self.number(),
            false => None,
        };
        if !self.eat("}") {
            return Ok(None);
        }
        match most.is_some_and(|most| most < least) {
            true => Err(refused!("the numbers of a quantifier are out of order")),
            false => Ok(Some(())),
        }
    }

    /// Beyond `i32` all numbers are the same to V8.
    fn number(&mut self) -> Option<i32> {
        let mut number = None;
        while let Some(digit) = self.eat_if(|c| c.is_ascii_digit()).and_then(|c| c.to_digit(10)) {
            number = Some(number.unwrap_or(0i32).saturating_mul(10).saturating_add_unsigned(digit));
        }
        number
    }

    /// Exactly so many hexadecimal digits; otherwise the place stays.
    pub(super) fn hex(&mut self, digits: usize) -> Option<u32> {
        let mut ahead = self.clone();
        let mut value = 0;
        for _ in 0..digits {
            value = value * 16 + ahead.eat_if(|c| c.is_ascii_hexdigit())?.to_digit(16)?;
        }
        *self = ahead;
        Some(value)
    }

    /// Behind `\u`, where whole characters are meant: `hhhh`, a pair of them, or `{h…}`.
    pub(super) fn unicode_escape(&mut self) -> Result<u32> {
        const WRONG: &str = refused!("an escape with \\u is incomplete");
        if self.eat("{") {
            let mut value = None;
            while let Some(digit) = self.eat_if(|c| c.is_ascii_hexdigit()).and_then(|c| c.to_digit(16)) {
                value = Some(value.unwrap_or(0u32).saturating_mul(16).saturating_add(digit));
            }
            let value = value.filter(|value| *value <= 0x10ffff);
            return value.filter(|_| self.eat("}")).ok_or(WRONG);
        }
        let unit = self.hex(4).ok_or(WRONG)?;
        let mut ahead = self.clone();
        if (0xd800..0xdc00).contains(&unit)
            && ahead.eat("\\u")
            && let Some(low @ 0xdc00..0xe000) = ahead.hex(4)
        {
            *self = ahead;
            return Ok(pair(unit, low));
        }
        Ok(unit)
    }

    /// Behind `<`: a name and its `>`. In names, whole characters are meant in every mode.
    pub(super) fn group_name(&mut self) -> Result<String> {
        const WRONG: &str =
            refused!("the name of a group is not closed, or has a character that is none of a name");
        let mut name = String::new();
        while !self.eat(">") {
            let code = match self.eat("\\u") {
                true => self.unicode_escape()?,
                false => self.next_code().ok_or(WRONG)?.1,
            };
            let c = char::from_u32(code).filter(|c| is_of_name(*c, name.is_empty())).ok_or(WRONG)?;
            name.push(c);
        }
        if name.is_empty() { Err(WRONG) } else { Ok(name) }
    }
}

fn pair(high: u32, low: u32) -> u32 {
    0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)
}

/// Letters of living scripts, long known to Unicode. JavaScript has many more, some of which are new to a
/// Node.
const LETTERS: &[(char, char)] = &[
    ('\u{c0}', '\u{d6}'),
    ('\u{d8}', '\u{f6}'),
    ('\u{f8}', '\u{2c1}'),
    ('\u{388}', '\u{38a}'),
    ('\u{38e}', '\u{3a1}'),
    ('\u{3a3}', '\u{3f5}'),
    ('\u{400}', '\u{481}'),
    ('\u{48a}', '\u{52f}'),
    ('\u{531}', '\u{556}'),
    ('\u{561}', '\u{587}'),
    ('\u{5d0}', '\u{5ea}'),
    ('\u{620}', '\u{64a}'),
    ('\u{904}', '\u{939}'),
    ('\u{e01}', '\u{e30}'),
    ('\u{10d0}', '\u{10fa}'),
    ('\u{1e00}', '\u{1f15}'),
    ('\u{3041}', '\u{3096}'),
    ('\u{30a1}', '\u{30fa}'),
    ('\u{3400}', '\u{4dbf}'),
    ('\u{4e00}', '\u{9ffc}'),
    ('\u{ac00}', '\u{d7a3}'),
];

fn is_of_name(c: char, first: bool) -> bool {
    match c {
        'a'..='z' | 'A'..='Z' | '_' | '$' => true,
        '0'..='9' => !first,
        _ => LETTERS.iter().any(|(from, to)| (*from..=*to).contains(&c)),
    }
}
