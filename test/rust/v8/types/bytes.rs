//! Reading and writing bytes as Buffers (ADV-9).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use crossfork::v8::{self, Options, Value, View, ViewKind};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{reads, refused, round_trip};
use crate::kit::{hex, record, varint};
use crate::meter;

/// As the crate `serde_bytes` has it.
#[derive(Debug, PartialEq)]
struct Owned(Vec<u8>);

#[derive(Debug, PartialEq)]
struct Borrowed<'a>(&'a [u8]);

impl Serialize for Owned {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Owned {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl<'de> Visitor<'de> for Bytes {
            type Value = Owned;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Owned, E> {
                Ok(Owned(bytes.to_vec()))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Owned, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = seq.next_element()? {
                    bytes.push(byte);
                }
                Ok(Owned(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Bytes)
    }
}

impl<'de> Deserialize<'de> for Borrowed<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'de [u8]>::deserialize(deserializer).map(Borrowed)
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Blob(Vec<u8>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Holder {
    bytes: Vec<u8>,
    boxed: Box<[u8]>,
    option: Option<Vec<u8>>,
    list: Vec<Vec<u8>>,
    map: BTreeMap<String, Vec<u8>>,
    newtype: Blob,
    tuple: (Vec<u8>, u8),
}

#[test]
fn adv_9_bytes_become_a_buffer_at_any_place_even_when_empty() {
    for (bytes, printed) in [(vec![], "<Buffer>"), (vec![1, 255], "<Buffer 01 ff>")] {
        round_trip(&bytes, printed);
        round_trip(&bytes.clone().into_boxed_slice(), printed);
        round_trip(&Some(bytes.clone()), printed);
        round_trip(&Blob(bytes.clone()), printed);
        round_trip(&Owned(bytes.clone()), printed);
        round_trip(&vec![bytes.clone()], &format!("[ {printed} ]"));
        let holder = Holder {
            bytes: bytes.clone(),
            boxed: bytes.clone().into(),
            option: Some(bytes.clone()),
            list: vec![bytes.clone(); 2],
            map: BTreeMap::from([("k".into(), bytes.clone())]),
            newtype: Blob(bytes.clone()),
            tuple: (bytes.clone(), 7),
        };
        let text =
            "{ bytes: @, boxed: @, option: @, list: [ @, @ ], map: { k: @ }, newtype: @, tuple: [ @, 7 ] }";
        round_trip(&holder, &text.replace('@', printed));
        // A type that only borrows.
        let print = |record: v8::Error| panic!("{record}");
        let of = |record: Result<Vec<u8>, v8::Error>| {
            Value::decode(&record.unwrap_or_else(print)).expect("decodes").to_string()
        };
        let options = Options::new();
        assert_eq!(of(v8::to_vec(&bytes[..], &options)), printed);
        assert_eq!(of(v8::to_vec(&&bytes[..], &options)), printed);
        assert_eq!(of(v8::to_vec(&&bytes, &options)), printed);
        assert_eq!(of(v8::to_vec(&Cow::Borrowed(&bytes[..]), &options)), printed);
        assert_eq!(of(v8::to_vec(&Cow::<[u8]>::Owned(bytes.clone()), &options)), printed);
        assert_eq!(of(v8::to_vec(&Some(&bytes[..]), &options)), printed);
        assert_eq!(of(v8::to_vec(&(&bytes[..],), &options)), format!("[ {printed} ]"));
    }
}

#[test]
fn adv_9_other_sequences_stay_arrays() {
    round_trip(&[1u8, 2], "[ 1, 2 ]");
    round_trip(&[0u8; 0], "[]");
    round_trip(&vec![1i8, -1], "[ 1, -1 ]");
    round_trip(&vec![1u16], "[ 1 ]");
    round_trip(&vec![true], "[ true ]");
    round_trip(&std::collections::VecDeque::from([1u8]), "[ 1 ]");
    round_trip(&vec![[1u8, 2]], "[ [ 1, 2 ] ]");
    round_trip(&(1u8, 2u8), "[ 1, 2 ]");
}

#[test]
fn adv_9_borrowed_bytes_point_into_the_record() {
    let bytes: Vec<u8> = (0..=255).collect();
    let record = v8::to_vec(&(&bytes[..], "text"), &Options::new()).expect("encodes");
    let lies_in = |part: &[u8]| record.as_ptr_range().contains(&part.as_ptr());
    let (slice, text): (&[u8], &str) = v8::from_slice(&record).expect("reads");
    assert_eq!((slice, text), (&bytes[..], "text"));
    assert!(lies_in(slice) && lies_in(text.as_bytes()));
    let (borrowed, _): (Borrowed<'_>, &str) = v8::from_slice(&record).expect("reads");
    assert!(lies_in(borrowed.0));
    #[derive(Deserialize)]
    struct Lazy<'a>(#[serde(borrow)] Cow<'a, [u8]>, #[serde(borrow)] Cow<'a, str>);
    let lazy: Lazy<'_> = v8::from_slice(&record).expect("reads");
    assert!(matches!(lazy, Lazy(Cow::Borrowed(a), Cow::Borrowed(b)) if lies_in(a) && lies_in(b.as_bytes())));
    // A large value shares memory with the record, and a small one does not keep it alive.
    let shared = bytes::Bytes::from(record.clone());
    let Value::Array(parts) = Value::decode_bytes(&shared).expect("decodes") else { panic!("an array") };
    let view = parts[0].as_bytes().expect("bytes");
    assert!(shared.as_ptr_range().contains(&view.as_ptr()));
    let small =
        bytes::Bytes::from(v8::to_vec(&(vec![1u8, 2], vec![0u8; 4096]), &Options::new()).expect("encodes"));
    let Value::Array(parts) = Value::decode_bytes(&small).expect("decodes") else { panic!("an array") };
    assert!(!small.as_ptr_range().contains(&parts[0].as_bytes().expect("bytes").as_ptr()));
}

/// The buffer is copied once, or not at all.
#[test]
fn adv_9_a_large_buffer_is_copied_at_most_once() {
    let length = 16 << 20;
    let view = [hex("5c 00 0a"), varint(length), vec![7; length as usize]].concat();
    let alone = [record(""), view].concat();
    let inside = [record("4101"), alone[2..].to_vec(), hex("240001")].concat();
    let once = length as usize..length as usize + 4096;
    assert_eq!(most::<&[u8]>(&alone), 0);
    assert_eq!(most::<(&[u8],)>(&inside), 0);
    assert!(once.contains(&most::<Owned>(&alone)));
    assert!(once.contains(&most::<(Vec<u8>,)>(&inside)));
    assert!(once.contains(&most::<(Option<Blob>,)>(&inside)));
    assert!(once.contains(&most::<Value>(&alone)));
    let shared = bytes::Bytes::from(inside);
    assert!(meter::most(|| Value::decode_bytes(&shared).expect("decodes")) < 4096);
}

fn most<'de, T: Deserialize<'de>>(record: &'de [u8]) -> usize {
    meter::most(|| v8::from_slice::<T>(record).unwrap_or_else(|e| panic!("{e}")))
}

/// Every kind of binary data reads as bytes, and as a sequence of its elements.
#[test]
fn adv_9_any_binary_data_can_be_read_as_bytes() {
    let bytes = [1u8, 0, 2, 0, 0, 0, 0, 0];
    let data = bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let mut texts: Vec<String> = (0..14).map(|index| format!("5c00 {index:02x} 08 {data}")).collect();
    texts.extend([format!("42 08 {data}"), format!("7e 0810 {data}")]);
    texts.push(format!("42 0a ff {data} ff 56 42 01 08 00"));
    texts.push(format!("42 0a ffff {data} 56 77 02 08 00"));
    for text in &texts {
        let record = record(text);
        reads(&record, Borrowed(&bytes));
        reads(&record, Owned(bytes.to_vec()));
        reads(&record, &bytes[..]);
        // And a reference to it: the first occurrence is skipped.
        if !text.contains("56") {
            let twice = hex(&format!("ff0f 4102 {text} 5e01 240002"));
            reads(&twice, (Borrowed(&bytes), Borrowed(&bytes)));
            reads(&twice, (Owned(bytes.to_vec()), Owned(bytes.to_vec())));
            reads(&twice, (serde::de::IgnoredAny, Borrowed(&bytes)));
        }
    }
}

#[test]
fn adv_9_binary_data_can_be_read_as_a_sequence_of_numbers() {
    let bytes = |text: &str, expected: &[u8]| {
        reads(&record(text), expected.to_vec());
        reads(&record(text), expected.iter().copied().collect::<std::collections::VecDeque<_>>());
        reads(&record(text), expected.iter().map(|b| u64::from(*b)).collect::<Vec<_>>());
        reads(&record(text), (expected[0], expected[1]));
        reads(&record(text), [expected[0], expected[1]]);
        let twice = record(&format!("4102 {text} 5e01 240002"));
        if !text.contains("56") {
            reads(&twice, vec![expected.to_vec(), expected.to_vec()]);
            reads(&twice, vec![Some(Blob(expected.to_vec())), Some(Blob(expected.to_vec()))]);
        }
    };
    for text in
        ["5c000a 02 07ff", "5c0001 02 07ff", "5c0002 02 07ff", "5c0009 02 07ff", "42 02 07ff", "7e 0204 07ff"]
    {
        bytes(text, &[7, 255]);
    }
    bytes("42 03 0007ff 56 42 01 02 00", &[7, 255]);
    bytes("5c0004 04 07000900", &[7, 9]);
    reads(&record("5c0000 02 07ff"), vec![7i8, -1]);
    reads(&record("5c0003 04 0700ffff"), vec![7i16, -1]);
    reads(&record("5c0004 04 0700ffff"), vec![7u16, 65535]);
    reads(&record("5c0005 08 07000000ffffffff"), vec![7i32, -1]);
    reads(&record("5c0006 08 07000000ffffffff"), vec![7u32, u32::MAX]);
    reads(&record("5c0007 08 0000c03f000000c0"), vec![1.5f32, -2.0]);
    reads(&record("5c0008 10 000000000000f83f 00000000000000c0"), vec![1.5f64, -2.0]);
    reads(&record("5c000b 10 0100000000000000 ffffffffffffffff"), vec![1i64, -1]);
    reads(&record("5c000c 08 ffffffffffffffff"), vec![u64::MAX]);
    refused::<Vec<u8>>("5c0004 04 0700ffff");
    refused::<Vec<u8>>("5c0000 02 07ff");
    refused::<(u8, u8)>("5c000a 03 010203");
    refused::<(u8, u8)>("5c000a 01 01");
    // An array of numbers can be read as bytes.
    reads(&record("4102 4902 4904 240002"), Owned(vec![1, 2]));
    reads(&record("4102 4902 4904 240002"), vec![1u8, 2]);
    refused::<Vec<u8>>("4101 498004 240001");
    refused::<Vec<u8>>("2201 61");
    refused::<char>("5c000a 01 61");
}

#[test]
fn adv_9_float16_elements_are_read_as_numbers() {
    for (bits, n) in [
        ("0000", 0.0),
        ("0100", 2f32.powi(-24)),
        ("ff03", 1023.0 * 2f32.powi(-24)),
        ("0004", 2f32.powi(-14)),
        ("003c", 1.0),
        ("00c0", -2.0),
        ("5535", 0.333_251_95),
        ("ff7b", 65504.0),
        ("007c", f32::INFINITY),
        ("00fc", f32::NEG_INFINITY),
    ] {
        reads(&record(&format!("5c000d 02 {bits}")), vec![n]);
    }
    let minus: Vec<f32> = v8::from_slice(&record("5c000d 02 0080")).expect("reads");
    assert!(minus[0] == 0.0 && minus[0].is_sign_negative());
    let nan: Vec<f32> = v8::from_slice(&record("5c000d 02 017c")).expect("reads");
    assert!(nan[0].is_nan());
}

#[test]
fn adv_9_views_in_a_value_report_their_contents() {
    let view = |kind, bytes: &[u8]| Value::View(View { kind, bytes: bytes.to_vec().into() });
    assert_eq!(view(ViewKind::Buffer, b"ab"), Value::buffer("ab"));
    assert_ne!(view(ViewKind::Uint8Array, b"ab"), Value::buffer("ab"));
    assert_eq!(Value::buffer("ab").as_bytes().map(|b| &b[..]), Some(&b"ab"[..]));
    let float = v8::from_slice::<Value>(&record("5c0008 08 000000000000f83f")).expect("reads");
    assert_eq!(float, view(ViewKind::Float64Array, &1.5f64.to_le_bytes()));
}
