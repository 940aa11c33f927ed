//! Numbers as V8 writes them, and where they become big integers (ADV-4).

use crossfork::v8::{self, BigInt, Value};
use proptest::prelude::*;
use serde::Serialize;

use super::{serialized, written};
use crate::kit::{hex, newest, record};

#[test]
fn adv_4_32_bit_integers_are_varints_and_other_numbers_are_doubles() {
    for (n, text) in [
        (0.0, "49 00"),
        (-0.0, "4e 0000000000000080"),
        (1.0, "49 02"),
        (-1.0, "49 01"),
        (63.0, "49 7e"),
        (64.0, "49 8001"),
        (-64.0, "49 7f"),
        (-65.0, "49 8101"),
        (1073741823.0, "49 feffffff07"),
        (1073741824.0, "49 8080808008"),
        (2147483647.0, "49 feffffff0f"),
        (2147483648.0, "4e 000000000000e041"),
        (-2147483648.0, "49 ffffffff0f"),
        (-2147483649.0, "4e 000020000000e0c1"),
        (4294967295.0, "4e 0000e0ffffffef41"),
        (9007199254740991.0, "4e ffffffffffff3f43"),
        (9007199254740992.0, "4e 0000000000004043"),
        (1e300, "4e 9c7500883ce4377e"),
        (0.1, "4e 9a9999999999b93f"),
        (5e-324, "4e 0100000000000000"),
        (f64::MAX, "4e ffffffffffffef7f"),
        (f64::INFINITY, "4e 000000000000f07f"),
        (f64::NEG_INFINITY, "4e 000000000000f0ff"),
        (f64::NAN, "4e 000000000000f87f"),
    ] {
        written(&Value::Number(n), text);
        serialized(&n, text);
    }
}

#[test]
fn adv_4_there_is_one_nan() {
    for bits in [0x7ff8_0000_0000_0001, 0xfff8_0000_0000_0000, 0x7ff0_0000_0000_0001, u64::MAX] {
        let nan = f64::from_bits(bits);
        written(&Value::Number(nan), "4e 000000000000f87f");
        written(&Value::Date(nan), "44 000000000000f87f");
        written(&Value::NumberObject(nan), "6e 000000000000f87f");
    }
}

/// 1.0 is written as 1 is, as in V8; in a box it stays a double.
#[test]
fn adv_4_a_boxed_number_or_a_date_is_always_a_double() {
    written(&Value::NumberObject(1.0), "6e 000000000000f03f");
    written(&Value::Date(-0.0), "44 0000000000000080");
}

#[test]
fn adv_4_rust_integers_are_numbers_up_to_2_53_and_big_integers_beyond() {
    serialized(&u8::MAX, "49 fe03");
    serialized(&i16::MIN, "49 ffff03");
    serialized(&u32::MAX, "4e 0000e0ffffffef41");
    serialized(&i64::from(i32::MAX), "49 feffffff0f");
    serialized(&(i64::from(i32::MIN) - 1), "4e 000020000000e0c1");
    let safe = (1u64 << 53) - 1;
    serialized(&safe, "4e ffffffffffff3f43");
    serialized(&-(safe as i64), "4e ffffffffffff3fc3");
    serialized(&i128::from(safe), "4e ffffffffffff3f43");
    serialized(&u128::from(safe), "4e ffffffffffff3f43");
    serialized(&(safe + 1), "5a 10 0000000000002000");
    serialized(&-(safe as i64 + 1), "5a 11 0000000000002000");
    serialized(&i128::from(safe + 1), "5a 10 0000000000002000");
    serialized(&u64::MAX, "5a 10 ffffffffffffffff");
    serialized(&i64::MIN, "5a 11 0000000000000080");
    serialized(&(1u128 << 64), "5a 20 0000000000000000 0100000000000000");
    serialized(&u128::MAX, &format!("5a 20 {}", "ff".repeat(16)));
    serialized(&i128::MIN, "5a 21 0000000000000000 0000000000000080");
}

