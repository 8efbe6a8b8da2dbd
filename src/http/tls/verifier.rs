//! Client certificates: nobody must show one, but who does must show one of our authority.
//!
//! A machine that slept for weeks may have let its certificate run out. It is let in to renew, and for nothing else: the
//! handshake allows for [`RENEWAL_GRACE`], and [`PeerCertificate::is_current`] decides what it may do then.

use std::{sync::Arc, time::Duration};

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, UnixTime},
    server::{
        WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};

use super::{Authority, TlsError, authority::CLIENT_VALIDITY};
use crate::{ids::Digest, time::Timestamp};

/// A certificate that expired less than this ago may still be exchanged for a new one. Not longer than certificates live:
/// `verify_client_cert` looks back by as much, and must not land before the certificate began.
const RENEWAL_GRACE: Duration = CLIENT_VALIDITY;

/// The certificate of the other side of a connection, known to be of our authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerCertificate {
    pub digest: Digest,
    pub expires_at: Timestamp,
}

impl PeerCertificate {
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
        let seconds = u64::try_from(parsed.validity().not_after.timestamp()).ok()?;
        let expires_at = Timestamp::from_ms(seconds.saturating_mul(1_000));
        Some(Self { digest: Digest::of(certificate), expires_at })
    }

    pub fn is_current(&self, now: Timestamp) -> bool {
        now <= self.expires_at
    }
}

#[derive(Debug)]
pub(super) struct MachineVerifier(Arc<dyn ClientCertVerifier>);

impl MachineVerifier {
    pub(super) fn new(authority: &Authority, provider: Arc<CryptoProvider>) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        roots.add(authority.certificate().clone())?;
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier = builder.allow_unauthenticated().build().map_err(|e| TlsError::Verifier(e.to_string()))?;
        Ok(Self(verifier))
    }
}

impl ClientCertVerifier for MachineVerifier {
    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match self.0.verify_client_cert(end_entity, intermediates, now) {
            Err(Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. })) => {
                let earlier = Duration::from_secs(now.as_secs().saturating_sub(RENEWAL_GRACE.as_secs()));
                self.0.verify_client_cert(end_entity, intermediates, UnixTime::since_unix_epoch(earlier))
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};
    use rustls::pki_types::pem::PemObject as _;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);
    const ISSUED_AT: Timestamp = Timestamp::from_ms(1_764_568_800_000);

    fn certificate(authority: &Authority) -> CertificateDer<'static> {
        let key = KeyPair::generate().unwrap();
        let request = CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap();
        let issued = authority.issue_client(&request, &"vm-07".parse().unwrap(), ISSUED_AT).unwrap();
        CertificateDer::from_pem_slice(issued.pem.as_bytes()).unwrap()
    }

    fn accepts(verifier: &MachineVerifier, certificate: &CertificateDer<'_>, after: Duration) -> bool {
        let now = Duration::from_secs(ISSUED_AT.as_ms() / 1_000) + after;
        verifier.verify_client_cert(certificate, &[], UnixTime::since_unix_epoch(now)).is_ok()
    }

    #[test]
    fn an_expired_certificate_may_come_back_for_ninety_days() {
        let (dir, other_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let authority = Authority::open(dir.path(), ISSUED_AT).unwrap();
        let verifier = MachineVerifier::new(&authority, provider).unwrap();
        let own = certificate(&authority);
        assert!(accepts(&verifier, &own, DAY));
        assert!(accepts(&verifier, &own, DAY * 91));
        assert!(accepts(&verifier, &own, DAY * 179));
        assert!(!accepts(&verifier, &own, DAY * 181));

        let stranger = certificate(&Authority::open(other_dir.path(), ISSUED_AT).unwrap());
        assert!(!accepts(&verifier, &stranger, DAY));

        let peer = PeerCertificate::of(&own).unwrap();
        assert!(peer.is_current(ISSUED_AT.saturating_add(DAY * 90)));
        assert!(!peer.is_current(ISSUED_AT.saturating_add(DAY * 91)));
    }
}
