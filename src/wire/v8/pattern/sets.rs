//! Classes with the flag `v`: `[\w--[a-z]]`, `[\p{L}&&\p{ASCII}]`, `[\q{ab|c}]`.

use super::cursor::Cursor;
use super::names::Names;
use super::properties::Property;
use super::{Result, escape, refused};

/// V8 takes more, as long as its stack lasts.
const MAX_DEPTH: usize = 100;

const OPEN: &str = refused!("a class is not closed");

/// Behind `[`. Says what it may match, for one that may match strings cannot be negated.
pub(super) fn class(input: &mut Cursor<'_>) -> Result<Property> {
    nested(input, 1)
}

enum Operand {
    Character(u32),
    Set(Property),
}

fn nested(input: &mut Cursor<'_>, depth: usize) -> Result<Property> {
    if depth > MAX_DEPTH {
        return Err(refused!("classes are nested deeper than 100"));
    }
    let negated = input.eat("^");
    let property = contents(input, depth)?;
    match negated && property == Property::Strings {
        true => Err(refused!("a class that may match strings is negated")),
        false => Ok(property),
    }
}

fn contents(input: &mut Cursor<'_>, depth: usize) -> Result<Property> {
    if input.eat("]") {
        return Ok(Property::Characters);
    }
    let first = operand(input, depth)?;
    let begin = property(&first);
    if input.starts_with("&&") {
        let mut all = begin;
        while !input.eat("]") {
            between(input, "&&")?;
            if input.starts_with("&") {
                return Err(refused!("an operator of a class has a character too many"));
            }
            if property(&operand(input, depth)?) == Property::Characters {
                all = Property::Characters;
            }
        }
        return Ok(all);
    }
    if input.starts_with("--") {
        while !input.eat("]") {
            between(input, "--")?;
            operand(input, depth)?;
        }
        return Ok(begin);
    }
    union(input, first, depth)
}

fn union(input: &mut Cursor<'_>, first: Operand, depth: usize) -> Result<Property> {
    let mut any = Property::Characters;
    let mut next = first;
    loop {
        if property(&next) == Property::Strings {
            any = Property::Strings;
        }
        if !input.starts_with("--") && input.eat("-") {
            match (next, operand(input, depth)?) {
                (Operand::Character(from), Operand::Character(to)) if from <= to => {}
                _ => return Err(refused!("a range of a class is out of order, or has a set at an end")),
            }
        }
        if input.eat("]") {
            return Ok(any);
        }
        next = operand(input, depth)?;
    }
}

fn between(input: &mut Cursor<'_>, operator: &str) -> Result<()> {
    match input.eat(operator) {
        true => Ok(()),
        false if input.peek().is_none() => Err(OPEN),
        false => {
            Err(refused!("operators of a class are mixed: put the inner ones into a class of their own"))
        }
    }
}

fn operand(input: &mut Cursor<'_>, depth: usize) -> Result<Operand> {
    if input.eat("[") {
        return nested(input, depth + 1).map(Operand::Set);
    }
    let mut ahead = input.clone();
    if ahead.eat("\\") {
        if ahead.eat("q{") {
            *input = ahead;
            return strings(input).map(Operand::Set);
        }
        if let Some(property) = escape::set(&mut ahead)? {
            *input = ahead;
            return Ok(Operand::Set(property));
        }
    }
    character(input).map(Operand::Character)
}

fn property(operand: &Operand) -> Property {
    match operand {
        Operand::Character(_) => Property::Characters,
        Operand::Set(property) => *property,
    }
}

/// Behind `\q{`: strings. A string of one character is no more than that.
fn strings(input: &mut Cursor<'_>) -> Result<Property> {
    let mut found = Property::Characters;
    loop {
        let mut length = 0;
        while !matches!(input.peek(), Some('|' | '}')) {
            character(input)?;
            length += 1;
        }
        if length != 1 {
            found = Property::Strings;
        }
        if input.next() == Some('}') {
            return Ok(found);
        }
    }
}

fn character(input: &mut Cursor<'_>) -> Result<u32> {
    let (c, code) = input.next_code().ok_or(OPEN)?;
    match c {
        '\\' if input.eat("b") => Ok(8),
        '\\' => match input.eat_any("&-!#%,:;<=>@`~") {
            Some(c) => Ok(c.into()),
            // There are no references in a class, so nothing is found out about names.
            None => escape::character(input, &mut Names::default()),
        },
        '(' | ')' | '[' | ']' | '{' | '}' | '/' | '-' | '|' => {
            Err(refused!("a class has a character that must be escaped under the flag v"))
        }
        _ if "&!#$%*+,.:;<=>?@^`~".contains(c) && input.peek() == Some(c) => {
            Err(refused!("a class has two of a punctuation mark, which the flag v reserves"))
        }
        _ => Ok(code),
    }
}
