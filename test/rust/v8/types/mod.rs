//! User types through serde.

mod bytes;
mod javascript;
mod json;
mod lossless;
mod shapes;

use std::fmt::Debug;

use crossfork::v8::{self, Options, Value};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::kit::record;

/// The type is encoded as this value, and decoded again.
fn round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug>(of: &T, printed: &str) {
    let record = v8::to_vec(of, &Options::new()).expect(printed);
    let value = Value::decode(&record).expect(printed);
    assert_eq!(value.to_string(), printed);
    assert_eq!(&v8::from_slice::<T>(&record).expect(printed), of);
    // A received value is read in the same way.
    let again = value.encode(&Options::new()).expect(printed);
    assert_eq!(&v8::from_slice::<T>(&again).expect(printed), of);
}

/// The record reads as this.
fn reads<'de, T: Deserialize<'de> + PartialEq + Debug>(record: &'de [u8], expected: T) {
    assert_eq!(v8::from_slice::<T>(record).unwrap_or_else(|e| panic!("{expected:?}: {e}")), expected);
}

fn refused<T: DeserializeOwned + Debug>(text: &str) -> String {
    v8::from_slice::<T>(&record(text)).expect_err(text).to_string()
}
