//! Newtypes for everything that has a name or a number, so that one can't be passed for another.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Crockford's base 32, lower case: no `i`, `l`, `o`, `u`, and byte order is numeric order.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const ENCODED_CHARS: usize = 26;

/// Why a text is not an id, a name or a digest. The message says what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct IdError(pub String);

fn encode(mut value: u128) -> String {
    let mut chars = [0u8; ENCODED_CHARS];
    for slot in chars.iter_mut().rev() {
        *slot = ALPHABET[(value & 31) as usize];
        value >>= 5;
    }
    chars.iter().map(|byte| char::from(*byte)).collect()
}

fn decode(text: &str) -> Option<u128> {
    if text.len() != ENCODED_CHARS || text.as_bytes()[0] > b'7' {
        return None;
    }
    text.bytes().try_fold(0u128, |value, byte| {
        let digit = ALPHABET.iter().position(|letter| *letter == byte)?;
        Some((value << 5) | digit as u128)
    })
}

/// Serde by `Display` and `FromStr`: what a person reads is what travels.
macro_rules! serde_as_text {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            pub const PREFIX: &'static str = $prefix;

            /// From 48 bits of milliseconds (so that ids sort by time) and 80 bits that tell ids of one millisecond apart.
            pub fn new(wall_ms: u64, rest: u128) -> Self {
                Self((u128::from(wall_ms) << 80) | (rest & ((1 << 80) - 1)))
            }

            pub const fn from_raw(raw: u128) -> Self {
                Self(raw)
            }

            pub const fn raw(self) -> u128 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $prefix, encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix($prefix).and_then(decode).map(Self).ok_or_else(|| {
                    IdError(format!("`{}` is not an id of the form {}…", shorten(text), $prefix))
                })
            }
        }

        serde_as_text!($name);
    };
}

id!(JobId, "job_");
id!(BatchId, "bat_");
id!(AttemptId, "att_");
id!(MachineId, "mch_");
id!(TokenId, "tok_");
id!(JoinTokenId, "jtk_");
id!(
    /// One start of an agent.
    Incarnation,
    "icn_"
);

/// The fencing number of a lease: the store's generation, then a counter over the whole fleet. Travels as one integer below 2^63.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u64", from = "u64")]
pub struct Epoch {
    pub generation: u32,
    pub counter: u64,
}

const COUNTER_BITS: u32 = 40;

impl From<Epoch> for u64 {
    fn from(epoch: Epoch) -> u64 {
        (u64::from(epoch.generation) << COUNTER_BITS) | epoch.counter
    }
}

impl From<u64> for Epoch {
    fn from(value: u64) -> Self {
        let generation = u32::try_from(value >> COUNTER_BITS).unwrap_or(u32::MAX);
        Self { generation, counter: value & ((1 << COUNTER_BITS) - 1) }
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", u64::from(*self))
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $max:literal, $extra:literal, $shape:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            pub const MAX_CHARS: usize = $max;

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let allowed = |c: char| c.is_ascii_alphanumeric() || $extra.contains(c);
                let first = text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
                if first && text.len() <= $max && text.chars().all(allowed) {
                    Ok(Self(text.into()))
                } else {
                    Err(IdError(format!("`{}` is not a name: {}", shorten(text), $shape)))
                }
            }
        }

        serde_as_text!($name);
    };
}

name!(
    /// The name of a document: workflow, app, pool, …
    Name,
    64,
    "-_.",
    "1 to 64 letters, digits, `-`, `_` or `.`, the first a letter or digit"
);
name!(
    /// The name of a machine: a host name, or `HOST/user` for one session of a multi-session host.
    MachineName,
    128,
    "-_./",
    "1 to 128 letters, digits, `-`, `_`, `.` or `/`, the first a letter or digit"
);

/// SHA-256 of a blob or a certificate. Travels as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub fn of(content: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(content).into())
    }

    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let mut bytes = [0; 32];
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) => Ok(Self(bytes)),
            Err(_) => Err(IdError(format!("`{}` is not a SHA-256 digest: 64 hexadecimal digits", shorten(text)))),
        }
    }
}

serde_as_text!(Digest);

/// JSON text that is carried but not read: inputs, outputs, documents. Valid by construction at the edge that made it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Json(Arc<str>);

impl Json {
    /// The caller vouches that `text` is one JSON value.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// As a string, not as a nested value: the store keeps it byte for byte.
impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(String::deserialize(deserializer)?.into()))
    }
}

/// Bad input is quoted in messages, but not at any length.
fn shorten(text: &str) -> String {
    const SHOWN_CHARS: usize = 80;
    match text.char_indices().nth(SHOWN_CHARS) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_itself_and_sorts_by_time() {
        let early = JobId::new(1_000, 9);
        let late = JobId::new(1_001, 1);
        assert!(early < late && early.to_string() < late.to_string());
        assert_eq!(early.to_string().parse::<JobId>(), Ok(early));
        assert!(early.to_string().parse::<BatchId>().is_err());
        assert!("job_".parse::<JobId>().is_err());
        assert!("job_zzzzzzzzzzzzzzzzzzzzzzzzzz".parse::<JobId>().is_err());
    }

    #[test]
    fn an_epoch_of_the_first_generation_is_a_small_integer() {
        let epoch = Epoch { generation: 0, counter: 12 };
        assert_eq!(serde_json::to_string(&epoch).unwrap(), "12");
        let later = Epoch { generation: 3, counter: 1 };
        assert!(later > epoch);
        assert_eq!(Epoch::from(u64::from(later)), later);
    }

    #[test]
    fn names_are_checked_and_quoted_at_bounded_length() {
        assert!("register-patient".parse::<Name>().is_ok());
        assert!("HOST/user".parse::<MachineName>().is_ok());
        for bad in ["", "-x", "a b", "a/b", "ä"] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
        let long = "x".repeat(10_000).parse::<Name>().unwrap_err();
        assert!(long.0.len() < 300);
    }
}
