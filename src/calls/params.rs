//! Parameters: by name as they are, or one value in an array. And back.

use std::fmt;

use serde::de::{Deserialize, DeserializeOwned};
use serde::ser::{self, Impossible, Serialize, SerializeTuple, Serializer};

use super::error::{RpcError, code};
use super::id::{Found, Id};
use super::upload;
use crate::message::part::{Kind, Part};

/// Parameters as they travel: an object by itself, anything else as the one element of an array.
pub(crate) struct Wrapped<'a, P: ?Sized>(pub(crate) &'a P);

impl<P: Serialize + ?Sized> Serialize for Wrapped<'_, P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if is_object(self.0) {
            return self.0.serialize(serializer);
        }
        let mut array = serializer.serialize_tuple(1)?;
        array.serialize_element(self.0)?;
        array.end()
    }
}

/// Parameters, unless they are `()`.
pub(crate) fn some<P: Serialize + ?Sized>(params: &P) -> Option<&P> {
    (typeid::of::<P>() != std::any::TypeId::of::<()>()).then_some(params)
}

/// The token with which a peer of the Language Server Protocol reports progress, if the parameters name one.
pub(crate) fn work_done_token<P: Serialize + ?Sized>(params: &P) -> Option<Id> {
    let params = serde_json::to_value(params).ok()?;
    match Found::deserialize(params.get("workDoneToken")?) {
        Ok(Found::Id(id)) => Some(id),
        _ => None,
    }
}

/// Reads parameters into what a handler takes.
pub(crate) fn decode<A: DeserializeOwned>(params: Option<&Part>) -> Result<A, RpcError> {
    let invalid = |reason: String| RpcError::new(code::INVALID_PARAMS, reason);
    let absent = || {
        let absent = serde::de::value::UnitDeserializer::<serde::de::value::Error>::new();
        A::deserialize(absent).map_err(|_| invalid("missing params: the method requires parameters".into()))
    };
    let Some(params) = params else {
        return absent();
    };
    if params.kind() != Kind::Array {
        return params.decode_naming("params").map_err(invalid);
    }
    let (mut first, mut count) = (None, 0_usize);
    params
        .elements(|element| {
            count += 1;
            first.get_or_insert(element);
        })
        .map_err(|reason| invalid(reason.to_string()))?;
    match (count, first) {
        (0, _) => absent(),
        (1, Some(one)) => one.decode_naming("params").map_err(invalid),
        _ => params.decode_naming("params").map_err(invalid),
    }
}

/// Whether a value is an object in JavaScript, told by how it begins to describe itself.
fn is_object<P: Serialize + ?Sized>(value: &P) -> bool {
    matches!(value.serialize(Probe), Err(Probed { is_object: true }))
}

/// Learns how a value begins, and stops.
struct Probe;

/// It has stopped.
#[derive(Debug)]
struct Probed {
    is_object: bool,
}

const OBJECT: Result<Impossible<(), Probed>, Probed> = Err(Probed { is_object: true });
const LIST: Result<Impossible<(), Probed>, Probed> = Err(Probed { is_object: false });

macro_rules! others {
    ($($method:ident: $type:ty),* $(,)?) => {$(
        fn $method(self, _: $type) -> Result<(), Probed> {
            Ok(())
        }
    )*};
}

impl Serializer for Probe {
    type Ok = ();
    type Error = Probed;
    type SerializeSeq = Impossible<(), Probed>;
    type SerializeTuple = Impossible<(), Probed>;
    type SerializeTupleStruct = Impossible<(), Probed>;
    type SerializeTupleVariant = Impossible<(), Probed>;
    type SerializeMap = Impossible<(), Probed>;
    type SerializeStruct = Impossible<(), Probed>;
    type SerializeStructVariant = Impossible<(), Probed>;

    others! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_i128: i128, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_u128: u128, serialize_f32: f32, serialize_f64: f64, serialize_char: char,
        serialize_str: &str, serialize_bytes: &[u8], serialize_unit_struct: &'static str,
    }

    fn serialize_none(self) -> Result<(), Probed> {
        Ok(())
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<(), Probed> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Probed> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), Probed> {
        Ok(())
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Probed> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Probed> {
        OBJECT.map(drop)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, Probed> {
        LIST
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Probed> {
        LIST
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTuple, Probed> {
        LIST
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTuple, Probed> {
        OBJECT
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Probed> {
        OBJECT
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Self::SerializeStruct, Probed> {
        // What stands for a stream is one value.
        if name == upload::NAME { LIST } else { OBJECT }
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Probed> {
        OBJECT
    }
}

impl ser::Error for Probed {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Probed { is_object: false }
    }
}

impl std::error::Error for Probed {}

impl fmt::Display for Probed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value was looked at")
    }
}
