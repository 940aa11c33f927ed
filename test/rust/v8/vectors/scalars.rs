//! Primitives, dates, boxed primitives and regular expressions.

use crossfork::v8::{BigInt, JsString, RegExp, RegExpFlags, Value};

use crate::kit::Vector;

pub fn expected(vector: &Vector) -> Option<Value> {
    let id = vector.id.as_str();
    // Numbers whose source text Rust reads too.
    if id.starts_with("int_") || id == "double_1_5" || id == "neg_zero" {
        return vector.js.parse().ok().map(Value::Number);
    }
    Some(match id {
        "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        "double_neg_pi" => Value::Number(-std::f64::consts::PI),
        "nan" => Value::Number(f64::NAN),
        "infinity" => Value::Number(f64::INFINITY),
        "neg_infinity" => Value::Number(f64::NEG_INFINITY),
        "str_empty" => "".into(),
        "str_ascii" => "hello".into(),
        "str_latin1" => "h\u{e9}\u{ff}".into(),
        "str_twobyte" => "h\u{20ac}".into(),
        "str_emoji" => "\u{1f600}".into(),
        "str_lone_surrogate" => JsString::from_utf16(&[0xd800]).into(),
        "str_nul" => "a\0b".into(),
        "str_128_ascii" => "a".repeat(128).into(),
        "str_300_twobyte" => format!("{}{}", "\u{4e2d}".repeat(3), "a".repeat(10)).into(),
        "obj_bigint_0" => big(BigInt::default()),
        "obj_bigint_1" => big(1.into()),
        "obj_bigint_neg1" => big((-1).into()),
        "obj_bigint_2p64" => big((1u128 << 64).into()),
        "obj_bigint_neg_large" => big((-(1i128 << 100)).into()),
        "date" => Value::Date(1_700_000_000_123.0),
        "date_invalid" => Value::Date(f64::NAN),
        "date_epoch" => Value::Date(0.0),
        "boxed_number" => Value::NumberObject(1.5),
        "boxed_string" => Value::StringObject("str".into()),
        "boxed_true" => Value::BoolObject(true),
        "boxed_false" => Value::BoolObject(false),
        "boxed_bigint" => Value::BigIntObject(10.into()),
        "regexp" => regexp("ab+c", "gi"),
        "regexp_flags_dy" => regexp("x\\u20ac", "dsmuy"),
        // On Node 18, which has no such flag, the source says this.
        "regexp_v" if vector.node.iter().any(|node| node.starts_with("18.")) => "unsupported".into(),
        "regexp_v" => regexp("a", "v"),
        _ => return None,
    })
}

fn big(n: BigInt) -> Value {
    Value::object([("v", n.into())])
}

fn regexp(source: &str, flags: &str) -> Value {
    let flags = RegExpFlags::from_letters(flags).expect("known flags");
    Value::RegExp(Box::new(RegExp { source: source.into(), flags }))
}
