//! Plain objects, arrays, `Map` and `Set`.

use crossfork::v8::{JsString, SparseArray, Value};

use crate::kit::{empty, js};

pub fn expected(id: &str) -> Option<Value> {
    arrays(id).or_else(|| objects(id)).or_else(|| messages(id))
}

fn arrays(id: &str) -> Option<Value> {
    Some(match id {
        "double_int_valued" => [2].into(),
        "str_twobyte_odd_pad" => ["\u{20ac}"].into(),
        "arr_shared_string" => ["shared", "shared"].into(),
        "arr_empty" => Value::Array(Vec::new()),
        "arr_dense_ints" => [1, 2, 3].into(),
        "arr_dense_doubles" => [1.5, 2.5, -0.0].into(),
        "arr_dense_mixed" => {
            Value::Array(vec![1.into(), "a".into(), Value::Null, Value::Undefined, true.into()])
        }
        "arr_hole" => sparse(3, [("0", 1.into()), ("2", 3.into())]),
        "arr_sparse" => sparse(1_000_001, [("1000000", 1.into())]),
        "arr_only_length" => sparse(5, []),
        "arr_extra_props" => sparse(2, [("0", 1.into()), ("1", 2.into()), ("x", "y".into())]),
        "arr_nested" => Value::Array(vec![[1].into(), Value::Array(vec![2.into(), [3].into()])]),
        "arr_double_with_hole" => sparse(3, [("0", 1.5.into()), ("2", 2.5.into())]),
        "map" => Value::Map(vec![
            ("a".into(), 1.into()),
            (Value::object([("k", 1.into())]), Value::Map(Vec::new())),
        ]),
        "map_empty" => Value::Map(Vec::new()),
        "set" => Value::Set(vec![1.into(), "b".into(), Value::Null]),
        "set_empty" => Value::Set(Vec::new()),
        "nested_map_in_set" => Value::Set(vec![Value::Map(vec![(1.into(), Value::Date(5.0))])]),
        _ => return None,
    })
}

fn objects(id: &str) -> Option<Value> {
    Some(match id {
        "undefined_in_obj" => Value::object([("u", Value::Undefined)]),
        // A URL has no properties of its own.
        "obj_empty" | "host_object_url" => empty(),
        "obj_simple" => Value::object([("a", 1.into()), ("b", "x".into())]),
        // Indexes come first and in their order, as in every JavaScript object.
        "obj_int_keys" => Value::object([("0", "b".into()), ("1", "a".into()), ("x", 1.into())]),
        "obj_large_int_key" => Value::object([("4294967294", "m".into()), ("4294967295", "n".into())]),
        "obj_twobyte_key" => Value::object([("\u{20ac}", 1.into())]),
        "obj_nested" => {
            let c = Value::Array(vec![1.into(), Value::object([("d", Value::Null)])]);
            Value::object([("a", Value::object([("b", Value::object([("c", c)]))]))])
        }
        "obj_circular" => Value::object([("n", 1.into()), ("self", Value::Reference(1))]).with_label(1),
        "obj_shared_ref" => {
            let shared = Value::object([("k", 1.into())]).with_label(1);
            Value::object([("a", shared), ("b", Value::Reference(1))])
        }
        "obj_null_proto" | "obj_nonenumerable" => Value::object([("a", 1.into())]),
        "obj_class_instance" => Value::object([("x", 1.into())]),
        "obj_getter" => Value::object([("a", 5.into())]),
        "obj_symbol_key" => Value::object([("a", 2.into())]),
        "module_ns" => Value::object([("a", true.into())]),
        _ => return None,
    })
}

fn messages(id: &str) -> Option<Value> {
    Some(match id {
        "msg_typical" => Value::object([
            ("cmd", "work".into()),
            ("id", 42.into()),
            (
                "payload",
                Value::object([
                    ("list", [1, 2, 3].into()),
                    ("ok", true.into()),
                    ("when", Value::Date(1e12)),
                    ("bin", Value::buffer("abc")),
                ]),
            ),
        ]),
        "node_handle_ack" => Value::object([("cmd", "NODE_HANDLE_ACK".into())]),
        "node_handle" => Value::object([
            ("cmd", "NODE_HANDLE".into()),
            ("type", "net.Native".into()),
            (
                "msg",
                Value::object([
                    ("cmd", "NODE_CLUSTER".into()),
                    ("act", "newconn".into()),
                    ("key", "::0:4:undefined:0".into()),
                    ("seq", 7.into()),
                ]),
            ),
        ]),
        "cluster_online" => {
            Value::object([("cmd", "NODE_CLUSTER".into()), ("act", "online".into()), ("seq", 0.into())])
        }
        _ => return None,
    })
}

fn sparse<const N: usize>(length: u32, properties: [(&str, Value); N]) -> Value {
    let properties: Vec<(JsString, Value)> =
        properties.into_iter().map(|(key, value)| (js(key), value)).collect();
    Value::SparseArray(Box::new(SparseArray { length, properties }))
}
