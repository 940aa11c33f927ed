//! Arbitrary values from random words: trees of every kind, with labels and references. Also for the
//! program that sends some to real Nodes (`test/interop/values/main.rs`).

use crossfork::v8::{
    BigInt, BufferView, ErrorKind, ErrorObject, JsString, Object, RegExp, RegExpFlags, Shared, SparseArray,
    Value, View, ViewKind,
};

/// The value of these words. With `of_node` only what every Node gives back as it came: keys in
/// JavaScript's order, for one, and no views on buffers that others share.
pub fn value(words: &[u32], of_node: bool) -> Value {
    let (labels, buffers) = (Vec::new(), Vec::new());
    let mut builder = Builder { words: words.iter(), begun: 0, labels, buffers, of_node };
    let mut value = builder.value(5);
    count_labels(&mut value);
    value
}

struct Builder<'w> {
    words: std::slice::Iter<'w, u32>,
    /// How many labels were given.
    begun: u32,
    /// Labels that can be referred to: their objects have begun.
    labels: Vec<u32>,
    /// The labels of buffers, and their lengths.
    buffers: Vec<(u32, u32)>,
    of_node: bool,
}

const KEYS: [&str; 12] =
    ["0", "7", "42", "4294967294", "4294967295", "a", "b", "key", "00", "", "\u{e9}", "\u{20ac}"];
const INDEXES: [(&str, u32); 4] = [("0", 0), ("7", 7), ("42", 42), ("4294967294", 4294967294)];
const TEXTS: [&str; 6] = ["", "text", "\u{ff}", "\u{20ac}uro", "\u{1f600}", "a\0b"];
const SOURCES: [&str; 5] = ["a", "(?:b|c)+?", "[^\\d\\-]", "(?<name>x{2,})", "\\u20ac"];
const VIEWS: [ViewKind; 13] = [
    ViewKind::Int8Array,
    ViewKind::Uint8Array,
    ViewKind::Uint8ClampedArray,
    ViewKind::Int16Array,
    ViewKind::Uint16Array,
    ViewKind::Int32Array,
    ViewKind::Uint32Array,
    ViewKind::Float32Array,
    ViewKind::Float64Array,
    ViewKind::DataView,
    ViewKind::BigInt64Array,
    ViewKind::BigUint64Array,
    ViewKind::Buffer,
];
const ERRORS: [ErrorKind; 7] = [
    ErrorKind::Error,
    ErrorKind::EvalError,
    ErrorKind::RangeError,
    ErrorKind::ReferenceError,
    ErrorKind::SyntaxError,
    ErrorKind::TypeError,
    ErrorKind::UriError,
];

