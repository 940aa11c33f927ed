//! Through a record without making anything of it: to skip a value, to check a whole record, and
//! to find the objects that are referred to.

use std::ops::Range;

use super::reader::{Reader, Text};
use super::tag::{self, ErrorKind, ViewKind};
use super::writer::varint;
use crate::error::{V8Error, V8ErrorKind};

type Result<T> = std::result::Result<T, V8Error>;

/// Skips a value, wherever in a record it is, and says whether there were references in it. What
/// they refer to is not looked at.
pub(crate) fn skip(reader: &mut Reader<'_>) -> Result<bool> {
    let mut references = References(false);
    Walker { reader, watch: &mut references, open: Vec::new(), deepest: 0 }.value()?;
    Ok(references.0)
}

/// Looks through a whole record.
pub(crate) fn survey(record: &[u8]) -> Result<Survey> {
    let mut reader = Reader::new(record)?;
    let mut survey = Survey::default();
    let mut walker = Walker { reader: &mut reader, watch: &mut survey, open: Vec::new(), deepest: 0 };
    walker.value()?;
    survey.depth = walker.deepest;
    reader.end()?;
    survey.referred.sort_unstable();
    survey.referred.dedup();
    Ok(survey)
}

/// What reading an object again costs besides its bytes, reckoned in bytes: what is small in a record
/// is larger in memory.
pub(crate) const REREAD: usize = 32;

/// Whether there can be references: never wrong when it says no.
pub(crate) fn may_refer(record: &[u8]) -> bool {
    memchr::memchr(tag::REFERENCE, record).is_some()
}

/// What a reference refers to, as far as a view on it is concerned.
enum Target {
    Unknown,
    /// A buffer of this length.
    Buffer(usize),
    Other,
}

/// What a walk tells of.
trait Watch {
    /// An object begins at this offset. Returns its number.
    fn opened(&mut self, _at: usize) -> usize {
        0
    }
    /// This number is a second one of the same object.
    fn alias(&mut self, _id: usize) {}
    fn buffer(&mut self, _id: usize, _length: usize) {}
    /// A reference to the object of this number, which is written in these bytes.
    fn reference(&mut self, _id: u32, _place: Range<usize>) -> std::result::Result<Target, V8ErrorKind> {
        Ok(Target::Unknown)
    }
}

struct References(bool);

impl Watch for References {
    fn reference(&mut self, _id: u32, _place: Range<usize>) -> std::result::Result<Target, V8ErrorKind> {
        self.0 = true;
        Ok(Target::Unknown)
    }
}

/// The objects of a record that is well-formed.
#[derive(Default)]
pub(crate) struct Survey {
    /// How deep it is nested.
    pub(crate) depth: usize,
    /// Where each object begins, by its number.
    opened: Vec<usize>,
    /// The numbers that are referred to, each once, in order.
    referred: Vec<u32>,
    /// Where references are written, and to what.
    references: Vec<(Range<usize>, u32)>,
    /// Numbers that mean the object before them.
    aliases: Vec<u32>,
    buffers: Vec<(u32, usize)>,
}

impl Survey {
    /// The number of the object that begins here, or the next one that begins behind this.
    pub(crate) fn id_at(&self, at: usize) -> u32 {
        self.opened.partition_point(|begin| *begin < at) as u32
    }

    /// Where the object begins.
    pub(crate) fn position(&self, id: u32) -> Option<usize> {
        self.opened.get(self.canonical(id) as usize).copied()
    }

    /// The label of an object that is referred to: its place among them.
    pub(crate) fn label(&self, id: u32) -> Option<u32> {
        let found = self.referred.binary_search(&self.canonical(id));
        found.ok().map(|place| place as u32 + 1)
    }

    /// Copies the part of the record that is a value of its own, into one where objects have other
    /// numbers. A reference to outside of it becomes one to nothing.
    pub(crate) fn copy(
        &self,
        record: &[u8],
        part: Range<usize>,
        number: impl Fn(u32) -> u32,
        out: &mut Vec<u8>,
    ) {
        let mut at = part.start;
        for (place, id) in &self.references {
            if place.start >= part.start && place.end <= part.end {
                out.extend_from_slice(&record[at..place.start]);
                varint(out, number(*id));
                at = place.end;
            }
        }
        out.extend_from_slice(&record[at..part.end]);
    }

