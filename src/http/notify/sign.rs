//! Signatures as Standard Webhooks has them: one for each secret, over id, time and body.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::{fleet::SecretText, http::secret::NoRandomness};

const PREFIX: &str = "whsec_";
const LEAST_BYTES: usize = 24;
const MOST_BYTES: usize = 64;
const MADE_BYTES: usize = 32;

/// The key in a secret, or what is wrong with it. The text itself is never repeated.
pub(crate) fn key(secret: &str) -> Result<Vec<u8>, String> {
    let key = secret.strip_prefix(PREFIX).and_then(|text| STANDARD.decode(text.trim_end()).ok());
    key.filter(|key| (LEAST_BYTES..=MOST_BYTES).contains(&key.len())).ok_or_else(|| {
        format!("is no secret of a webhook: write {PREFIX} and {LEAST_BYTES} to {MOST_BYTES} random bytes in base64")
    })
}

pub(crate) fn new_secret() -> Result<SecretText, NoRandomness> {
    let mut bytes = [0u8; MADE_BYTES];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(SecretText::new(format!("{PREFIX}{}", STANDARD.encode(bytes))))
}

/// The value of the header `webhook-signature`. A receiver that knows any of the secrets can check it.
pub(super) fn signatures(secrets: &[SecretText], id: &str, seconds: u64, body: &[u8]) -> String {
    let one = |secret: &SecretText| {
        let key = key(secret.expose()).ok()?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
        mac.update(format!("{id}.{seconds}.").as_bytes());
        mac.update(body);
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    };
    secrets.iter().filter_map(one).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reference values: `openssl dgst -sha256 -hmac` over the same text with the same key.
    #[test]
    fn each_secret_signs_id_time_and_body() {
        let secrets: Vec<SecretText> = [b"0123456789abcdef01234567", b"another key of 24 bytes!"]
            .map(|key| SecretText::new(format!("whsec_{}", STANDARD.encode(key))))
            .into();
        let signed = signatures(&secrets, "msg_1", 1_700_000_000, b"{\"a\":1}");
        assert_eq!(signed, REFERENCE);
    }

    const REFERENCE: &str =
        "v1,WUgAXU8H0NQ1/7M+TtMwKma2b74a3/TCgekiM3YUdN8= v1,7Ow78RCjcRYg33TNI3kaA+4BDwDXQq2obErOHqmPsT4=";

    #[test]
    fn a_secret_has_enough_bytes_and_a_bad_one_is_not_repeated() {
        assert_eq!(key(new_secret().unwrap().expose()).unwrap().len(), MADE_BYTES);
        assert_ne!(new_secret().unwrap(), new_secret().unwrap());
        for bad in ["", "secret", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64"] {
            let fault = key(bad).unwrap_err();
            assert!(bad.len() < 8 || !fault.contains(&bad[6..]), "{fault}");
        }
    }
}