#[test]
fn adv_4_a_big_integer_has_complete_digits_and_zero_has_no_sign() {
    written(&BigInt::from(0).into(), "5a 00");
    written(&BigInt::new(true, &[0, 0]).into(), "5a 00");
    written(&BigInt::new(true, &[5, 0]).into(), "5a 11 0500000000000000");
    written(&Value::BigIntObject(BigInt::new(false, &[0, 1])), "7a 20 0000000000000000 0100000000000000");
    // As others may write them.
    for (text, n) in [("5a 01", 0), ("5a 11 0000000000000000", 0), ("5a 03 05", -5), ("5a 06 010200", 513)] {
        assert_eq!(crate::kit::value(text), BigInt::from(n).into(), "{text}");
    }
}

#[test]
fn adv_4_floats_of_32_bits_are_the_same_numbers() {
    serialized(&0.5f32, "4e 000000000000e03f");
    serialized(&16777217f32, "49 80808010");
    serialized(&f32::NAN, "4e 000000000000f87f");
}

proptest! {
    #[test]
    fn adv_4_any_number_is_encoded_as_by_v8_and_round_trips(bits: u64, small: i32, any: f64) {
        for n in [f64::from_bits(bits), small.into(), f64::from(small) + 0.5, f64::from(small) * 4.0, any] {
            let record = Value::Number(n).encode(&newest()).expect("encodes");
let is_int = (-2147483648.0..=2147483647.0).contains(&n) && n.fract() == 0.0 && n.to_bits() != 1 << 63;
            prop_assert_eq!(record[2], if is_int { b'I' } else { b'N' });
            prop_assert_eq!(Value::decode(&record), Ok(Value::Number(n)));
            let back: f64 = v8::from_slice(&record).expect("reads");
            prop_assert!(back.to_bits() == n.to_bits() || back.is_nan() && n.is_nan());
        }
    }

    #[test]
    fn adv_4_any_integer_round_trips(n: i128, shift in 0u32..128, m: u128) {
        let (n, m) = (n >> shift, m >> shift);
        prop_assert_eq!(v8::from_slice::<i128>(&write(&n)), Ok(n));
        prop_assert_eq!(v8::from_slice::<u128>(&write(&m)), Ok(m));
        if let Ok(n) = i64::try_from(n) {
            prop_assert_eq!(v8::from_slice::<i64>(&write(&n)), Ok(n));
            prop_assert_eq!(write(&n), write(&i128::from(n)));
        }
        if let Ok(m) = u64::try_from(m) {
            prop_assert_eq!(v8::from_slice::<u64>(&write(&m)), Ok(m));
            prop_assert_eq!(write(&m), write(&u128::from(m)));
        }
        prop_assert_eq!(v8::from_slice::<i32>(&write(&n)).ok(), i32::try_from(n).ok());
        prop_assert_eq!(v8::from_slice::<u16>(&write(&n)).ok(), u16::try_from(n).ok());
        let big = BigInt::from(n);
        prop_assert_eq!(i128::try_from(&big), Ok(n));
        prop_assert_eq!(BigInt::new(big.is_negative(), big.magnitude()), big.clone());
        prop_assert_eq!(u64::try_from(&big).ok(), u64::try_from(n).ok());
        prop_assert_eq!(big.to_string(), format!("{n}n"));
    }
}

fn write<T: Serialize>(value: &T) -> Vec<u8> {
    v8::to_vec(value, &newest()).expect("encodes")
}

#[test]
fn adv_4_a_big_integer_of_any_size_round_trips_and_prints_in_hexadecimal() {
    let digits: Vec<u64> = (1..=40).collect();
    let value = Value::from(BigInt::new(true, &digits));
    let record_of = value.encode(&newest()).expect("encodes");
    assert_eq!(record_of[..5], [record("5a"), hex("8105")].concat());
    assert_eq!(Value::decode(&record_of), Ok(value.clone()));
    assert!(value.to_string().starts_with("-0x28000000000000002700000"), "{value}");
    let error = v8::from_slice::<i128>(&record_of).expect_err("is over 128 bits");
    assert!(error.to_string().contains("128 bits"), "{error}");
}
