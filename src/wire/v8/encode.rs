//! A [`Value`], written as a record.

use std::collections::{HashMap, HashSet};

use super::regexp::RegExp;
use super::tag;
use super::text::JsString;
use super::value::{BufferView, ErrorObject, Object, SparseArray, Value};
use super::writer::Writer;
use crate::error::{V8Error, V8ErrorKind};

type Result<T> = std::result::Result<T, V8Error>;

/// Writes one value. Its labels are its own.
pub(super) fn value(writer: &mut Writer, value: &Value) -> Result<()> {
    Encoder { writer, labels: HashMap::new() }.value(value)
}

struct Encoder<'w> {
    writer: &'w mut Writer,
    labels: HashMap<u32, Label>,
}

/// An object that can be referred to.
struct Label {
    id: u32,
    /// It is an error that has not ended: Node 18 and 20 do not know it yet.
    open_error: bool,
    /// The buffer's length, if it is one.
    buffer: Option<usize>,
}

impl Encoder<'_> {
    fn value(&mut self, value: &Value) -> Result<()> {
        match value {
            Value::Undefined => self.writer.tag(tag::UNDEFINED),
            Value::Null => self.writer.tag(tag::NULL),
            Value::Bool(b) => self.writer.tag(if *b { tag::TRUE } else { tag::FALSE }),
            Value::Number(n) => self.writer.number(*n),
            Value::BigInt(n) => self.writer.big(n)?,
            Value::String(text) => self.writer.js(text)?,
            Value::Reference(label) => self.reference(*label)?,
            Value::Shared(shared) => self.shared(shared.label, &shared.value)?,
            object => self.object(object)?,
        }
        Ok(())
    }

    fn reference(&mut self, label: u32) -> Result<()> {
        let Some(known) = self.labels.get(&label) else {
            return Err(V8Error::new(V8ErrorKind::NoSuchObject(label)));
        };
        if known.open_error {
            self.writer.needs(22, "an error that is its own cause")?;
        }
        self.writer.has_references = true;
        self.writer.tag(tag::REFERENCE);
        self.writer.varint(known.id);
        Ok(())
    }

    fn shared(&mut self, label: u32, value: &Value) -> Result<()> {
        let mut id = self.writer.next_id();
        let mut buffer = None;
        match value {
            // Its inner object is what Node can refer to while it is being read.
            Value::HostObject(_) => id += 1,
            Value::ArrayBuffer(bytes) => buffer = Some(bytes.len()),
            // The buffer begins before the view does, and takes a number if it is no reference.
            Value::BufferView(view) => {
                self.buffer_view(view)?;
                id = self.writer.next_id() - 1;
                return self.label(label, Label { id, open_error: false, buffer });
            }
            Value::Undefined | Value::Null | Value::Bool(_) | Value::Number(_) | Value::BigInt(_) => {
                return Err(V8Error::new(V8ErrorKind::Invalid("a label on a value that is not an object")));
            }
            Value::String(_) | Value::Reference(_) | Value::Shared(_) => {
                return Err(V8Error::new(V8ErrorKind::Invalid("a label on a value that is not an object")));
            }
            _ => {}
        }
        self.label(label, Label { id, open_error: matches!(value, Value::Error(_)), buffer })?;
        self.object(value)?;
        if let Some(known) = self.labels.get_mut(&label) {
            known.open_error = false;
        }
        Ok(())
    }

    fn label(&mut self, label: u32, known: Label) -> Result<()> {
        match self.labels.insert(label, known) {
            None => Ok(()),
            Some(_) => Err(V8Error::new(V8ErrorKind::Invalid("two objects have the same label"))),
        }
    }

    fn object(&mut self, value: &Value) -> Result<()> {
        match value {
            Value::Object(properties) => {
                self.writer.open(tag::OBJECT)?;
                self.properties(properties)?;
                self.writer.end(tag::OBJECT_END, properties.len())
            }
            Value::Array(values) => {
                self.writer.open(tag::DENSE_ARRAY)?;
                self.writer.length(values.len())?;
                values.iter().try_for_each(|value| self.value(value))?;
                self.end_array(tag::DENSE_ARRAY_END, 0, values.len())
            }
            Value::SparseArray(array) => self.sparse_array(array),
            Value::Date(ms) => self.leaf(tag::DATE, |writer| {
                writer.double(*ms);
                Ok(())
            }),
            Value::BoolObject(b) => {
                self.leaf(if *b { tag::TRUE_OBJECT } else { tag::FALSE_OBJECT }, |_| Ok(()))
            }
            Value::NumberObject(n) => self.leaf(tag::NUMBER_OBJECT, |writer| {
                writer.double(*n);
                Ok(())
            }),
            Value::BigIntObject(n) => self.leaf(tag::BIGINT_OBJECT, |writer| writer.bigint(n)),
            Value::StringObject(text) => self.leaf(tag::STRING_OBJECT, |writer| writer.js(text)),
            Value::RegExp(regexp) => self.regexp(regexp),
            Value::Map(entries) => {
                self.writer.open(tag::MAP)?;
                for (key, value) in entries {
                    self.value(key)?;
                    self.value(value)?;
                }
                self.writer.end(tag::MAP_END, entries.len() * 2)
            }
            Value::Set(values) => {
                self.writer.open(tag::SET)?;
                values.iter().try_for_each(|value| self.value(value))?;
                self.writer.end(tag::SET_END, values.len())
            }
            Value::Error(error) => self.error(error),
            Value::ArrayBuffer(bytes) => self.leaf(tag::ARRAY_BUFFER, |writer| writer.blob(bytes)),
            Value::ResizableArrayBuffer(bytes, most) => self.resizable(bytes, *most),
            Value::View(view) => self.writer.view(view.kind, &view.bytes),
            Value::BufferView(view) => self.buffer_view(view),
            Value::HostObject(properties) => {
                self.writer.open(tag::HOST_OBJECT)?;
                self.writer.varint(tag::HOST_PLAIN);
                self.writer.tag(tag::OBJECT);
                self.writer.second_id();
                self.properties(properties)?;
                self.writer.end(tag::OBJECT_END, properties.len())
            }
            // Not objects: written by `value`.
            other => self.value(other),
        }
    }

    /// An object with nothing inside that takes a number.
    fn leaf(&mut self, tag: u8, write: impl FnOnce(&mut Writer) -> Result<()>) -> Result<()> {
        self.writer.open(tag)?;
        write(self.writer)?;
        self.writer.close();
        Ok(())
    }

    fn properties(&mut self, properties: &Object) -> Result<()> {
        distinct(properties.iter().map(|(key, _)| key))?;
        for (key, value) in properties {
            self.writer.js_key(key)?;
            self.value(value)?;
        }
        Ok(())
    }

    fn end_array(&mut self, tag: u8, properties: usize, length: usize) -> Result<()> {
        self.writer.tag(tag);
        self.writer.length(properties)?;
        self.writer.length(length)?;
        self.writer.close();
        Ok(())
    }

    /// Dense if only properties make it special, as V8 does.
    fn sparse_array(&mut self, array: &SparseArray) -> Result<()> {
        let SparseArray { length, properties } = array;
        distinct(properties.iter().map(|(key, _)| key))?;
        let reserved =
            |key: &JsString| *key == "length" || key.as_index().is_some_and(|index| index >= *length);
        if properties.iter().any(|(key, _)| reserved(key)) {
            return Err(V8Error::new(V8ErrorKind::Invalid(
                "an array has a property that its length contradicts",
            )));
        }
        let elements =
            properties.iter().zip(0..).take_while(|((key, _), index)| key.as_index() == Some(*index));
        if elements.count() == *length as usize {
            let (elements, others) = properties.split_at(*length as usize);
            self.writer.open(tag::DENSE_ARRAY)?;
            self.writer.varint(*length);
            elements.iter().try_for_each(|(_, value)| self.value(value))?;
            others.iter().try_for_each(|(key, value)| {
                self.writer.js_key(key)?;
                self.value(value)
            })?;
            return self.end_array(tag::DENSE_ARRAY_END, others.len(), *length as usize);
        }
        self.writer.open(tag::SPARSE_ARRAY)?;
        self.writer.varint(*length);
        properties.iter().try_for_each(|(key, value)| {
            self.writer.js_key(key)?;
            self.value(value)
        })?;
        self.end_array(tag::SPARSE_ARRAY_END, properties.len(), *length as usize)
    }

    /// One that V8 refuses would end the Node process that reads it (NEVER-2).
    fn regexp(&mut self, regexp: &RegExp) -> Result<()> {
        let needs = regexp.needs()?;
        self.writer.needs(needs.since, needs.what)?;
        self.leaf(tag::REGEXP, |writer| {
            writer.js(&regexp.source)?;
            writer.varint(regexp.flags.0);
            Ok(())
        })
    }

    /// In the order that every Node reads (ADV-7).
    fn error(&mut self, error: &ErrorObject) -> Result<()> {
        self.writer.open(tag::ERROR)?;
        if let Some(letter) = error.kind.letter() {
            self.writer.tag(letter);
        }
        if let Some(message) = &error.message {
            self.writer.tag(tag::ERROR_MESSAGE);
            self.writer.js(message)?;
        }
        if let Some(stack) = &error.stack {
            self.writer.tag(tag::ERROR_STACK);
            self.writer.js(stack)?;
        }
        if let Some(cause) = &error.cause {
            self.writer.tag(tag::ERROR_CAUSE);
            self.value(cause)?;
        }
        self.writer.tag(tag::ERROR_END);
        self.writer.close();
        Ok(())
    }

    fn resizable(&mut self, bytes: &[u8], most: u32) -> Result<()> {
        if bytes.len() > most as usize {
            return Err(V8Error::new(V8ErrorKind::Invalid("a buffer is longer than it may be")));
        }
        if !self.writer.options.reads(20) {
            return self.leaf(tag::ARRAY_BUFFER, |writer| writer.blob(bytes));
        }
        self.leaf(tag::RESIZABLE_ARRAY_BUFFER, |writer| {
            writer.length(bytes.len())?;
            writer.varint(most);
            writer.out.extend_from_slice(bytes);
            Ok(())
        })
    }

    fn buffer_view(&mut self, view: &BufferView) -> Result<()> {
        let BufferView { buffer, kind, offset, length } = view;
        if *kind == tag::ViewKind::Float16Array {
            self.writer.needs(24, "a Float16Array")?;
        }
        let buffer_length = match buffer {
            Value::Reference(label) => self.labels.get(label).and_then(|known| known.buffer),
            other => match other.unlabelled() {
                Value::ArrayBuffer(bytes) => Some(bytes.len()),
                _ => None,
            },
        };
        let size = kind.bytes_per_element() as u32;
        let fits = buffer_length.is_some_and(|of| u64::from(*offset) + u64::from(*length) <= of as u64);
        if !fits || offset % size != 0 || length % size != 0 {
            return Err(V8Error::new(V8ErrorKind::Invalid("a view does not fit its buffer")));
        }
        self.value(buffer)?;
        self.writer.open(tag::BUFFER_VIEW)?;
        self.writer.tag(kind.view_tag());
        self.writer.varint(*offset);
        self.writer.varint(*length);
        self.writer.varint(0);
        self.writer.close();
        Ok(())
    }
}

/// Refuses a property that is there twice: V8 does not read such an object.
pub(super) fn distinct<K: Eq + std::hash::Hash + Copy>(
    keys: impl ExactSizeIterator<Item = K> + Clone,
) -> Result<()> {
    /// Up to here comparing each with each is faster.
    const FEW: usize = 16;
    let distinct = if keys.len() <= FEW {
        let mut earlier = keys.clone().enumerate();
        earlier.all(|(n, key)| keys.clone().take(n).all(|other| other != key))
    } else {
        let mut seen = HashSet::with_capacity(keys.len());
        keys.clone().all(|key| seen.insert(key))
    };
    match distinct {
        true => Ok(()),
        false => Err(V8Error::new(V8ErrorKind::Invalid("an object has a property twice"))),
    }
}
