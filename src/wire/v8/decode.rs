//! A record, read into a [`Value`].

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::bigint::BigInt;
use super::reader::Reader;
use super::regexp::{RegExp, RegExpFlags};
use super::tag;
use super::text::JsString;
use super::value::{BufferView, ErrorObject, Object, Shared, SparseArray, Value, View};
use super::walk::{self, ErrorPart, ErrorParts, Key, Survey};
use crate::error::{V8Error, V8ErrorKind};

type Result<T> = std::result::Result<T, V8Error>;

/// Reads a whole record. Large buffers share the memory of `source`, if the record lies in it.
pub(super) fn record(record: &[u8], source: Option<&Bytes>) -> Result<Value> {
    let mut reader = Reader::new(record)?;
    let mut decoder = Decoder::new(&mut reader, source, None, 0);
    let value = match decoder.value() {
        Err(_) if decoder.met_reference => {
            // Labels have to be known before: once more, having looked through the whole.
            let survey = walk::survey(record)?;
            reader = Reader::new(record)?;
            Decoder::new(&mut reader, source, Some(&survey), 0).value()?
        }
        value => value?,
    };
    reader.end()?;
    Ok(value)
}

/// Reads one value of a record. `survey` is that of the record, unless it cannot have references.
/// What these refer to outside of the value is read again, up to `budget` bytes; says how many it was.
pub(super) fn value(
    reader: &mut Reader<'_>,
    survey: Option<&Survey>,
    budget: usize,
) -> Result<(Value, usize)> {
    let mut decoder = Decoder::new(reader, None, survey, budget);
    let value = decoder.value()?;
    Ok((value, budget - decoder.budget))
}

struct Decoder<'d, 'a> {
    reader: &'d mut Reader<'a>,
    source: Option<&'d Bytes>,
    survey: Option<&'d Survey>,
    next_id: u32,
    /// Without a survey that is the end of it.
    met_reference: bool,
    /// How many properties the last object had: the next one is probably like it.
    likely: usize,
    /// Labels that are in the value already.
    labels: BTreeSet<u32>,
    /// The lengths of the labelled buffers.
    buffers: BTreeMap<u32, usize>,
    /// How many bytes may be read again.
    budget: usize,
}

impl<'d, 'a> Decoder<'d, 'a> {
    fn new(
        reader: &'d mut Reader<'a>,
        source: Option<&'d Bytes>,
        survey: Option<&'d Survey>,
        budget: usize,
    ) -> Self {
        let next_id = survey.map_or(0, |survey| survey.id_at(reader.at()));
        Decoder {
            reader,
            source,
            survey,
            next_id,
            met_reference: false,
            likely: 1,
            labels: BTreeSet::new(),
            buffers: BTreeMap::new(),
            budget,
        }
    }

    fn value(&mut self) -> Result<Value> {
        let tag = self.reader.tag()?;
        let value = self.bare_value(tag)?;
        match tag {
            tag::REFERENCE | tag::ARRAY_BUFFER => self.view_on(value),
            _ => Ok(value),
        }
    }

    /// A value without the view that may follow it. What is met most comes first, and is not handed
    /// on: a value is large enough for that to be felt.
    #[inline]
    fn bare_value(&mut self, tag: u8) -> Result<Value> {
        Ok(match tag {
            tag::INT32 => Value::Number(self.reader.int32()?.into()),
            tag::DOUBLE => Value::Number(self.reader.double()?),
            tag::LATIN1 | tag::UTF16 | tag::UTF8 => match self.reader.text(tag)? {
                Some(text) => Value::String(text.to_js()),
                None => return Err(walk::unknown(self.reader, tag)),
            },
            tag::TRUE => Value::Bool(true),
            tag::FALSE => Value::Bool(false),
            tag::NULL => Value::Null,
            tag::UNDEFINED => Value::Undefined,
            tag::UINT32 => Value::Number(self.reader.varint()?.into()),
            tag::BIGINT => Value::BigInt(self.bigint()?),
            tag::REFERENCE => return self.reference(),
            _ => return self.labelled(self.reader.at() - 1, |decoder| decoder.object(tag)),
        })
    }

