//! Writes answers as JSON.
//!
//! General serializers look into the name of every field for something to escape. Here half of an answer is names of
//! fields, which are Rust identifiers, and a page of calls can be written row by row where the rows are read
//! ([`Raw`]): a page of fifty calls takes half the time.

use std::fmt::{self, Display, Write as _};

use serde::Serialize;
use serde::ser::{Error as _, Impossible, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple, Serializer};

/// The names under which [`Raw`] and [`Plain`] pass themselves on.
const RAW: &str = "$hutong::json::Raw";
const PLAIN: &str = "$hutong::json::Plain";

/// JSON that is written already, and stands in the answer as it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raw<'a>(pub(crate) &'a str);

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(RAW, self.0)
    }
}

/// A text of which it is known that nothing in it has to be escaped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plain<'a>(pub(crate) &'a str);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(PLAIN, self.0)
    }
}

/// A list that is written while its items are at hand.
#[derive(Debug)]
pub(crate) struct List {
    json: String,
    length: i64,
}

impl List {
    /// An empty list with room for so many bytes.
    pub(crate) fn with_room(bytes: usize) -> Self {
        Self { json: String::with_capacity(bytes), length: 0 }
    }

    /// Adds an item.
    pub(crate) fn push(&mut self, item: &impl Serialize) -> Result<(), Error> {
        if self.length > 0 {
            self.json.push(',');
        }
        self.length += 1;
        write(&mut self.json, item)
    }

    /// Adds an object with the fields of both.
    pub(crate) fn push_joined(&mut self, one: &impl Serialize, more: &impl Serialize) -> Result<(), Error> {
        if self.length > 0 {
            self.json.push(',');
        }
        self.length += 1;
        write_joined(&mut self.json, one, more)
    }

    /// How many items it has.
    pub(crate) const fn length(&self) -> i64 {
        self.length
    }

    /// How long it is.
    pub(crate) const fn bytes(&self) -> usize {
        self.json.len()
    }
}

impl Serialize for List {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        if self.length > 0 {
            list.serialize_element(&Raw(&self.json))?;
        }
        list.end()
    }
}

/// Writes two objects that have fields as one. `#[serde(flatten)]` would do the same by way of a map, whose keys are looked
/// into.
pub(crate) fn write_joined(out: &mut String, one: &impl Serialize, more: &impl Serialize) -> Result<(), Error> {
    write(out, one)?;
    out.pop();
    let seam = out.len();
    write(out, more)?;
    out.replace_range(seam..=seam, ",");
    Ok(())
}

/// Why a value could not be written: it says so itself, or has no form in JSON.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Error(String);

impl serde::ser::Error for Error {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// Appends a value.
pub(crate) fn write(out: &mut String, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
    value.serialize(Json { out, text: Text::Any })
}

struct Json<'o> {
    out: &'o mut String,
    text: Text,
}

/// What is known of a text before it is written.
#[derive(Clone, Copy)]
enum Text {
    Any,
    Plain,
    Raw,
}

/// The inside of a list or an object.
struct Inside<'o> {
    out: &'o mut String,
    first: bool,
    close: char,
}

impl<'o> Json<'o> {
    fn open(self, open: char, close: char) -> Inside<'o> {
        self.out.push(open);
        Inside { out: self.out, first: true, close }
    }

    fn integer(self, integer: impl itoa::Integer) {
        self.out.push_str(itoa::Buffer::new().format(integer));
    }
}

impl Inside<'_> {
    fn next(&mut self) {
        if !self.first {
            self.out.push(',');
        }
        self.first = false;
    }

    fn name(&mut self, name: &'static str) {
        debug_assert!(first_to_escape(name.as_bytes()).is_none(), "{name} has to be escaped");
        self.next();
        self.out.reserve(name.len() + 3);
        self.out.push('"');
        self.out.push_str(name);
        self.out.push_str("\":");
    }
}

/// Where the first byte stands that JSON does not take as it is.
fn first_to_escape(bytes: &[u8]) -> Option<usize> {
    let (eights, rest) = bytes.as_chunks();
    for (eight, at) in eights.iter().zip((0..).step_by(8)) {
        if let Some(found) = first_of_eight(*eight) {
            return Some(at + found);
        }
    }
    rest.iter().position(|byte| matches!(byte, 0..0x20 | b'"' | b'\\')).map(|found| bytes.len() - rest.len() + found)
}

