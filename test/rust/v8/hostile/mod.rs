//! Records that no honest peer writes: each is an error, takes no memory that it has not earned, and
//! no time that it should not.

mod depth;
mod headers;
mod laughs;
mod lies;
mod memory;
mod references;

use crossfork::v8::{self, Kind, Value};
use serde::de::IgnoredAny;

use crate::kit::record;
use crate::{any, meter};

/// Whatever is read of a record takes memory in its measure: a byte can be a whole value.
pub fn takes_little<T>(record: &[u8], read: impl FnOnce(&[u8]) -> T) {
    let most = meter::most(|| read(record));
    let enough = 64 * 1024 + 128 * record.len();
    assert!(most <= enough, "{most} bytes for a record of {}", record.len());
}

/// Every reader refuses it, and a [`Value`] for this reason.
fn refused(text: &str, kind: &Kind) {
    let record = record(text);
    match Value::decode(&record) {
        Err(error) => {
            assert_eq!(error.kind(), kind, "{text}");
            assert!(error.offset().is_some_and(|at| at <= record.len()), "{text}: {error}");
        }
        Ok(value) => panic!("{text} became {value}"),
    }
    v8::from_slice::<serde_json::Value>(&record).expect_err(text);
    v8::from_slice::<Vec<u8>>(&record).expect_err(text);
    v8::from_slice::<Vec<Value>>(&record).expect_err(text);
    v8::from_slice::<IgnoredAny>(&record).expect_err(text);
    takes_little(&record, any::check);
}
