//! A script of instructions, and messages made from it: mostly like a peer's, often with a fault.

use serde_json::{Value, json};

/// Invalid values for a field.
const ODD: &[&str] = &[
    "null",
    "true",
    "-1",
    "0",
    "1.5",
    "4",
    "6",
    "-98",
    "70000",
    "1e300",
    "9007199254740993",
    "-9223372036854775808",
    "\"\"",
    "\"4\"",
    "\"udp4\"",
    "\"\\ud800\"",
    "[]",
    "{}",
    "{\"address\":\"::\",\"family\":\"IPv6\",\"port\":1}",
    "[[[[[[[[1]]]]]]]]",
];

/// Every field that is read.
const FIELDS: &[&str] = &[
    "act",
    "ack",
    "seq",
    "accepted",
    "errno",
    "key",
    "data",
    "sockname",
    "index",
    "address",
    "port",
    "addressType",
    "fd",
    "flags",
    "backlog",
    "readableAll",
];

/// The rest of a script. After its end it yields zeros.
pub struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    pub fn new(script: &'a [u8]) -> Self {
        Script(script)
    }

    pub fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub fn byte(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    pub fn below(&mut self, count: usize) -> usize {
        usize::from(self.byte()) % count.max(1)
    }

    /// One of these, if there are any.
    pub fn pick<T: Clone>(
        &mut self,
        from: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
    ) -> Option<T> {
        let mut from = from.into_iter();
        let at = self.below(from.len());
        from.nth(at)
    }

    /// A run of raw bytes.
    pub fn raw(&mut self) -> Vec<u8> {
        let length = usize::from(self.byte()).min(self.0.len());
        let (raw, rest) = self.0.split_at(length);
        self.0 = rest;
        raw.to_vec()
    }

    /// A query for one of few addresses, so that many queries are equal.
    pub fn query(&mut self) -> Value {
        let kind = self.byte();
        let (address, port, address_type) = match kind % 8 {
            0..=3 => (json!(null), json!(u16::from(kind / 8 % 3) * 1000), json!(4)),
            4 => (json!("::1"), json!(kind / 8 % 2), json!(6)),
            5 => (json!("/a/path"), json!(-1), json!(-1)),
            6 => (json!("0.0.0.0"), json!(kind / 8 % 2), json!("udp4")),
            _ => return json!({ "address": null, "port": null, "addressType": null, "fd": kind / 8 }),
        };
        json!({ "address": address, "port": port, "addressType": address_type, "index": kind / 64 })
    }

    /// The text of a message with these fields; sometimes with an invalid field, or truncated.
    pub fn text(&mut self, mut fields: Value, seq: u64) -> Vec<u8> {
        fields["cmd"] = json!("NODE_CLUSTER");
        fields["seq"] = json!(seq);
        let whole = self.byte();
        if whole < 224 {
            return fields.to_string().into_bytes();
        }
        let (field, value) = (FIELDS[self.below(FIELDS.len())], ODD[self.below(ODD.len())]);
        let mut text = fields.to_string();
        text.truncate(text.len() - 1);
        // The last of several counts, as in JavaScript.
        text += &format!(",\"{field}\":{value}}}");
        let cut = if whole == 255 { self.below(text.len()) } else { 0 };
        text.into_bytes().split_off(cut)
    }
}