/// The same for eight bytes at once.
fn first_of_eight(eight: [u8; 8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGHS: u64 = ONES << 7;
    // The high bits of the bytes below a bound. Above the lowest that is set, others may be set by a borrow.
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word & HIGHS;
    let word = u64::from_le_bytes(eight);
    let quotes = below(word ^ (ONES * u64::from(b'"')), 1);
    let backslashes = below(word ^ (ONES * u64::from(b'\\')), 1);
    let found = below(word, 0x20) | quotes | backslashes;
    (found != 0).then(|| (found.trailing_zeros() / 8) as usize)
}

fn escaped(out: &mut String, text: &str) {
    let mut rest = text;
    // What has to be escaped is one byte long: the text is cut between characters.
    while let Some((plain, found, after)) = first_to_escape(rest.as_bytes())
        .and_then(|at| Some((rest.get(..at)?, *rest.as_bytes().get(at)?, rest.get(at + 1..)?)))
    {
        out.push_str(plain);
        match found {
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0C => out.push_str("\\f"),
            control @ 0..0x20 => {
                // Writing to memory does not fail.
                let _ = write!(out, "\\u{control:04x}");
            }
            byte => {
                out.push('\\');
                out.push(char::from(byte));
            }
        }
        rest = after;
    }
    out.push_str(rest);
}

/// What a `Display` writes, as a JSON string.
struct Escaping<'o>(&'o mut String);

impl fmt::Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escaped(self.0, text);
        Ok(())
    }
}

macro_rules! integers {
    ($($method:ident $type:ty),+) => {$(
        fn $method(self, integer: $type) -> Result<(), Error> {
            self.integer(integer);
            Ok(())
        }
    )+};
}

impl<'o> Serializer for Json<'o> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Inside<'o>;
    type SerializeTuple = Inside<'o>;
    type SerializeTupleStruct = Impossible<(), Error>;
    type SerializeTupleVariant = Impossible<(), Error>;
    type SerializeMap = Inside<'o>;
    type SerializeStruct = Inside<'o>;
    type SerializeStructVariant = Impossible<(), Error>;

    integers!(serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64);
    integers!(serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64);

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.out.push_str(if value { "true" } else { "false" });
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        self.serialize_f64(f64::from(value))
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        if !value.is_finite() {
            return self.serialize_none();
        }
        // Writing to memory does not fail.
        let _ = write!(self.out, "{value:?}");
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Result<(), Error> {
        if matches!(self.text, Text::Raw) {
            self.out.push_str(text);
            return Ok(());
        }
        self.out.reserve(text.len() + 2);
        self.out.push('"');
        match self.text {
            Text::Plain => self.out.push_str(text),
            _ => escaped(self.out, text),
        }
        self.out.push('"');
        Ok(())
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.out.push('"');
        write!(Escaping(self.out), "{value}").map_err(Error::custom)?;
        self.out.push('"');
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Error> {
        bytes.serialize(self)
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.out.push_str("null");
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.serialize_none()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_none()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<(), Error> {
        let text = match name {
            RAW => Text::Raw,
            PLAIN => Text::Plain,
            _ => self.text,
        };
        value.serialize(Json { text, ..self })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        let mut object = self.open('{', '}');
        SerializeStruct::serialize_field(&mut object, variant, value)?;
        SerializeStruct::end(object)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Inside<'o>, Error> {
        Ok(self.open('[', ']'))
    }

    fn serialize_tuple(self, _: usize) -> Result<Inside<'o>, Error> {
        Ok(self.open('[', ']'))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Inside<'o>, Error> {
        Ok(self.open('{', '}'))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Inside<'o>, Error> {
        Ok(self.open('{', '}'))
    }

    fn serialize_tuple_struct(self, name: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, Error> {
        Err(unused(name))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Error> {
        Err(unused(name))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Error> {
        Err(unused(name))
    }
}

fn unused(name: &str) -> Error {
    Error(format!("no answer has a form like that of {name}"))
}

impl SerializeSeq for Inside<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.next();
        write(self.out, value)
    }

    fn end(self) -> Result<(), Error> {
        self.out.push(self.close);
        Ok(())
    }
}

impl SerializeTuple for Inside<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        SerializeSeq::serialize_element(self, value)
    }

    fn end(self) -> Result<(), Error> {
        SerializeSeq::end(self)
    }
}

impl SerializeStruct for Inside<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        self.name(name);
        write(self.out, value)
    }

    fn end(self) -> Result<(), Error> {
        SerializeSeq::end(self)
    }
}

impl SerializeMap for Inside<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.next();
        let start = self.out.len();
        write(self.out, key)?;
        // Names are strings in JSON, whatever they are in Rust.
        if self.out.as_bytes().get(start) != Some(&b'"') {
            self.out.insert(start, '"');
            self.out.push('"');
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.out.push(':');
        write(self.out, value)
    }

    fn end(self) -> Result<(), Error> {
        SerializeSeq::end(self)
    }
}

#[cfg(test)]
mod tests;
