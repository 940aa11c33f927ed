//! What passes a point of a stream, seen as lines.

/// A kind of line, as far as a test tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A user's message, by its number.
    Plain(usize),
    /// A handle with a user's message.
    Handle(usize),
    Ack,
    Nack,
    AskCount,
    AskClosed,
    Count,
    AllClosed,
}

/// Collects bytes and gives the lines that they complete.
#[derive(Default)]
pub struct Tap {
    line: Vec<u8>,
}

impl Tap {
    pub fn pass(&mut self, bytes: &[u8]) -> Vec<Kind> {
        let mut kinds = Vec::new();
        for byte in bytes {
            match byte {
                b'\n' => kinds.push(kind(&std::mem::take(&mut self.line))),
                _ => self.line.push(*byte),
            }
        }
        kinds
    }

    /// Whether no line is half through.
    pub fn at_boundary(&self) -> bool {
        self.line.is_empty()
    }
}

fn kind(line: &[u8]) -> Kind {
    let text = std::str::from_utf8(line).expect("cores write UTF-8");
    let is = |cmd: &str| text.starts_with(&format!("{{\"cmd\":\"NODE_{cmd}\""));
    if is("HANDLE") {
        return Kind::Handle(number(text));
    }
    let names = [
        ("HANDLE_ACK", Kind::Ack),
        ("HANDLE_NACK", Kind::Nack),
        ("SOCKET_GET_COUNT", Kind::AskCount),
        ("SOCKET_NOTIFY_CLOSE", Kind::AskClosed),
        ("SOCKET_COUNT", Kind::Count),
        ("SOCKET_ALL_CLOSED", Kind::AllClosed),
    ];
    match names.into_iter().find(|(name, _)| is(name)) {
        Some((_, kind)) => kind,
        None => Kind::Plain(number(text)),
    }
}

/// The text of a user's message.
pub fn message(number: usize, length: usize) -> String {
    format!("{{\"n\":{number},\"pad\":\"{}\"}}", "x".repeat(length))
}

/// The number in such a text, wherever it stands.
pub fn number(text: &str) -> usize {
    let (_, rest) = text.split_once("{\"n\":").unwrap_or_else(|| panic!("{text:?} has no number"));
    let digits = rest.split(',').next().unwrap_or_default();
    digits.parse().unwrap_or_else(|_| panic!("{text:?} has no number"))
}
