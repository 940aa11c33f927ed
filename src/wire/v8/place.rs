//! Values inside of a record, found without reading what is around them.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;

use super::de::De;
use super::reader::Reader;
use super::tag;
use super::walk::{self, Key, Survey};
use crate::error::V8Error;

type Result<T> = std::result::Result<T, V8Error>;

/// A record in which values are found by their places.
#[derive(Clone)]
pub(crate) struct Record {
    bytes: Bytes,
    /// Where its objects begin, if there may be references to them. Found once for all places.
    survey: Option<Arc<Survey>>,
}

impl Record {
    pub(crate) fn new(bytes: Bytes) -> Result<Self> {
        let survey = match walk::may_refer(&bytes) {
            true => Some(Arc::new(walk::survey(&bytes)?)),
            false => None,
        };
        Ok(Record { bytes, survey })
    }

    /// Where the record's own value begins.
    pub(crate) fn start(&self) -> Result<usize> {
        Ok(Reader::new(&self.bytes)?.at())
    }

    /// Tells the name and the place of each property, if the value here is an object.
    pub(crate) fn properties(&self, at: usize, mut found: impl FnMut(&str, usize)) -> Result<bool> {
        let mut reader = self.reader(at)?;
        if reader.tag()? != tag::OBJECT {
            return Ok(false);
        }
        let mut count = 0;
        while !reader.eat(tag::OBJECT_END)? {
            let key = walk::key(&mut reader)?;
            // In front of the padding that a value may begin with, or behind it.
            let place = reader.at();
            walk::skip(&mut reader)?;
            count += 1;
            if let Key::Text(name) = key {
                found(&name.to_str().unwrap_or(Cow::Borrowed("")), place);
            }
        }
        reader.count(count)?;
        Ok(true)
    }

    /// The places of the first `most` elements that are there, if the value here is an array. V8 writes one as sparse
    /// that has become so inside, although it has all its elements.
    pub(crate) fn elements(&self, at: usize, most: usize) -> Result<Vec<usize>> {
        let mut reader = self.reader(at)?;
        let mut places = Vec::new();
        match reader.tag()? {
            tag::DENSE_ARRAY => {
                let length = walk::dense_length(&mut reader)?;
                places.reserve(length.min(256));
                for _ in 0..length.min(most) {
                    if !reader.eat(tag::HOLE)? {
                        places.push(reader.at());
                        walk::skip(&mut reader)?;
                    }
                }
            }
            tag::SPARSE_ARRAY => {
                reader.varint()?;
                while places.len() < most && !reader.eat(tag::SPARSE_ARRAY_END)? {
                    let key = walk::key(&mut reader)?;
                    if let Key::Index(_) = key {
                        places.push(reader.at());
                    }
                    walk::skip(&mut reader)?;
                }
            }
            _ => {}
        }
        Ok(places)
    }

    /// The tag of the value here.
    pub(crate) fn tag(&self, at: usize) -> Result<u8> {
        self.reader(at)?.tag()
    }

    /// Reads the value here.
    pub(crate) fn decode<'de, T: Deserialize<'de>>(&'de self, at: usize) -> Result<T> {
        self.de(at)?.next(PhantomData::<T>)
    }

    /// Reads the value here as `read` does it.
    pub(crate) fn read<'de, T>(
        &'de self,
        at: usize,
        read: impl FnOnce(&mut De<'de>) -> Result<T>,
    ) -> Result<T> {
        read(&mut self.de(at)?)
    }

    fn de(&self, at: usize) -> Result<De<'_>> {
        let mut de = De::new(&self.bytes)?;
        de.reader.seek(at);
        de.share(self.survey.clone());
        Ok(de)
    }

    /// A reader at the value here, or at what it refers to.
    fn reader(&self, at: usize) -> Result<Reader<'_>> {
        let mut reader = Reader::new(&self.bytes)?;
        reader.seek(at);
        if let Some(survey) = &self.survey
            && reader.peek()? == tag::REFERENCE
        {
            reader.tag()?;
            let id = reader.varint()?;
            if let Some(at) = survey.position(id) {
                reader.seek(at);
            }
        }
        Ok(reader)
    }
}
