//! References to missing objects.

use crossfork::v8::{self, Kind, Value};
use serde::de::IgnoredAny;

use crate::any;
use crate::kit::{record, value};

/// Neither a `Value` nor a serde type can represent it.
fn refers_to_nothing(text: &str, id: u32) {
    let record = record(text);
    let error = Value::decode(&record).expect_err(text);
    assert_eq!(error.kind(), &Kind::NoSuchObject(id), "{text}");
    assert_eq!(v8::from_slice::<Value>(&record).expect_err(text).kind(), &Kind::NoSuchObject(id), "{text}");
    v8::from_slice::<serde_json::Value>(&record).expect_err(text);
    any::check(&record);
}

#[test]
fn adv_6_a_dangling_or_forward_reference_is_an_error() {
    refers_to_nothing("5e00", 0);
    refers_to_nothing("5effffffff0f", u32::MAX);
    refers_to_nothing("4101 5e01 240001", 1);
    // Forward: to an object that begins later.
    refers_to_nothing("4102 5e01 6f7b00 240002", 1);
    refers_to_nothing("6f 220161 5e01 220162 6f7b00 7b02", 1);
    refers_to_nothing("3b 5e01 6f7b00 3a02", 1);
    // Strings and other primitives take no number.
    refers_to_nothing("4104 220161 4902 4e0000000000000000 5e01 240004", 1);
    refers_to_nothing("4102 5a00 5e01 240002", 1);
    // A view of Node's takes one, and not two.
    refers_to_nothing("4102 5c000a00 5e02 240002", 2);
    // A boxed string takes one, and the string in it none; a regular expression too.
    refers_to_nothing("4102 73220161 5e02 240002", 2);
    refers_to_nothing("4102 5222016100 5e02 240002", 2);
    // Nor do the parts of an error.
    refers_to_nothing("4102 726d2201617322016163302e 5e02 240002", 2);
}

#[test]
fn adv_6_objects_are_numbered_as_by_v8() {
    // Each kind takes the next number; a native object takes two, and both refer to it.
    for (object, numbers) in [
        ("6f7b00", 1),
        ("4100240000", 1),
        ("6105400005", 1),
        ("440000000000000000", 1),
        ("79", 1),
        ("78", 1),
        ("6e0000000000000000", 1),
        ("7a00", 1),
        ("732200", 1),
        ("5222016100", 1),
        ("3b3a00", 1),
        ("272c00", 1),
        ("722e", 1),
        ("4200", 1),
        ("7e0001", 1),
        ("5c000a00", 1),
        ("5c016f7b00", 2),
        ("4200 5642000000", 2),
    ] {
        let text = format!("4103 {object} 440000000000001440 5e{:02x} 240003", 1 + numbers);
        let Value::Array(values) = value(&text) else { panic!("{text} is an array") };
        assert_eq!(values[1], Value::Date(5.0).with_label(1), "{text}");
        assert_eq!(values[2], Value::Reference(1), "{text}");
        for number in 1..=numbers {
            let text = format!("4102 {object} 5e{number:02x} 240002");
            let Value::Array(values) = value(&text) else { panic!("{text} is an array") };
            assert_eq!(values[1], Value::Reference(1), "{text}");
            assert!(values[0].labelled(1).is_some(), "{text}");
        }
    }
}

#[test]
fn adv_6_a_reference_to_an_unfinished_object_is_circular() {
    let own = |text: &str| value(text).to_string();
    assert_eq!(own("6f 220161 5e00 7b01"), "<ref *1> { a: [Circular *1] }");
    assert_eq!(own("4101 5e00 240001"), "<ref *1> [ [Circular *1] ]");
    assert_eq!(own("3b 5e00 5e00 3a02"), "<ref *1> Map(1) { [Circular *1] => [Circular *1] }");
    assert_eq!(own("27 5e00 2c01"), "<ref *1> Set(1) { [Circular *1] }");
    assert_eq!(own("6102 4900 5e00 400102"), "<ref *1> Array(2) [ 0: [Circular *1] ]");
    assert_eq!(own("72 63 5e00 2e"), "<ref *1> [Error, cause: [Circular *1]]");
    let inner = "4102 6f 220161 5e00 220162 5e01 7b02 5e01 240002";
    assert_eq!(own(inner), "<ref *1> [ <ref *2> { a: [Circular *1], b: [Circular *2] }, [Circular *2] ]");
}

#[test]
fn adv_6_a_circular_value_can_only_be_read_as_a_value() {
    for text in [
        "6f 220161 5e00 7b01",
        "4101 5e00 240001",
        "27 5e00 2c01",
        "72 63 5e00 2e",
        "5c016f 220161 5e00 7b01",
    ] {
        let record = record(text);
        let error = v8::from_slice::<serde_json::Value>(&record).expect_err(text);
        assert_eq!(error.kind(), &Kind::Shared, "{text}");
        assert!(error.to_string().contains("v8::Value"), "{error}");
        v8::from_slice::<IgnoredAny>(&record).expect(text);
        any::check(&record);
    }
    // Through another object.
    let record = record("6f 220161 6f 220162 5e00 7b01 7b01");
    let error = v8::from_slice::<serde_json::Value>(&record).expect_err("is circular");
    assert_eq!(error.kind(), &Kind::Shared);
}

#[test]
fn adv_6_an_inner_error_does_not_make_another_reference_valid() {
    // The second array is damaged: objects that begin in it cannot be referred to.
    let record = record("4103 4101 ff 240001 5e01 5e02 240003");
    assert_eq!(Value::decode(&record).expect_err("is damaged").kind(), &Kind::UnknownTag(0xff));
    any::check(&record);
}
