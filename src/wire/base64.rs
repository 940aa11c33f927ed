//! Bytes as text: base64 with the standard alphabet, as `Buffer` writes it.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What stands in [`VALUES`] for a character that is not in the alphabet.
const NONE: u8 = 255;

/// The value of each character. Those of the alphabet for URLs count too, as in Node.
const VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut i = 0;
    while i < 64 {
        values[ALPHABET[i] as usize] = i as u8;
        i += 1;
    }
    values[b'-' as usize] = 62;
    values[b'_' as usize] = 63;
    values
};

/// Writes bytes at the end of a text, with padding.
pub(crate) fn encode_to(text: &mut Vec<u8>, bytes: &[u8]) {
    text.reserve(bytes.len().div_ceil(3) * 4);
    let digit = |bits: u32, shift: u32| ALPHABET[(bits >> shift & 63) as usize];
    let (groups, rest) = bytes.as_chunks::<3>();
    for [a, b, c] in groups {
        let bits = u32::from_be_bytes([0, *a, *b, *c]);
        text.extend_from_slice(&[digit(bits, 18), digit(bits, 12), digit(bits, 6), digit(bits, 0)]);
    }
    match *rest {
        [a] => {
            let bits = u32::from_be_bytes([0, a, 0, 0]);
            text.extend_from_slice(&[digit(bits, 18), digit(bits, 12), b'=', b'=']);
        }
        [a, b] => {
            let bits = u32::from_be_bytes([0, a, b, 0]);
            text.extend_from_slice(&[digit(bits, 18), digit(bits, 12), digit(bits, 6), b'=']);
        }
        _ => {}
    }
}

/// Reads a text, with padding or without; `None` if it is something else.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.as_bytes();
    let text = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for group in text.chunks(4) {
        let mut bits = 0_u32;
        for character in group {
            let value = VALUES[usize::from(*character)];
            if value == NONE {
                return None;
            }
            bits = bits << 6 | u32::from(value);
        }
        match group.len() {
            4 => bytes.extend_from_slice(&bits.to_be_bytes()[1..]),
            3 => bytes.extend_from_slice(&(bits << 6).to_be_bytes()[1..3]),
            2 => bytes.extend_from_slice(&(bits << 12).to_be_bytes()[1..2]),
            _ => return None,
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{decode, encode_to};

    fn encoded(bytes: &[u8]) -> String {
        let mut text = Vec::new();
        encode_to(&mut text, bytes);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn bytes_are_written_as_in_rfc_4648() {
        let cases = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        for (length, text) in cases.into_iter().enumerate() {
            let bytes = &b"foobar"[..length];
            assert_eq!(encoded(bytes), text);
            assert_eq!(decode(text).unwrap(), bytes);
            assert_eq!(decode(text.trim_end_matches('=')).unwrap(), bytes);
        }
    }

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).cycle().take(1000).collect();
        for length in [254, 255, 256, 1000] {
            assert_eq!(decode(&encoded(&all[..length])).unwrap(), all[..length]);
        }
        assert_eq!(decode("-_-_").unwrap(), decode("+/+/").unwrap());
    }

    #[test]
    fn what_is_no_base64_is_refused() {
        for text in ["A", "AAAAA", "A===", "AA=A", "A A=", "Ä", "AA.."] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
