//! Who is trusted: one authority, known by its hash before the first word and by its certificate afterwards.
//!
//! The machine's clock is not trusted: a certificate of the right authority is taken even where it seems to have run out or not yet
//! begun, because a desktop brought back from a snapshot often has a wrong clock, and would never learn the right one.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _},
};

use super::LinkError;
use crate::ids::Digest;

/// How often a clock that is off is moved to where a certificate is good: once for each certificate of a chain.
const MAX_CLOCK_MOVES: usize = 4;

/// Takes a server whose chain leads to the one authority.
pub(super) struct AnchorVerifier {
    anchor: Digest,
    provider: Arc<CryptoProvider>,
    /// Known from the start, or found in the first handshake.
    found: Mutex<Option<CertificateDer<'static>>>,
}

impl AnchorVerifier {
    pub(super) fn new(anchor: Digest, known: Option<CertificateDer<'static>>) -> Self {
        Self { anchor, provider: provider(), found: Mutex::new(known) }
    }

    /// The authority's certificate, once a handshake has shown it.
    pub(super) fn found(&self) -> Option<CertificateDer<'static>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn anchor_in(&self, leaf: &CertificateDer<'_>, chain: &[CertificateDer<'_>]) -> Option<CertificateDer<'static>> {
        let known = self.found();
        let shown = || {
            let all = chain.iter().chain([leaf]);
            all.into_iter().find(|one| Digest::of(one) == self.anchor).map(|one| one.clone().into_owned())
        };
        known.or_else(shown)
    }

    fn check_chain(
        &self,
        anchor: &CertificateDer<'static>,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let mut roots = RootCertStore::empty();
        roots.add(anchor.clone())?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        let mut now = now;
        for _ in 0..MAX_CLOCK_MOVES {
            match verifier.verify_server_cert(leaf, chain, name, &[], now) {
                Err(rustls::Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
                    now = not_after;
                }
                Err(rustls::Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. })) => {
                    now = not_before;
                }
                result => return result,
            }
        }
        Err(rustls::Error::General("the certificates of the chain are never good at the same time".to_owned()))
    }
}

impl ServerCertVerifier for AnchorVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(anchor) = self.anchor_in(end_entity, intermediates) else {
            return Err(intercepted(end_entity));
        };
        match self.check_chain(&anchor, end_entity, intermediates, server_name, now) {
            Ok(verified) => {
                self.found.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(anchor);
                Ok(verified)
            }
            Err(rustls::Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature,
            )) => Err(intercepted(end_entity)),
            Err(error) => Err(error),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl fmt::Debug for AnchorVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AnchorVerifier({})", self.anchor)
    }
}

fn intercepted(leaf: &CertificateDer<'_>) -> rustls::Error {
    let issuer = match x509_parser::parse_x509_certificate(leaf) {
        Ok((_, certificate)) => certificate.issuer().to_string(),
        Err(_) => "an issuer that can't be read".to_owned(),
    };
    rustls::Error::General(format!(
        "the certificate shown was issued by \"{issuer}\", not by the controller's authority: something on the way \
         opens TLS connections (exempt the controller from it), the address is that of another server, or the \
         controller was set up anew (then join with a new token)"
    ))
}

/// For joining: without a certificate of one's own.
pub(super) fn joining_config(verifier: Arc<AnchorVerifier>) -> Result<ClientConfig, LinkError> {
    let builder = builder(verifier)?;
    Ok(with_alpn(builder.with_no_client_auth()))
}

/// For a joined machine. All three are PEM.
pub(super) fn machine_config(ca: &str, certificate: &str, key: &str) -> Result<ClientConfig, LinkError> {
    let unusable = |what: &str, error: String| {
        LinkError::Setup(format!(
            "the {what} in the identity folder can't be used ({error}): remove the folder and join again"
        ))
    };
    let ca = CertificateDer::from_pem_slice(ca.as_bytes()).map_err(|error| unusable("ca.pem", error.to_string()))?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| unusable("certificate.pem", error.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| unusable("key.pem", error.to_string()))?;
    let verifier = Arc::new(AnchorVerifier::new(Digest::of(&ca), Some(ca)));
    let config = builder(verifier)?
        .with_client_auth_cert(chain, key)
        .map_err(|error| unusable("certificate.pem", error.to_string()))?;
    Ok(with_alpn(config))
}

fn builder(
    verifier: Arc<AnchorVerifier>,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>, LinkError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| LinkError::Setup(error.to_string()))?;
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier))
}

fn with_alpn(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

    use super::*;

    struct Ca {
        certificate: CertificateDer<'static>,
        issuer: Issuer<'static, KeyPair>,
    }

    fn ca(name: &str) -> Ca {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let der = certificate.der().clone();
        Ca { certificate: der.clone(), issuer: Issuer::from_ca_cert_der(&der, key).unwrap() }
    }

    fn leaf(ca: &Ca, until_year: i32) -> CertificateDer<'static> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(until_year, 1, 1);
        params.signed_by(&key, &ca.issuer).unwrap().der().clone()
    }

    fn verify(
        verifier: &AnchorVerifier,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &'static str,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let now = UnixTime::since_unix_epoch(Duration::from_secs(1_764_568_800));
        verifier.verify_server_cert(leaf, chain, &ServerName::try_from(name).unwrap(), &[], now)
    }

    #[test]
    fn the_authority_is_found_in_the_chain_by_its_hash() {
        let (ours, other) = (ca("ours"), ca("Proxy Inc"));
        let verifier = AnchorVerifier::new(Digest::of(&ours.certificate), None);
        let chain = [ours.certificate.clone()];
        assert!(verifier.found().is_none());
        let error =
            verify(&verifier, &leaf(&other, 2030), std::slice::from_ref(&other.certificate), "localhost").unwrap_err();
        assert!(error.to_string().contains("Proxy Inc"), "{error}");
        // A chain that only carries our authority beside a leaf of another.
        assert!(verify(&verifier, &leaf(&other, 2030), &chain, "localhost").is_err());
        assert!(verifier.found().is_none());
        assert!(verify(&verifier, &leaf(&ours, 2030), &chain, "example.org").is_err(), "the name counts");
        assert!(verify(&verifier, &leaf(&ours, 2030), &chain, "localhost").is_ok());
        assert_eq!(verifier.found(), Some(ours.certificate.clone()));
        assert!(verify(&verifier, &leaf(&ours, 2030), &[], "localhost").is_ok(), "known from now on");
    }

    #[test]
    fn a_wrong_clock_does_not_lock_a_machine_out() {
        let ours = ca("ours");
        let verifier = AnchorVerifier::new(Digest::of(&ours.certificate), Some(ours.certificate.clone()));
        assert!(verify(&verifier, &leaf(&ours, 2024), &[], "localhost").is_ok());
    }
}
