//! Hostile records: each is an error, and takes no excessive memory or time.

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

/// Decoding takes memory in proportion to the record: one byte can be a whole value.
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
