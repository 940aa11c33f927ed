//! Text that does in a terminal what text does, and nothing else: no worker can overwrite or hide lines of others,
//! or write one that looks like ours.

use std::io::Write;

/// Ends all colours.
const RESET: &[u8] = b"\x1b[0m";

/// Appends the text of one line. Colours stay, and end with it. Other control characters are written as escapes.
pub(super) fn push(text: &[u8], to: &mut Vec<u8>) {
    let is_plain = |byte: &u8| !(byte.is_ascii_control() && *byte != b'\t' || *byte == 0xc2);
    // The end of a line from a program of Windows.
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    if text.iter().all(is_plain) {
        return to.extend_from_slice(text);
    }
    let mut is_colored = false;
    for chunk in text.utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some(next) = rest.chars().next() {
            if let Some(color) = color(rest) {
                is_colored = true;
                to.extend_from_slice(color.as_bytes());
                rest = &rest[color.len()..];
                continue;
            }
            let (this, after) = rest.split_at(next.len_utf8());
            match next {
                '\t' => to.push(b'\t'),
                // Writing to memory does not fail.
                control if control.is_control() => drop(write!(to, "{}", control.escape_default())),
                _ => to.extend_from_slice(this.as_bytes()),
            }
            rest = after;
        }
        to.extend_from_slice(chunk.invalid());
    }
    if is_colored && !to.ends_with(RESET) {
        to.extend_from_slice(RESET);
    }
}

/// The sequence for a colour or the like with which the text begins.
fn color(text: &str) -> Option<&str> {
    let parameters = text.strip_prefix("\x1b[")?;
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';' && c != ':')?;
    parameters[end..].starts_with('m').then(|| &text[..2 + end + 1])
}
