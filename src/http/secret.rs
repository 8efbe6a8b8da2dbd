//! Secrets of tokens: made here, shown once, known ever after by their hash.

use crate::ids::Digest;

/// Crockford's letters: no two of them look alike.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const SECRET_BYTES: usize = 32;
const TOKEN_PREFIX: &str = "dft_";
const JOIN_PREFIX: &str = "dfj_";

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct NoRandomness;

/// A secret and what is kept of it. Prints neither.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret {
    text: String,
}

impl Secret {
    pub(crate) fn token() -> Result<Self, NoRandomness> {
        Ok(Self { text: format!("{TOKEN_PREFIX}{}", random_text()?) })
    }

    pub(crate) fn join_token() -> Result<Self, NoRandomness> {
        Ok(Self { text: format!("{JOIN_PREFIX}{}", random_text()?) })
    }

    pub(crate) fn digest(&self) -> Digest {
        digest_of(&self.text)
    }

    pub(crate) fn reveal(self) -> String {
        self.text
    }

    /// With the hash by which a machine knows the controller before it trusts it.
    pub(crate) fn reveal_with_anchor(self, anchor: Digest) -> String {
        format!("{}.{anchor}", self.text)
    }
}

/// What a shown secret is looked up by. Two hashes are compared, never two secrets: how long that takes says nothing.
pub(crate) fn digest_of(secret: &str) -> Digest {
    Digest::of(secret.as_bytes())
}

/// Of a join token with or without the hash behind its dot.
pub(crate) fn join_digest_of(token: &str) -> Digest {
    let token = token.trim();
    digest_of(token.split_once('.').map_or(token, |(secret, _)| secret))
}

fn random_text() -> Result<String, NoRandomness> {
    let mut bytes = [0u8; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(encode(&bytes))
}

fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for chunk in bytes.chunks(5) {
        let mut padded = [0u8; 8];
        padded[3..3 + chunk.len()].copy_from_slice(chunk);
        let bits = u64::from_be_bytes(padded);
        let chars = (chunk.len() * 8).div_ceil(5);
        for index in 0..chars {
            let digit = (bits >> (35 - 5 * index)) & 31;
            text.push(char::from(ALPHABET[usize::try_from(digit).unwrap_or(0)]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bits_of_a_secret_are_in_its_text() {
        assert_eq!(encode(&[0xff; 5]), "zzzzzzzz");
        assert_eq!(encode(&[0xff]), "zw");
        assert_eq!(encode(&[0; SECRET_BYTES]).len(), 52);
        assert_eq!(encode(b"hello"), "d1jprv3f");
    }

    #[test]
    fn a_join_token_is_known_with_and_without_the_hash_behind_it() {
        let secret = Secret::join_token().unwrap();
        let digest = secret.digest();
        let token = secret.reveal_with_anchor(Digest::of(b"ca"));
        assert!(token.starts_with("dfj_") && token.len() == 4 + 52 + 1 + 64);
        assert_eq!(join_digest_of(&format!(" {token}\n")), digest);
        assert_eq!(join_digest_of(token.split_once('.').unwrap().0), digest);
        assert_ne!(Secret::token().unwrap().digest(), Secret::token().unwrap().digest());
    }
}
