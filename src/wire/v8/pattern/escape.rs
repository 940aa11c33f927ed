//! What begins with a backslash.

use super::cursor::{Cursor, Mode};
use super::names::Names;
use super::properties::{self, Property};
use super::{Result, refused};

/// Behind `\`, outside of a class, when it is no assertion.
pub(super) fn atom(input: &mut Cursor<'_>, names: &mut Names) -> Result<()> {
    if input.mode() != Mode::Legacy && matches!(input.peek(), Some('1'..='9')) {
        let mut number = 0u32;
        while let Some(digit) = input.eat_if(|c| c.is_ascii_digit()).and_then(|c| c.to_digit(10)) {
            number = number.saturating_mul(10).saturating_add(digit);
        }
        names.refer_to_number(number);
        return Ok(());
    }
    if input.named_references() && input.eat("k") {
        if !input.eat("<") {
            return Err(refused!("\\k is not followed by the name of a group"));
        }
        names.refer_to(input.group_name()?);
        return Ok(());
    }
    if set(input)?.is_none() {
        character(input, names)?;
    }
    Ok(())
}

/// Behind `\`: one that stands for a set of characters, or even strings.
pub(super) fn set(input: &mut Cursor<'_>) -> Result<Option<Property>> {
    if input.eat_any("dDsSwW").is_some() {
        return Ok(Some(Property::Characters));
    }
    if input.mode() == Mode::Legacy {
        return Ok(None);
    }
    let Some(letter) = input.eat_any("pP") else {
        return Ok(None);
    };
    const WRONG: &str = refused!("\\p is not followed by a property that every Node knows");
    if !input.eat("{") {
        return Err(WRONG);
    }
    let mut text = String::new();
    while let Some(c) = input.eat_if(|c| c.is_ascii_alphanumeric() || c == '_' || c == '=') {
        text.push(c);
    }
    if !input.eat("}") {
        return Err(WRONG);
    }
    match properties::find(&text) {
        Some(Property::Strings) if input.mode() != Mode::Sets => Err(WRONG),
        Some(Property::Strings) if letter == 'P' => Err(refused!("a property of strings is negated")),
        found => found.map(Some).ok_or(WRONG),
    }
}

/// Behind `\`: one that stands for a character. Returns its number.
pub(super) fn character(input: &mut Cursor<'_>, names: &mut Names) -> Result<u32> {
    let legacy = input.mode() == Mode::Legacy;
    let before = input.clone();
    let (c, code) = input.next_code().ok_or(refused!("it ends with a backslash"))?;
    let in_full = match c {
        't' => Some(0x09),
        'n' => Some(0x0a),
        'v' => Some(0x0b),
        'f' => Some(0x0c),
        'r' => Some(0x0d),
        'c' => input.eat_if(|c| c.is_ascii_alphabetic()).map(|letter| u32::from(letter) & 0x1f),
        'x' => input.hex(2),
        'u' if legacy => input.hex(4),
        'u' => Some(input.unicode_escape()?),
        '0'..='7' if legacy => Some(octal(c, input)),
        '0' if !matches!(input.peek(), Some('0'..='9')) => Some(0),
        'k' if input.named_references() => None,
        _ if legacy || "^$\\.*+?()[]{}|/".contains(c) => Some(code),
        _ => None,
    };
    match (in_full, c) {
        (Some(code), 'k') => {
            names.note_letter_k();
            Ok(code)
        }
        (Some(code), _) => Ok(code),
        // Annex B: the backslash itself, and the c stays.
        (None, 'c') if legacy => {
            *input = before;
            Ok('\\'.into())
        }
        (None, 'x' | 'u') if legacy => Ok(code),
        (None, _) => Err(refused!("an escape is incomplete, or escapes what needs none")),
    }
}

/// Behind a first digit: up to 255, in three digits at the most.
fn octal(first: char, input: &mut Cursor<'_>) -> u32 {
    let mut value = first.to_digit(8).unwrap_or(0);
    for _ in 0..2 {
        if value >= 32 {
            break;
        }
        let Some(digit) = input.eat_any("01234567").and_then(|c| c.to_digit(8)) else { break };
        value = value * 8 + digit;
    }
    value
}
