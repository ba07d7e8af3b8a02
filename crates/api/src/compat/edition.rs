//! What differs between the editions of the document that a key's clients were written for.
//!
//! `2018-05` is the seed document; `2019-08` is the last one that was published. Both ages of clients
//! parse these two fields strictly, so the edition is a property of the key.

use hutong_store::key::Edition;
use serde::{Serialize, Serializer};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// `duration` in queryDoneTaskPhones: `"27秒"` at first, `"27"` later.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TalkTime {
    pub(crate) seconds: i64,
    pub(crate) edition: Edition,
}

impl Serialize for TalkTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(self.seconds);
        match self.edition {
            Edition::May2018 => serializer.serialize_str(&[digits, "秒"].concat()),
            Edition::August2019 => serializer.serialize_str(digits),
        }
    }
}

/// `aiUnknown` in phoneLogInfo: `true` at first, `1` later, as its description always said.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Truth {
    pub(crate) value: bool,
    pub(crate) edition: Edition,
}

impl Serialize for Truth {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.edition {
            Edition::May2018 => serializer.serialize_bool(self.value),
            Edition::August2019 => serializer.serialize_u8(u8::from(self.value)),
        }
    }
}

impl PartialSchema for TalkTime {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).examples(["27秒"]).build().into()
    }
}

impl ToSchema for TalkTime {}

impl PartialSchema for Truth {
    fn schema() -> RefOr<Schema> {
        let types = SchemaType::from_iter([Type::Boolean, Type::Integer]);
        ObjectBuilder::new().schema_type(types).examples([false]).build().into()
    }
}

impl ToSchema for Truth {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_edition_has_its_own_spelling() {
        let check = |edition, talk: &str, truth: &str| {
            assert_eq!(serde_json::to_string(&TalkTime { seconds: 27, edition }).unwrap(), talk);
            assert_eq!(serde_json::to_string(&Truth { value: true, edition }).unwrap(), truth);
        };
        check(Edition::May2018, "\"27秒\"", "true");
        check(Edition::August2019, "\"27\"", "1");
    }
}