    fn canonical(&self, id: u32) -> u32 {
        match self.aliases.binary_search(&id) {
            Ok(_) => id - 1,
            Err(_) => id,
        }
    }
}

impl Watch for Survey {
    fn opened(&mut self, at: usize) -> usize {
        self.opened.push(at);
        self.opened.len() - 1
    }

    fn alias(&mut self, id: usize) {
        self.aliases.push(id as u32);
    }

    fn buffer(&mut self, id: usize, length: usize) {
        self.buffers.push((id as u32, length));
    }

    fn reference(&mut self, id: u32, place: Range<usize>) -> std::result::Result<Target, V8ErrorKind> {
        if id as usize >= self.opened.len() {
            return Err(V8ErrorKind::NoSuchObject(id));
        }
        self.referred.push(self.canonical(id));
        self.references.push((place, id));
        Ok(match self.buffers.binary_search_by_key(&id, |(of, _)| *of) {
            Ok(at) => Target::Buffer(self.buffers[at].1),
            Err(_) => Target::Other,
        })
    }
}

/// How deep a value may be nested to be walked through. Nothing is on the stack for a level, and Node
/// itself goes no deeper than some thousands.
const MAX_LEVELS: usize = 1 << 14;

struct Walker<'w, 'a, W> {
    reader: &'w mut Reader<'a>,
    watch: &'w mut W,
    open: Vec<Open>,
    deepest: usize,
}

/// What has begun and not ended, and how far it is.
enum Open {
    /// Elements of a dense array: how many are left, and how many there are.
    Elements(usize, usize),
    /// Properties: up to which tag, how many there were, and the array's length behind their count.
    Properties(u8, usize, Option<usize>),
    /// Keys and values of a `Map` by turns.
    Entries(usize),
    /// The values of a `Set`.
    Values(usize),
    Error(ErrorParts),
}

