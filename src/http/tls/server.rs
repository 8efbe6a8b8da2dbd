//! The certificate the server shows: its own, renewed by itself, or the operator's, read again when its files change.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, RwLock},
    time::Duration,
};

use rustls::{
    crypto::CryptoProvider,
    pki_types::{CertificateDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use x509_parser::extensions::GeneralName;

use super::{
    Authority, TlsError,
    authority::{private_key, read, write},
    names,
};
use crate::{
    config::{HttpsUrl, TlsFiles},
    ids::Digest,
    time::Timestamp,
};

/// A third of its life: time enough to notice that renewal fails.
const RENEW_BEFORE: Duration = Duration::from_secs(130 * 86_400);

/// Where the certificate comes from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    Own { dir: PathBuf, public_url: Option<HttpsUrl>, server_names: Vec<String> },
    Operator(TlsFiles),
}

/// What is shown in handshakes from now on. Connections that stand keep what they were shown.
#[derive(Debug)]
pub(super) struct Served {
    source: Source,
    provider: Arc<CryptoProvider>,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Served {
    pub(super) fn open(
        source: Source,
        authority: &Authority,
        provider: Arc<CryptoProvider>,
        now: Timestamp,
    ) -> Result<Self, TlsError> {
        let key = source.load(authority, &provider, now)?;
        Ok(Self { source, provider, current: RwLock::new(Arc::new(key)) })
    }

    /// Looks at names, files and expiry again. True where another certificate is served from now on.
    pub(super) fn refresh(&self, authority: &Authority, now: Timestamp) -> Result<bool, TlsError> {
        let key = self.source.load(authority, &self.provider, now)?;
        let changed = key.cert != self.current().cert;
        if changed {
            *self.current.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(key);
        }
        Ok(changed)
    }

    /// What a machine that joins must find in the handshake: the certificate that stands last in the chain.
    pub(super) fn anchor(&self) -> Option<Digest> {
        self.current().cert.last().map(|certificate| Digest::of(certificate))
    }

    fn current(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.current.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

impl ResolvesServerCert for Served {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

impl Source {
    fn load(&self, authority: &Authority, provider: &CryptoProvider, now: Timestamp) -> Result<CertifiedKey, TlsError> {
        match self {
            Self::Own { dir, public_url, server_names } => {
                let wanted = names::wanted(public_url.as_ref(), server_names);
                load_own(dir, &wanted, authority, provider, now)
            }
            Self::Operator(files) => load_operator(files, provider),
        }
    }
}

fn load_own(
    dir: &Path,
    wanted: &BTreeSet<String>,
    authority: &Authority,
    provider: &CryptoProvider,
    now: Timestamp,
) -> Result<CertifiedKey, TlsError> {
    let (path, key_path) = (dir.join("server.pem"), dir.join("server.key"));
    if let (Some(pem), Some(key_pem)) = (read(&path)?, read(&key_path)?)
        && let Ok(key) = certified(&pem, &key_pem, provider)
        && is_good(&key.cert, wanted, authority, now)
    {
        return Ok(key);
    }
    let made = authority.issue_server(wanted.iter().cloned().collect(), now)?;
    // A crash in between leaves a pair that does not fit: the next start sees that and makes another.
    write(&key_path, &made.key_pem)?;
    write(&path, &made.pem)?;
    tracing::info!(names = ?wanted, "made a server certificate");
    certified(&made.pem, &made.key_pem, provider).map_err(|reason| TlsError::Unreadable { path, reason })
}

fn load_operator(files: &TlsFiles, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let missing = |path: &Path| TlsError::Unreadable { path: path.to_owned(), reason: "there is no such file".into() };
    let pem = read(&files.certificate)?.ok_or_else(|| missing(&files.certificate))?;
    let key_pem = read(&files.key)?.ok_or_else(|| missing(&files.key))?;
    certified(&pem, &key_pem, provider)
        .map_err(|reason| TlsError::Unreadable { path: files.certificate.clone(), reason })
}

fn certified(pem: &str, key_pem: &str, provider: &CryptoProvider) -> Result<CertifiedKey, String> {
    let chain: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let chain = chain.map_err(|e| format!("it is not PEM: {e}"))?;
    if chain.is_empty() {
        return Err("it holds no certificate in PEM form".to_owned());
    }
    // Checks too that certificate and key belong together.
    CertifiedKey::from_der(chain, private_key(key_pem)?, provider).map_err(|e| format!("with its key: {e}"))
}

/// Signed by this authority, not about to expire, and good for all that is wanted. Names too many do no harm: addresses
/// come and go.
fn is_good(
    chain: &[CertificateDer<'static>],
    wanted: &BTreeSet<String>,
    authority: &Authority,
    now: Timestamp,
) -> bool {
    let [leaf, anchor] = chain else { return false };
    let Ok((_, parsed)) = x509_parser::parse_x509_certificate(leaf) else { return false };
    let expires_at_s = u64::try_from(parsed.validity().not_after.timestamp()).unwrap_or(0);
    let renew_at_s = expires_at_s.saturating_sub(RENEW_BEFORE.as_secs());
    anchor == authority.certificate() && now.as_ms() / 1_000 < renew_at_s && names_of(&parsed).is_superset(wanted)
}

fn names_of(certificate: &x509_parser::certificate::X509Certificate<'_>) -> BTreeSet<String> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return BTreeSet::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some(names::canonical(name)),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|b| std::net::IpAddr::from(b).to_string()),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|b| std::net::IpAddr::from(b).to_string()),
        },
        _ => None,
    };
    names.value.general_names.iter().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(1_764_568_800_000);
    const DAY: Duration = Duration::from_secs(86_400);

    fn wanted(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_own_certificate_lasts_until_names_or_time_say_otherwise() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::open(dir.path(), NOW).unwrap();
        let provider = rustls::crypto::ring::default_provider();
        let load = |names: &[&str], now| load_own(dir.path(), &wanted(names), &authority, &provider, now).unwrap().cert;

        let first = load(&["localhost", "10.0.0.7", "2001:db8::1"], NOW);
        assert_eq!(load(&["localhost", "2001:db8::1"], NOW.saturating_add(DAY)), first, "fewer names: nothing to do");
        let second = load(&["localhost", "new.example.org"], NOW.saturating_add(DAY));
        assert_ne!(second, first);
        assert_eq!(load(&["localhost"], NOW.saturating_add(DAY * 200)), second);
        assert_ne!(load(&["localhost"], NOW.saturating_add(DAY * 300)), second, "renewed long before it expires");
    }

    #[test]
    fn a_pair_that_does_not_fit_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::open(dir.path(), NOW).unwrap();
        let provider = rustls::crypto::ring::default_provider();
        let names = wanted(&["localhost"]);
        load_own(dir.path(), &names, &authority, &provider, NOW).unwrap();
        let other = authority.issue_server(vec!["localhost".to_owned()], NOW).unwrap();
        write(&dir.path().join("server.key"), &other.key_pem).unwrap();
        load_own(dir.path(), &names, &authority, &provider, NOW).unwrap();
    }

    #[test]
    fn an_operators_certificate_that_cannot_be_read_is_told_with_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let provider = rustls::crypto::ring::default_provider();
        let files = TlsFiles { certificate: dir.path().join("site.pem"), key: dir.path().join("site.key") };
        let error = load_operator(&files, &provider).unwrap_err().to_string();
        assert!(error.contains("site.pem") && error.contains("no such file"), "{error}");
        std::fs::write(&files.certificate, "hello").unwrap();
        std::fs::write(&files.key, "hello").unwrap();
        let error = load_operator(&files, &provider).unwrap_err().to_string();
        assert!(error.contains("no certificate"), "{error}");
    }
}
