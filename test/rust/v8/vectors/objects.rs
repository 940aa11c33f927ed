//! Errors, binary data and native objects.

use crossfork::v8::{ErrorKind, ErrorObject, Value, View, ViewKind};

use crate::kit::{Vector, empty};

pub fn expected(vector: &Vector) -> Option<Value> {
    error(&vector.id).or_else(|| binary(vector)).or_else(|| native(vector))
}

/// Its name, code and inner errors do not travel (ADV-7).
fn error(id: &str) -> Option<Value> {
    let of = |kind, message: &str| made(kind, Some(message), Some("S"), None);
    Some(match id {
        "error" => made(ErrorKind::Error, Some("boom"), Some("STACK"), None),
        "error_nostack" => made(ErrorKind::Error, Some("boom"), None, None),
        "error_empty_msg" => made(ErrorKind::Error, None, Some("S"), None),
        "error_type" => of(ErrorKind::TypeError, "t"),
        "error_range" => of(ErrorKind::RangeError, "r"),
        "error_ref" => of(ErrorKind::ReferenceError, "r"),
        "error_syntax" => of(ErrorKind::SyntaxError, "r"),
        "error_eval" => of(ErrorKind::EvalError, "r"),
        "error_uri" => of(ErrorKind::UriError, "r"),
        "error_cause" => made(ErrorKind::Error, Some("outer"), Some("S"), Some("c".into())),
        "error_cause_error" => {
            let cause = made(ErrorKind::Error, Some("in"), Some("C"), None);
            made(ErrorKind::Error, Some("outer"), Some("S"), Some(cause))
        }
        "error_code_prop" | "error_custom_name" => of(ErrorKind::Error, "m"),
        "error_aggregate" => of(ErrorKind::Error, "ag"),
        _ => return None,
    })
}

fn made(kind: ErrorKind, message: Option<&str>, stack: Option<&str>, cause: Option<Value>) -> Value {
    let (message, stack) = (message.map(Into::into), stack.map(Into::into));
    let mut error = ErrorObject::new(kind);
    (error.message, error.stack, error.cause) = (message, stack, cause);
    error.into()
}

fn binary(vector: &Vector) -> Option<Value> {
    let floats = |floats: &[f64]| floats.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
    let (kind, bytes) = match vector.id.as_str() {
        "arraybuffer" => return Some(Value::ArrayBuffer(vec![1, 2, 3].into())),
        "arraybuffer_empty" => return Some(Value::ArrayBuffer(Vec::new().into())),
        "arraybuffer_resizable" if is_18(vector) => return Some(Value::ArrayBuffer(vec![1, 2].into())),
        "arraybuffer_resizable" => return Some(Value::ResizableArrayBuffer(vec![1, 2].into(), 8)),
        "float16array" if !vector.node.iter().any(|node| node.starts_with("24.")) => {
            return Some("unsupported".into());
        }
        "buffer_in_obj" => return Some(Value::object([("b", Value::buffer("hi"))])),
        "buffer_shared_ref" => {
            return Some(Value::Array(vec![Value::buffer("hi").with_label(1), Value::Reference(1)]));
        }
        "buffer" => (ViewKind::Buffer, vec![1, 2, 3, 255]),
        "buffer_empty" => (ViewKind::Buffer, vec![]),
        "int8array" => (ViewKind::Int8Array, vec![1, 255]),
        "uint8array" => (ViewKind::Uint8Array, vec![1, 255]),
        "uint8clamped" => (ViewKind::Uint8ClampedArray, vec![1, 255]),
        "int16array" => (ViewKind::Int16Array, vec![1, 0, 255, 255]),
        "uint16array" => (ViewKind::Uint16Array, vec![1, 0, 255, 255]),
        "int32array" => (ViewKind::Int32Array, vec![1, 0, 0, 0, 255, 255, 255, 255]),
        "uint32array" => (ViewKind::Uint32Array, vec![1, 0, 0, 0, 255, 255, 255, 255]),
        "float16array" => (ViewKind::Float16Array, vec![0, 0x3c, 0, 0xc0]),
        "float32array" => {
            (ViewKind::Float32Array, [1.5f32, -2.0].iter().flat_map(|n| n.to_le_bytes()).collect())
        }
        "float64array" => (ViewKind::Float64Array, floats(&[1.5, -2.0])),
        "bigint64array" => {
            (ViewKind::BigInt64Array, [1i64, -1].iter().flat_map(|n| n.to_le_bytes()).collect())
        }
        "biguint64array" => (ViewKind::BigUint64Array, 1u64.to_le_bytes().to_vec()),
        "dataview" => (ViewKind::DataView, vec![8, 7]),
        "typedarray_subarray" => (ViewKind::Uint16Array, vec![2, 0, 3, 0]),
        "uint8array_subclass" => (ViewKind::Uint8Array, vec![1, 2]),
        _ => return None,
    };
    Some(Value::View(View { kind, bytes: bytes.into() }))
}

fn is_18(vector: &Vector) -> bool {
    vector.node.iter().any(|node| node.starts_with("18."))
}

/// Objects of Node's own: their enumerable properties (ADV-9).
fn native(vector: &Vector) -> Option<Value> {
    Some(match vector.id.as_str() {
        "host_object_messageport" => Value::object([("p", Value::HostObject(Vec::new()))]),
        "host_object_blob" if is_18(vector) => Value::HostObject(Vec::new()),
        "host_object_blob" => empty(),
        "host_tcp_wrap" => {
            let properties = vec![("reading".into(), false.into()), ("onconnection".into(), Value::Null)];
            Value::object([("h", Value::HostObject(properties))])
        }
        _ => return None,
    })
}