impl<'a, W: Watch> Walker<'_, 'a, W> {
    fn value(&mut self) -> Result<()> {
        self.begin()?;
        while let Some(open) = self.open.last_mut() {
            let ended = match open {
                Open::Elements(0, length) => {
                    *open = Open::Properties(tag::DENSE_ARRAY_END, 0, Some(*length));
                    continue;
                }
                Open::Elements(left, _) => {
                    *left -= 1;
                    if self.reader.eat(tag::HOLE)? {
                        continue;
                    }
                    false
                }
                Open::Properties(end, count, length) => {
                    let ended = self.reader.eat(*end)?;
                    if ended {
                        self.reader.count(*count)?;
                        length.map_or(Ok(()), |length| self.reader.count(length))?;
                    } else {
                        *count += 1;
                        key(self.reader)?;
                    }
                    ended
                }
                Open::Entries(count) => {
                    // It ends behind a value, never behind a key.
                    let ended = *count % 2 == 0 && self.reader.eat(tag::MAP_END)?;
                    if ended {
                        self.reader.count(*count)?;
                    }
                    *count += 1;
                    ended
                }
                Open::Values(count) => {
                    let ended = self.reader.eat(tag::SET_END)?;
                    if ended {
                        self.reader.count(*count)?;
                    }
                    *count += 1;
                    ended
                }
                Open::Error(parts) => match parts.next(self.reader)? {
                    None => true,
                    Some(ErrorPart::Cause) => false,
                    Some(ErrorPart::Kind(_) | ErrorPart::Message(_) | ErrorPart::Stack(_)) => continue,
                },
            };
            match ended {
                true => drop(self.open.pop()),
                false => self.begin()?,
            }
        }
        Ok(())
    }

    /// Reads a value, or the beginning of one that has others inside.
    fn begin(&mut self) -> Result<()> {
        let tag = self.reader.tag()?;
        match tag {
            tag::UNDEFINED | tag::NULL | tag::TRUE | tag::FALSE => Ok(()),
            tag::INT32 | tag::UINT32 => self.reader.varint().map(drop),
            tag::DOUBLE => self.reader.double().map(drop),
            tag::BIGINT => self.reader.bigint().map(drop),
            tag::LATIN1 | tag::UTF16 | tag::UTF8 => self.reader.text(tag).map(drop),
            tag::REFERENCE => {
                let begin = self.reader.at();
                let id = self.reader.varint()?;
                let place = begin..self.reader.at();
                let target = self.watch.reference(id, place).map_err(|kind| self.reader.error(kind))?;
                self.view(target)
            }
            _ => {
                let id = self.watch.opened(self.reader.at() - 1);
                self.begin_object(tag, id)
            }
        }
    }

    fn begin_object(&mut self, tag: u8, id: usize) -> Result<()> {
        match tag {
            tag::OBJECT => self.enter(Open::Properties(tag::OBJECT_END, 0, None)),
            tag::DENSE_ARRAY => {
                let length = dense_length(self.reader)?;
                self.enter(Open::Elements(length, length))
            }
            tag::SPARSE_ARRAY => {
                let length = self.reader.varint()? as usize;
                self.enter(Open::Properties(tag::SPARSE_ARRAY_END, 0, Some(length)))
            }
            tag::MAP => self.enter(Open::Entries(0)),
            tag::SET => self.enter(Open::Values(0)),
            tag::ERROR => self.enter(Open::Error(ErrorParts::default())),
            tag::DATE | tag::NUMBER_OBJECT => self.reader.double().map(drop),
            tag::TRUE_OBJECT | tag::FALSE_OBJECT => Ok(()),
            tag::BIGINT_OBJECT => self.reader.bigint().map(drop),
            tag::STRING_OBJECT => self.reader.string().map(drop),
            tag::REGEXP => {
                self.reader.string()?;
                regexp_flags(self.reader).map(drop)
            }
            tag::ARRAY_BUFFER => {
                let length = self.reader.blob()?.len();
                self.watch.buffer(id, length);
                self.view(Target::Buffer(length))
            }
            tag::RESIZABLE_ARRAY_BUFFER => resizable(self.reader).map(drop),
            tag::HOST_OBJECT => match self.reader.varint()? {
                tag::HOST_VIEW => host_view(self.reader).map(drop),
                tag::HOST_PLAIN => {
                    if !self.reader.eat(tag::OBJECT)? {
                        return self.reader.invalid("a host object without properties");
                    }
                    let inner = self.watch.opened(self.reader.at() - 1);
                    self.watch.alias(inner);
                    self.enter(Open::Properties(tag::OBJECT_END, 0, None))
                }
                kind => Err(self.reader.error(V8ErrorKind::UnknownHostObject(kind))),
            },
            _ => Err(unknown(self.reader, tag)),
        }
    }

    fn enter(&mut self, open: Open) -> Result<()> {
        self.open.push(open);
        self.deepest = self.deepest.max(self.open.len());
        match self.open.len() > MAX_LEVELS {
            true => Err(self.reader.error(V8ErrorKind::TooDeep)),
            false => Ok(()),
        }
    }

    /// Behind a buffer, or a reference to one: a view on it, if there is one.
    fn view(&mut self, target: Target) -> Result<()> {
        if !self.reader.next_is(tag::BUFFER_VIEW) {
            return Ok(());
        }
        let length = match target {
            Target::Unknown => None,
            Target::Buffer(length) => Some(length),
            Target::Other => return self.reader.invalid("a view on what is no buffer"),
        };
        self.watch.opened(self.reader.at());
        buffer_view(self.reader, length).map(drop)
    }
}

/// How a property is called.
pub(crate) enum Key<'a> {
    Text(Text<'a>),
    Index(u32),
}

pub(crate) fn key<'a>(reader: &mut Reader<'a>) -> Result<Key<'a>> {
    let tag = reader.tag()?;
    if let Some(text) = reader.text(tag)? {
        return Ok(Key::Text(text));
    }
    let index = match tag {
        tag::INT32 => u32::try_from(reader.int32()?).ok(),
        tag::UINT32 => Some(reader.varint()?),
        tag::DOUBLE => Some(reader.double()?)
            .filter(|n| n.fract() == 0.0 && (0.0..4294967295.0).contains(n))
            .map(|n| n as u32),
        _ => None,
    };
    match index {
        Some(index) if index != u32::MAX => Ok(Key::Index(index)),
        _ => reader.invalid("a key is neither a string nor an index"),
    }
}

