//! Judges the pattern of a regular expression as V8 would: which Node compiles it, if any does.
//!
//! A Node process compiles a regular expression while it reads the message. If V8 refuses the pattern, that
//! is an uncaught SyntaxError, and the process ends (NEVER-2). So a pattern must be judged before it is
//! sent.
//!
//! This follows the grammar of ECMAScript, Annex B included, and not V8's own code. Where the two differ or
//! Nodes differ from each other, the stricter answer is given. `test/interop/values` asks each Node the
//! same questions.

mod class;
mod cursor;
mod escape;
mod names;
mod properties;
mod sets;

pub(super) use cursor::Mode;

use super::text::JsString;
use cursor::Cursor;
use names::Names;

/// Why V8 would refuse a pattern.
type Result<T> = std::result::Result<T, &'static str>;

/// What the user reads: what happened, what it means, what to do.
macro_rules! refused {
    ($why:literal) => {
        concat!(
            "this regular expression is refused (",
            $why,
            "): the Node process that received it would end with a SyntaxError. Correct it, or send its source",
        )
    };
}
use refused;

/// The Node that a pattern needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Needs {
    pub(super) since: u32,
    pub(super) what: &'static str,
}

const NODE_18: Needs = Needs { since: 18, what: "a regular expression" };
const V_FLAG: Needs = Needs { since: 20, what: "a regular expression with the flag v" };
const MODIFIERS: Needs = Needs { since: 24, what: "a regular expression with modifiers, as in (?i:a)," };
const DUPLICATE_NAMES: Needs =
    Needs { since: 24, what: "a regular expression with two groups of the same name" };

/// V8 takes more, but how much more depends on its release and on the memory that it finds.
const MAX_LENGTH: usize = 256 * 1024;
const MAX_GROUPS: usize = 10_000;

/// Judges a pattern under the flag `u`, `v` or neither. No other flag makes a difference.
pub(super) fn judge(source: &JsString, mode: Mode) -> Result<Needs> {
    let units: Vec<u16> = source.encode_utf16().take(MAX_LENGTH + 1).collect();
    if units.len() > MAX_LENGTH {
        return Err(refused!("it is longer than 262144 characters"));
    }
    let v = (mode == Mode::Sets).then_some(V_FLAG);
    let cursor = Cursor::new(&units, mode);
    let names = Pattern::new(cursor.clone()).parse()?;
    // Without `u`, `\k` is the letter k until some group has a name.
    let names = match mode == Mode::Legacy && !names.is_empty() && names.k_is_a_letter() {
        true => Pattern::new(cursor.with_named_references()).parse()?,
        false => names,
    };
    names.finish()?;
    Ok(names.needs().or(v).unwrap_or(NODE_18))
}

/// The alternatives and terms of a pattern. Groups are kept on a stack of our own, because they may be nested
/// deeply.
struct Pattern<'a> {
    input: Cursor<'a>,
    names: Names,
    /// For each open group, whether it may be repeated.
    open: Vec<Repeatable>,
    groups: usize,
}

/// Whether a quantifier may follow.
#[derive(Clone, Copy, PartialEq)]
enum Repeatable {
    Yes,
    No,
}

impl<'a> Pattern<'a> {
    fn new(input: Cursor<'a>) -> Self {
        Pattern { input, names: Names::default(), open: Vec::new(), groups: 0 }
    }

    fn parse(mut self) -> Result<Names> {
        while let Some(c) = self.input.next() {
            if self.term(c)? == Repeatable::Yes {
                self.quantifier()?;
            }
        }
        if !self.open.is_empty() {
            return Err(refused!("a group is not closed"));
        }
        Ok(self.names)
    }

    fn term(&mut self, c: char) -> Result<Repeatable> {
        let legacy = self.input.mode() == Mode::Legacy;
        match c {
            '(' => {
                let repeatable = self.group()?;
                self.groups += 1;
                if self.groups > MAX_GROUPS {
                    return Err(refused!("it has more than 10000 groups"));
                }
                self.open.push(repeatable);
                self.names.open();
                Ok(Repeatable::No)
            }
            ')' => {
                self.names.close();
                self.open.pop().ok_or(refused!("a closing parenthesis has no opening one"))
            }
            '|' => {
                self.names.alternative();
                Ok(Repeatable::No)
            }
            '^' | '$' => Ok(Repeatable::No),
            '[' => {
                match self.input.mode() {
                    Mode::Sets => drop(sets::class(&mut self.input)?),
                    Mode::Legacy | Mode::Unicode => class::class(&mut self.input, &mut self.names)?,
                }
                Ok(Repeatable::Yes)
            }
            '\\' if self.input.eat_any("bB").is_some() => Ok(Repeatable::No),
            '\\' => escape::atom(&mut self.input, &mut self.names).map(|()| Repeatable::Yes),
            '*' | '+' | '?' => Err(refused!("a quantifier has nothing to repeat")),
            '{' if legacy && self.input.clone().range()?.is_some() => {
                Err(refused!("a quantifier has nothing to repeat"))
            }
            '{' | '}' | ']' if !legacy => Err(refused!("a bracket or brace stands alone")),
            _ => Ok(Repeatable::Yes),
        }
    }

    /// Behind `(`.
    fn group(&mut self) -> Result<Repeatable> {
        if !self.input.eat("?") {
            self.names.capture();
            return Ok(Repeatable::Yes);
        }
        if self.input.eat(":") {
            return Ok(Repeatable::Yes);
        }
        if self.input.eat("<=") || self.input.eat("<!") {
            return Ok(Repeatable::No);
        }
        if self.input.eat("=") || self.input.eat("!") {
            // Annex B lets one that looks ahead be repeated.
            return Ok(if self.input.mode() == Mode::Legacy { Repeatable::Yes } else { Repeatable::No });
        }
        if self.input.eat("<") {
            let name = self.input.group_name()?;
            self.names.capture();
            self.names.define(name)?;
            return Ok(Repeatable::Yes);
        }
        self.modifiers()?;
        self.names.require(MODIFIERS);
        Ok(Repeatable::Yes)
    }

    /// Behind `(?`: `ims-ims:`, each letter once.
    fn modifiers(&mut self) -> Result<()> {
        let mut seen = String::new();
        let mut minus = false;
        loop {
            match self.input.next() {
                Some(c @ ('i' | 'm' | 's')) if !seen.contains(c) => seen.push(c),
                Some('-') if !minus => minus = true,
                Some(':') if !seen.is_empty() => return Ok(()),
                _ => return Err(refused!("a group begins with (? and is of no known kind")),
            }
        }
    }

    /// Behind what may be repeated.
    fn quantifier(&mut self) -> Result<()> {
        if self.input.eat_any("*+?").is_none() {
            let mut ahead = self.input.clone();
            if !ahead.eat("{") {
                return Ok(());
            }
            match ahead.range()? {
                Some(()) => self.input = ahead,
                None if self.input.mode() == Mode::Legacy => return Ok(()),
                None => return Err(refused!("a quantifier in braces is incomplete")),
            }
        }
        self.input.eat("?");
        Ok(())
    }
}