impl Builder<'_> {
    /// After the words it yields zeros, so the value ends.
    fn word(&mut self) -> u32 {
        self.words.next().copied().unwrap_or(0)
    }

    fn below(&mut self, most: usize) -> usize {
        self.word() as usize % most
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.below(12) {
            0..=4 => self.primitive(),
            5 if !self.labels.is_empty() => Value::Reference(self.pick(&self.labels.clone())),
            6 | 7 if depth > 0 => {
                self.begun += 1;
                let label = self.begun;
                self.labels.push(label);
                let value = self.object(depth);
                match &value {
                    Value::ArrayBuffer(bytes) => self.buffers.push((label, bytes.len() as u32)),
                    // A view begins after its buffer, which changes the order of labels.
                    Value::BufferView(_) => {
                        self.labels.retain(|of| *of != label);
                        return value;
                    }
                    _ => {}
                }
                value.with_label(label)
            }
            _ if depth > 0 => self.object(depth),
            _ => self.primitive(),
        }
    }

    fn primitive(&mut self) -> Value {
        match self.below(8) {
            0 => Value::Null,
            1 => Value::Undefined,
            2 => self.coin().into(),
            3 => self.number().into(),
            4 => Value::BigInt(self.bigint()),
            5 | 6 => Value::String(self.text()),
            _ => (self.word() as i32).into(),
        }
    }

    fn number(&mut self) -> f64 {
        match self.below(4) {
            0 => self.pick(&[-0.0, f64::NAN, f64::INFINITY, 2147483648.0, -2147483649.0, 9007199254740993.0]),
            1 => f64::from(self.word() as i32) / 8.0,
            _ => f64::from_bits(u64::from(self.word()) << 32 | u64::from(self.word())),
        }
    }

    fn bigint(&mut self) -> BigInt {
        let digits: Vec<u64> = (0..self.below(4)).map(|_| u64::from(self.word()) << 17).collect();
        BigInt::new(self.coin(), &digits)
    }

    fn text(&mut self) -> JsString {
        match self.below(3) {
            0 => JsString::from_utf16(&[0x61, self.word() as u16, self.word() as u16]),
            _ => JsString::from(self.pick(&TEXTS)),
        }
    }

    fn object(&mut self, depth: usize) -> Value {
        match self.below(if self.of_node { 13 } else { 16 }) {
            0 => Value::Object(self.properties(depth, u32::MAX)),
            1 => Value::Array(self.values(depth)),
            2 => self.array_with_holes(depth),
            3 => self.map(depth),
            4 => Value::Set(self.values(depth)).distinct(self.of_node),
            5 => self.error(depth),
            6 => self.view(),
            7 => Value::ArrayBuffer(self.bytes().into()),
            8 => Value::Date(if self.of_node { f64::from(self.word()) } else { self.number() }),
            9 => self.boxed(),
            10 => self.regexp(),
            11 => Value::Object(self.properties(depth, u32::MAX)),
            12 => Value::Array(self.values(depth)),
            13 => Value::HostObject(self.properties(depth, u32::MAX)),
            14 => {
                let bytes = self.bytes();
                let most = bytes.len() as u32 + self.word() % 9;
                Value::ResizableArrayBuffer(bytes.into(), most)
            }
            _ => self.buffer_view(),
        }
    }

    fn values(&mut self, depth: usize) -> Vec<Value> {
        (0..self.below(4)).map(|_| self.value(depth - 1)).collect()
    }

    /// Indexes below a length; before other names, and in their order, if it is to be as in
    /// JavaScript.
    fn properties(&mut self, depth: usize, length: u32) -> Object {
        let index = |key: &&str| INDEXES.iter().find(|(of, _)| of == key).map(|(_, n)| *n);
        let mut keys: Vec<&str> = Vec::new();
        for _ in 0..self.below(5) {
            let key = self.pick(&KEYS);
            if !keys.contains(&key) && index(&key).is_none_or(|n| n < length) {
                keys.push(key);
            }
        }
        if self.of_node {
            keys.sort_by_key(|key| index(key).unwrap_or(u32::MAX));
        }
        keys.into_iter().map(|key| (key.into(), self.value(depth - 1))).collect()
    }

    fn array_with_holes(&mut self, depth: usize) -> Value {
        let length = 1 + self.below(50) as u32;
        let properties = self.properties(depth, length);
        let first_is_there = properties.first().is_some_and(|(key, _)| *key == "0");
        // A complete array is another kind of array.
        match length == 1 && first_is_there && properties.len() == 1 {
            true => Value::Array(properties.into_iter().map(|(_, value)| value).collect()),
            false => Value::SparseArray(Box::new(SparseArray { length, properties })),
        }
    }

    fn map(&mut self, depth: usize) -> Value {
        let count = self.below(4);
        let entries = (0..count).map(|_| (self.value(depth - 1), self.value(depth - 1))).collect();
        Value::Map(entries).distinct(self.of_node)
    }

    fn error(&mut self, depth: usize) -> Value {
        let kind = self.pick(&ERRORS);
        // A Node gives an error without a stack one of its own.
        let has_stack = self.of_node || self.coin();
        let message = (self.below(4) > 0).then(|| self.text());
        let stack = has_stack.then(|| self.text());
        let cause = (self.below(3) == 0).then(|| self.value(depth - 1));
        let mut error = ErrorObject::new(kind);
        (error.message, error.stack, error.cause) = (message, stack, cause);
        error.into()
    }

    fn bytes(&mut self) -> Vec<u8> {
        (0..self.below(20)).map(|_| self.word() as u8).collect()
    }

    fn view(&mut self) -> Value {
        let kind = self.pick(&VIEWS);
        let mut bytes = self.bytes();
        bytes.truncate(bytes.len() / kind.bytes_per_element() * kind.bytes_per_element());
        Value::View(View { kind, bytes: bytes.into() })
    }

    /// A view on its own buffer, or on an existing one.
    fn buffer_view(&mut self) -> Value {
        let (buffer, length) = match self.buffers.last().copied() {
            Some((label, length)) if self.coin() => (Value::Reference(label), length),
            _ => {
                let bytes = self.bytes();
                let length = bytes.len() as u32;
                (Value::ArrayBuffer(bytes.into()), length)
            }
        };
        // The last of the kinds is Node's own.
        let kind = self.pick(&VIEWS[..12]);
        let size = kind.bytes_per_element() as u32;
        let offset = self.word() % (length + 1) / size * size;
        let length = self.word() % (length - offset + 1) / size * size;
        Value::BufferView(Box::new(BufferView { buffer, kind, offset, length }))
    }

    fn boxed(&mut self) -> Value {
        match self.below(4) {
            0 => Value::BoolObject(self.coin()),
            1 => Value::NumberObject(self.number()),
            2 => Value::BigIntObject(self.bigint()),
            _ => Value::StringObject(self.text()),
        }
    }

    fn regexp(&mut self) -> Value {
        let flags = self.pick(&["", "g", "dgimsuy", "i", "y"]);
        let flags = RegExpFlags::from_letters(flags).unwrap_or_default();
        Value::RegExp(Box::new(RegExp { source: self.pick(&SOURCES).into(), flags }))
    }
}