    /// An object that begins here, with a label if there are references to it.
    fn labelled(&mut self, at: usize, read: impl FnOnce(&mut Self) -> Result<Value>) -> Result<Value> {
        let id = self.next_id;
        self.next_id += 1;
        let Some((survey, label)) = self.survey.and_then(|survey| Some((survey, survey.label(id)?))) else {
            return self.nested(read);
        };
        if !self.labels.insert(label) {
            // A reference was met before, and what it refers to was read there.
            self.reader.seek(at);
            walk::skip(self.reader)?;
            self.next_id = survey.id_at(self.reader.at());
            return Ok(Value::Reference(label));
        }
        let value = self.nested(read)?;
        if let Value::ArrayBuffer(bytes) = &value {
            self.buffers.insert(label, bytes.len());
        }
        Ok(Value::Shared(Box::new(Shared { label, value })))
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Result<Value>) -> Result<Value> {
        self.reader.enter()?;
        let value = read(self)?;
        self.reader.leave();
        Ok(value)
    }

    fn reference(&mut self) -> Result<Value> {
        let id = self.reader.varint()?;
        self.met_reference = true;
        let missing = || self.reader.error(V8ErrorKind::NoSuchObject(id));
        let survey = self.survey.ok_or_else(missing)?;
        let (label, at) = survey.label(id).zip(survey.position(id)).ok_or_else(missing)?;
        if self.labels.contains(&label) {
            return Ok(Value::Reference(label));
        }
        // It lies outside of the value that is being read, so it is read into it.
        let back = (self.reader.at(), self.next_id);
        self.reader.seek(at);
        self.next_id = survey.id_at(at);
        if self.reader.next_is(tag::BUFFER_VIEW) {
            return Err(self.reader.error(V8ErrorKind::Shared));
        }
        let tag = self.reader.tag()?;
        let value = self.bare_value(tag)?;
        let reread = self.reader.at() - at + walk::REREAD;
        self.budget =
            self.budget.checked_sub(reread).ok_or_else(|| self.reader.error(V8ErrorKind::Shared))?;
        self.reader.seek(back.0);
        self.next_id = back.1;
        Ok(value)
    }

    /// Few lines, and what holds nothing is read elsewhere: this is on the stack for every level.
    fn object(&mut self, tag: u8) -> Result<Value> {
        match tag {
            tag::OBJECT => Ok(Value::Object(self.properties()?)),
            tag::DENSE_ARRAY => self.dense_array(),
            tag::SPARSE_ARRAY => self.sparse_array(),
            tag::MAP => self.map(),
            tag::SET => self.set(),
            tag::ERROR => self.error(),
            tag::HOST_OBJECT => self.host_object(),
            _ => self.leaf(tag),
        }
    }

    fn leaf(&mut self, tag: u8) -> Result<Value> {
        Ok(match tag {
            tag::DATE => Value::Date(self.reader.double()?),
            tag::TRUE_OBJECT => Value::BoolObject(true),
            tag::FALSE_OBJECT => Value::BoolObject(false),
            tag::NUMBER_OBJECT => Value::NumberObject(self.reader.double()?),
            tag::BIGINT_OBJECT => Value::BigIntObject(self.bigint()?),
            tag::STRING_OBJECT => Value::StringObject(self.reader.string()?.to_js()),
            tag::REGEXP => {
                let source = self.reader.string()?.to_js();
                let flags = RegExpFlags(walk::regexp_flags(self.reader)?);
                Value::RegExp(Box::new(RegExp { source, flags }))
            }
            tag::ARRAY_BUFFER => {
                let bytes = self.reader.blob()?;
                Value::ArrayBuffer(self.bytes(bytes))
            }
            tag::RESIZABLE_ARRAY_BUFFER => {
                let (bytes, most) = walk::resizable(self.reader)?;
                Value::ResizableArrayBuffer(self.bytes(bytes), most)
            }
            _ => return Err(walk::unknown(self.reader, tag)),
        })
    }

    fn map(&mut self) -> Result<Value> {
        let mut entries = Vec::new();
        while !self.reader.eat(tag::MAP_END)? {
            entries.push((self.value()?, self.value()?));
        }
        self.reader.count(entries.len() * 2)?;
        Ok(Value::Map(entries))
    }

    fn set(&mut self) -> Result<Value> {
        let mut values = Vec::new();
        while !self.reader.eat(tag::SET_END)? {
            values.push(self.value()?);
        }
        self.reader.count(values.len())?;
        Ok(Value::Set(values))
    }

    fn properties(&mut self) -> Result<Object> {
        let mut properties = Vec::new();
        while !self.reader.eat(tag::OBJECT_END)? {
            if properties.is_empty() {
                properties.reserve_exact(self.likely);
            }
            properties.push(self.property()?);
        }
        self.reader.count(properties.len())?;
        self.likely = properties.len().clamp(1, 8);
        Ok(properties)
    }

