//! How the newtypes of `ids` and `time` look in the API description: all of them are strings or integers of a stated form.

use std::borrow::Cow;

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ObjectBuilder, Schema, SchemaFormat, Type},
    },
};

use crate::{
    ids::{AttemptId, BatchId, Digest, Epoch, Incarnation, JobId, JoinTokenId, MachineId, MachineName, Name, TokenId},
    time::Timestamp,
};

fn text(pattern: &str) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).into()
}

macro_rules! text_schema {
    ($($name:ident: $pattern:literal),+ $(,)?) => {$(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                text($pattern)
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }
    )+};
}

text_schema! {
    JobId: "^job_[0-9a-z]{26}$",
    BatchId: "^bat_[0-9a-z]{26}$",
    AttemptId: "^att_[0-9a-z]{26}$",
    MachineId: "^mch_[0-9a-z]{26}$",
    TokenId: "^tok_[0-9a-z]{26}$",
    JoinTokenId: "^jtk_[0-9a-z]{26}$",
    Incarnation: "^icn_[0-9a-z]{26}$",
    Name: "^[0-9A-Za-z][-_.0-9A-Za-z]{0,63}$",
    MachineName: "^[0-9A-Za-z][-_./0-9A-Za-z]{0,127}$",
    Digest: "^[0-9A-Fa-f]{64}$",
}

impl PartialSchema for Epoch {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).into()
    }
}

impl ToSchema for Epoch {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Epoch")
    }
}

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::Custom("date-time".into()))).into()
    }
}

impl ToSchema for Timestamp {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Timestamp")
    }
}
