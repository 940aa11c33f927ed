//! Classes without the flag `v`: `[^a-z\d]`.

use super::cursor::{Cursor, Mode};
use super::names::Names;
use super::{Result, escape, refused};

/// Behind `[`.
pub(super) fn class(input: &mut Cursor<'_>, names: &mut Names) -> Result<()> {
    const OPEN: &str = refused!("a class is not closed");
    input.eat("^");
    while !input.eat("]") {
        let from = atom(input, names)?.ok_or(OPEN)?;
        if !input.eat("-") {
            continue;
        }
        if input.eat("]") {
            break;
        }
        match (from, atom(input, names)?.ok_or(OPEN)?) {
            (Atom::Character(from), Atom::Character(to)) if from > to => {
                return Err(refused!("a range of a class is out of order"));
            }
            (Atom::Character(_), Atom::Character(_)) => {}
            // Annex B takes the hyphen for itself.
            _ if input.mode() == Mode::Legacy => {}
            _ => return Err(refused!("a range of a class begins or ends with a set")),
        }
    }
    Ok(())
}

enum Atom {
    Character(u32),
    Set,
}

fn atom(input: &mut Cursor<'_>, names: &mut Names) -> Result<Option<Atom>> {
    let Some((c, code)) = input.next_code() else { return Ok(None) };
    if c != '\\' {
        return Ok(Some(Atom::Character(code)));
    }
    if input.eat("b") {
        return Ok(Some(Atom::Character(8)));
    }
    if input.mode() != Mode::Legacy && input.eat("-") {
        return Ok(Some(Atom::Character('-'.into())));
    }
    if escape::set(input)?.is_some() {
        return Ok(Some(Atom::Set));
    }
    let before = input.clone();
    let code = escape::character(input, names)?;
    // Annex B: in a class, digits and the low line may be control characters too.
    let mut ahead = before;
    if code == u32::from('\\')
        && ahead.eat("c")
        && let Some(c) = ahead.eat_if(|c| c.is_ascii_digit() || c == '_')
    {
        *input = ahead;
        return Ok(Some(Atom::Character(u32::from(c) & 0x1f)));
    }
    Ok(Some(Atom::Character(code)))
}