    #[inline]
    fn property(&mut self) -> Result<(JsString, Value)> {
        let key = match walk::key(self.reader)? {
            Key::Text(text) => text.to_js(),
            Key::Index(index) => index.to_string().into(),
        };
        Ok((key, self.value()?))
    }

    fn dense_array(&mut self) -> Result<Value> {
        let length = walk::dense_length(self.reader)?;
        // Not more at once, for a length may be a lie, and arrays nest.
        let mut values = Vec::with_capacity(length.min(256));
        let mut holes = BTreeSet::new();
        for index in 0..length {
            if self.reader.eat(tag::HOLE)? {
                holes.insert(index);
                values.push(Value::Undefined);
            } else {
                values.push(self.value()?);
            }
        }
        let mut properties = Vec::new();
        while !self.reader.eat(tag::DENSE_ARRAY_END)? {
            properties.push(self.property()?);
        }
        self.reader.count(properties.len())?;
        self.reader.count(length)?;
        if holes.is_empty() && properties.is_empty() {
            return Ok(Value::Array(values));
        }
        let elements = values.into_iter().enumerate().filter(|(index, _)| !holes.contains(index));
        let elements = elements.map(|(index, value)| (index.to_string().into(), value));
        Ok(array(length as u32, elements.chain(properties).collect()))
    }

    fn sparse_array(&mut self) -> Result<Value> {
        let length = self.reader.varint()?;
        let mut properties = Vec::new();
        while !self.reader.eat(tag::SPARSE_ARRAY_END)? {
            properties.push(self.property()?);
        }
        self.reader.count(properties.len())?;
        self.reader.count(length as usize)?;
        Ok(array(length, properties))
    }

    fn error(&mut self) -> Result<Value> {
        let mut error = ErrorObject::default();
        let mut parts = ErrorParts::default();
        while let Some(part) = parts.next(self.reader)? {
            match part {
                ErrorPart::Kind(kind) => error.kind = kind,
                ErrorPart::Message(text) => error.message = Some(text.to_js()),
                ErrorPart::Stack(text) => error.stack = Some(text.to_js()),
                ErrorPart::Cause => error.cause = Some(self.value()?),
            }
        }
        Ok(Value::Error(Box::new(error)))
    }

    fn host_object(&mut self) -> Result<Value> {
        match self.reader.varint()? {
            tag::HOST_VIEW => {
                let (kind, bytes) = walk::host_view(self.reader)?;
                Ok(Value::View(View { kind, bytes: self.bytes(bytes) }))
            }
            tag::HOST_PLAIN => {
                if !self.reader.eat(tag::OBJECT)? {
                    return self.reader.invalid("a host object without properties");
                }
                self.next_id += 1;
                Ok(Value::HostObject(self.properties()?))
            }
            kind => Err(self.reader.error(V8ErrorKind::UnknownHostObject(kind))),
        }
    }

    /// Behind a buffer, or a reference to one: the view on it, if there is one.
    fn view_on(&mut self, buffer: Value) -> Result<Value> {
        let length = match &buffer {
            Value::Reference(label) => self.buffers.get(label).copied(),
            other => match other.unlabelled() {
                Value::ArrayBuffer(bytes) => Some(bytes.len()),
                _ => None,
            },
        };
        let Some(length) = length.filter(|_| self.reader.next_is(tag::BUFFER_VIEW)) else {
            return Ok(buffer);
        };
        self.labelled(self.reader.at(), |decoder| {
            let (kind, offset, length) = walk::buffer_view(decoder.reader, Some(length))?;
            Ok(Value::BufferView(Box::new(BufferView { buffer, kind, offset, length })))
        })
    }

    fn bigint(&mut self) -> Result<BigInt> {
        let (negative, bytes) = self.reader.bigint()?;
        Ok(BigInt::from_bytes(negative, bytes))
    }

    /// Shared with the message if that keeps little else alive; otherwise copied.
    fn bytes(&self, bytes: &[u8]) -> Bytes {
        match self.source {
            Some(source) if bytes.len() >= source.len() / 4 => source.slice_ref(bytes),
            _ => Bytes::copy_from_slice(bytes),
        }
    }
}

/// An array with these elements and properties: a plain one if nothing is special about it.
fn array(length: u32, properties: Object) -> Value {
    let complete = properties.len() == length as usize
        && properties.iter().zip(0..).all(|((key, _), index)| key.as_index() == Some(index));
    match complete {
        true => Value::Array(properties.into_iter().map(|(_, value)| value).collect()),
        false => Value::SparseArray(Box::new(SparseArray { length, properties })),
    }
}
