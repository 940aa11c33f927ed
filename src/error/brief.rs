//! What others have written, fit to be shown: short, and without what a terminal would obey.

use std::fmt::{self, Debug, Display, Write};
use std::ops::Deref;

use bytes::Bytes;

/// How many characters are shown of the beginning and of the end of a long text.
const BEGINNING: usize = 140;
const END: usize = 80;

/// How many bytes are shown of what is no text.
const BYTES: usize = 60;

/// The text without its middle if it is long, and with control characters as escapes.
pub(crate) fn brief(text: &str) -> String {
    let mut shown = String::new();
    let mut show = |text: &str| {
        for c in text.chars() {
            match is_harmless(c) {
                true => shown.push(c),
                false => shown.extend(c.escape_unicode()),
            }
        }
    };
    let length = text.chars().count();
    if length <= BEGINNING + END {
        show(text);
        return shown;
    }
    let at = |nth: usize| text.char_indices().nth(nth).map_or(text.len(), |(at, _)| at);
    show(&text[..at(BEGINNING)]);
    show("...");
    show(&text[at(length - END)..]);
    let _ = write!(shown, " ({} bytes)", text.len());
    shown
}

/// Neither a control character nor one that turns the direction of what follows it.
fn is_harmless(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What the peer has sent, as it came. Shown, it is an excerpt: a value if it is one, and otherwise
/// its first bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Quote {
    bytes: Bytes,
    value: Option<Box<str>>,
}

impl Quote {
    /// Bytes that stand for this value, if they stand for one.
    pub(crate) fn new(bytes: Bytes, value: Option<&dyn Display>) -> Self {
        let value = value.map(|value| brief(&value.to_string()).into());
        Quote { bytes, value }
    }

    /// The bytes, owned.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }
}

impl Deref for Quote {
    type Target = Bytes;
    fn deref(&self) -> &Bytes {
        &self.bytes
    }
}

impl<T: AsRef<[u8]> + ?Sized> PartialEq<T> for Quote {
    fn eq(&self, other: &T) -> bool {
        self.bytes == other.as_ref()
    }
}

impl Display for Quote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => f.write_str(value),
            None => Excerpt(&self.bytes).fmt(f),
        }
    }
}

impl Debug for Quote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// The beginning of what the peer sent.
pub(super) struct Excerpt<'a>(pub(super) &'a [u8]);

impl Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.0[..self.0.len().min(BYTES)];
        write!(f, "\"{}\"", shown.escape_ascii())?;
        if self.0.len() > BYTES {
            write!(f, "... ({} bytes)", self.0.len())?;
        }
        Ok(())
    }
}