trait Distinct {
    fn distinct(self, wanted: bool) -> Self;
}

/// Removes duplicates as a JavaScript `Map` or `Set` does. Two objects are equal only if one is a
/// reference.
impl Distinct for Value {
    fn distinct(mut self, wanted: bool) -> Self {
        let mut seen: Vec<Value> = Vec::new();
        let mut keep = |key: &Value| match key {
            Value::Reference(_) => false,
            // It becomes 0.
            Value::Number(n) if *n == 0.0 => false,
            Value::Undefined
            | Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::BigInt(_)
            | Value::String(_) => {
                let is_new = !seen.contains(key);
                seen.push(key.clone());
                is_new
            }
            _ => true,
        };
        match &mut self {
            _ if !wanted => {}
            Value::Map(entries) => entries.retain(|(key, _)| keep(key)),
            Value::Set(values) => values.retain(keep),
            _ => {}
        }
        self
    }
}

/// Numbers labels as they are when they are read, and removes labels without references.
fn count_labels(value: &mut Value) {
    let (mut labels, mut referred) = (Vec::new(), Vec::new());
    walk(value, &mut |value| match value {
        Value::Shared(shared) => labels.push(shared.label),
        Value::Reference(label) => referred.push(*label),
        _ => {}
    });
    let order: Vec<u32> = labels.into_iter().filter(|label| referred.contains(label)).collect();
    let number = |label: &u32| order.iter().position(|of| of == label).map(|at| at as u32 + 1);
    walk(value, &mut |value| match value {
        Value::Shared(shared) => match number(&shared.label) {
            Some(number) => shared.label = number,
            None => *value = std::mem::replace(&mut shared.value, Value::Null),
        },
        // It may have been dropped together with its object.
        Value::Reference(label) => *value = number(label).map_or(Value::Null, Value::Reference),
        _ => {}
    });
}

/// Every value in the order in which they begin.
fn walk(value: &mut Value, look: &mut dyn FnMut(&mut Value)) {
    look(value);
    let inside = match value {
        Value::Shared(shared) => {
            let Shared { value, .. } = &mut **shared;
            value
        }
        other => other,
    };
    match inside {
        Value::Object(properties) | Value::HostObject(properties) => {
            properties.iter_mut().for_each(|(_, value)| walk(value, look));
        }
        Value::SparseArray(array) => array.properties.iter_mut().for_each(|(_, value)| walk(value, look)),
        Value::Array(values) | Value::Set(values) => values.iter_mut().for_each(|value| walk(value, look)),
        Value::Map(entries) => entries.iter_mut().for_each(|(key, value)| {
            walk(key, look);
            walk(value, look);
        }),
        Value::Error(error) => error.cause.iter_mut().for_each(|cause| walk(cause, look)),
        Value::BufferView(view) => walk(&mut view.buffer, look),
        _ => {}
    }
}
