//! Joining: a token and a key go in, a certificate comes out. And the request for the next certificate.

use std::{collections::BTreeMap, str::FromStr, sync::Arc};

use rcgen::{CertificateParams, KeyPair};

use super::{
    CALL_TIMEOUT, LinkError, MAX_ANSWER_BYTES, base, call, client,
    tls::{AnchorVerifier, joining_config},
};
use crate::{
    agent::disk::Binding,
    config::ProxyUrl,
    ids::{Digest, MachineName, Name},
    wire::{
        agent::{JoinAnswer, JoinRequest, RenewRequest},
        machine::Facts,
    },
};

const PREFIX: &str = "dfj_";

/// `dfj_<secret>.<hash>`: the right to join, and how the controller is known.
#[derive(Clone)]
pub(in crate::agent) struct Token {
    whole: String,
    anchor: Digest,
}

impl Token {
    /// Whether it is of the controller with this authority (PEM).
    pub(in crate::agent) fn is_for(&self, ca: &str) -> bool {
        use rustls::pki_types::{CertificateDer, pem::PemObject as _};

        CertificateDer::from_pem_slice(ca.as_bytes()).is_ok_and(|ca| Digest::of(&ca) == self.anchor)
    }
}

impl FromStr for Token {
    type Err = LinkError;

    /// The token is never repeated in the error.
    fn from_str(text: &str) -> Result<Self, LinkError> {
        let whole = text.trim();
        let anchor = whole
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_once('.'))
            .filter(|(secret, _)| !secret.is_empty())
            .and_then(|(_, anchor)| anchor.parse().ok());
        match anchor {
            Some(anchor) => Ok(Self { whole: whole.to_owned(), anchor }),
            None => Err(LinkError::Setup(
                "this is no join token: one has the form dfj_<secret>.<hash>, as `deskfleet join-token create` shows \
                 it or the controller writes it to join.token"
                    .to_owned(),
            )),
        }
    }
}

/// What a machine wants to be.
#[derive(Clone, Debug)]
pub(in crate::agent) struct JoinWish {
    pub(in crate::agent) controller: String,
    pub(in crate::agent) name: MachineName,
    pub(in crate::agent) pool: Option<Name>,
    pub(in crate::agent) labels: BTreeMap<String, String>,
    /// What the identity is bound to.
    pub(in crate::agent) binding: Binding,
    pub(in crate::agent) facts: Facts,
}

/// What joining brought.
pub(in crate::agent) struct JoinResult {
    pub(in crate::agent) answer: JoinAnswer,
    /// PEM.
    pub(in crate::agent) key: String,
    pub(in crate::agent) ca: String,
}

pub(in crate::agent) async fn join(
    token: &Token,
    wish: &JoinWish,
    proxy: Option<&ProxyUrl>,
) -> Result<JoinResult, LinkError> {
    let verifier = Arc::new(AnchorVerifier::new(token.anchor, None));
    let client = client(joining_config(Arc::clone(&verifier))?, proxy)?;
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(|error| make(&error))?;
    let request = JoinRequest {
        token: token.whole.clone(),
        name: wish.name.clone(),
        pool: wish.pool.clone(),
        labels: wish.labels.clone(),
        certificate_request: certificate_request(&key)?,
        identity: wish.binding.digest().to_string(),
        facts: wish.facts.clone(),
    };
    let mut url = base(&wish.controller)?;
    let path = url.path().trim_end_matches('/');
    url.set_path(&format!("{path}/agent/v1/join"));
    let answer: JoinAnswer =
        call::json(client.post(url).json(&request).timeout(CALL_TIMEOUT), MAX_ANSWER_BYTES).await?;
    let ca = verifier.found().ok_or_else(|| LinkError::Answer("the controller showed no authority".to_owned()))?;
    Ok(JoinResult { answer, key: key.serialize_pem(), ca: pem_of(&ca) })
}

/// For the key the machine has: a renewal that is cut off leaves either certificate good.
pub(in crate::agent) fn renew_request(key: &str) -> Result<RenewRequest, LinkError> {
    let key = KeyPair::from_pem(key).map_err(|error| make(&error))?;
    Ok(RenewRequest { certificate_request: certificate_request(&key)? })
}

/// Its subject is ignored, so that it has none.
fn certificate_request(key: &KeyPair) -> Result<String, LinkError> {
    let request = CertificateParams::default().serialize_request(key).and_then(|request| request.pem());
    request.map_err(|error| make(&error))
}

fn make(error: &rcgen::Error) -> LinkError {
    LinkError::Setup(format!("a key or certificate request can't be made: {error}"))
}

fn pem_of(certificate: &[u8]) -> String {
    use base64::Engine as _;

    let text = base64::engine::general_purpose::STANDARD.encode(certificate);
    let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_carries_the_hash_and_is_never_quoted() {
        let hash = Digest::of(b"ca").to_string();
        let token: Token = format!(" dfj_s3cret.{hash}\n").parse().unwrap();
        assert_eq!(token.anchor, Digest::of(b"ca"));
        for wrong in ["dfj_s3cret", "s3cret.00", "dfj_s3cret.00", &format!("dft_s3cret.{hash}"), ""] {
            let error = wrong.parse::<Token>().err().unwrap().to_string();
            assert!(error.contains("dfj_<secret>") && !error.contains("s3cret."), "{error}");
        }
    }

    #[test]
    fn an_authority_kept_as_pem_is_the_one_that_was_shown() {
        use rustls::pki_types::{CertificateDer, pem::PemObject as _};
        let der = vec![7; 500];
        assert_eq!(CertificateDer::from_pem_slice(pem_of(&der).as_bytes()).unwrap().as_ref(), der);
    }
}