/// Each element has a byte at least.
pub(crate) fn dense_length(reader: &mut Reader<'_>) -> Result<usize> {
    let length = reader.varint()? as usize;
    match length <= reader.remaining() {
        true => Ok(length),
        false => Err(reader.error(V8ErrorKind::Truncated)),
    }
}

pub(crate) fn regexp_flags(reader: &mut Reader<'_>) -> Result<u32> {
    match reader.varint()? {
        flags if flags & !super::regexp::RegExpFlags::KNOWN == 0 => Ok(flags),
        _ => reader.invalid("a regular expression has unknown flags"),
    }
}

/// The bytes of a buffer that can be resized, and how far.
pub(crate) fn resizable<'a>(reader: &mut Reader<'a>) -> Result<(&'a [u8], u32)> {
    let length = reader.varint()?;
    let most = reader.varint()?;
    if length > most {
        return reader.invalid("a buffer is longer than it may be");
    }
    Ok((reader.take(length as usize)?, most))
}

/// A view as Node's own layer writes it (ADV-9).
pub(crate) fn host_view<'a>(reader: &mut Reader<'a>) -> Result<(ViewKind, &'a [u8])> {
    let index = reader.varint()?;
    let Some(kind) = ViewKind::from_index(index) else {
        return Err(reader.error(V8ErrorKind::UnknownHostObject(index)));
    };
    let bytes = reader.blob()?;
    match bytes.len().is_multiple_of(kind.bytes_per_element()) {
        true => Ok((kind, bytes)),
        false => reader.invalid("a view does not end with an element"),
    }
}

/// A view on the buffer before it: its kind, and where it begins and how long it is in bytes.
pub(crate) fn buffer_view(reader: &mut Reader<'_>, buffer: Option<usize>) -> Result<(ViewKind, u32, u32)> {
    reader.tag()?;
    let Some(kind) = ViewKind::from_view_tag(reader.byte()?) else {
        return reader.invalid("a view of an unknown kind");
    };
    let (offset, length, flags) = (reader.varint()?, reader.varint()?, reader.varint()?);
    let size = kind.bytes_per_element() as u32;
    let inside = buffer.is_none_or(|buffer| u64::from(offset) + u64::from(length) <= buffer as u64);
    if !inside || offset % size != 0 || length % size != 0 {
        return reader.invalid("a view does not fit its buffer");
    }
    // Flags are for buffers that can be resized.
    if flags != 0 {
        return reader.invalid("a view has flags that its buffer cannot have");
    }
    Ok((kind, offset, length))
}

/// A tag that begins no value, told so when a value was expected.
pub(crate) fn unknown(reader: &Reader<'_>, tag: u8) -> V8Error {
    V8Error::at(V8ErrorKind::UnknownTag(tag), reader.at() - 1)
}

/// Reads an error part by part, in whatever order they come (ADV-7).
#[derive(Default)]
pub(crate) struct ErrorParts {
    kind: bool,
    message: bool,
    stack: bool,
    cause: bool,
}

pub(crate) enum ErrorPart<'a> {
    Kind(ErrorKind),
    Message(Text<'a>),
    Stack(Text<'a>),
    /// To be read by the caller.
    Cause,
}

impl ErrorParts {
    pub(crate) fn next<'a>(&mut self, reader: &mut Reader<'a>) -> Result<Option<ErrorPart<'a>>> {
        let tag = reader.tag()?;
        let (seen, part) = match tag {
            tag::ERROR_END => return Ok(None),
            tag::ERROR_MESSAGE => (&mut self.message, ErrorPart::Message(reader.string()?)),
            tag::ERROR_STACK => (&mut self.stack, ErrorPart::Stack(reader.string()?)),
            tag::ERROR_CAUSE => (&mut self.cause, ErrorPart::Cause),
            _ => match ErrorKind::from_letter(tag) {
                Some(kind) => (&mut self.kind, ErrorPart::Kind(kind)),
                None => return Err(unknown(reader, tag)),
            },
        };
        match std::mem::replace(seen, true) {
            false => Ok(Some(part)),
            true => reader.invalid("an error has a part twice"),
        }
    }
}
