//! The controller's own certificate authority: made at first start, it signs the server and every machine.

use std::{path::Path, time::Duration};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SerialNumber,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject as _};

use super::TlsError;
use crate::{
    http::private_file,
    ids::{Digest, MachineName},
    time::Timestamp,
};

const DAY: Duration = Duration::from_secs(86_400);
const CA_VALIDITY: Duration = DAY.saturating_mul(20 * 365);
/// Browsers and Windows refuse server certificates that live longer than 398 days.
const SERVER_VALIDITY: Duration = DAY.saturating_mul(397);
/// Agents renew after two thirds of it.
pub(super) const CLIENT_VALIDITY: Duration = DAY.saturating_mul(90);
/// Certificates begin before they are made, for machines whose clock is behind.
const BACKDATE: Duration = DAY;

/// The authority's certificate and key.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
}

/// A certificate made for a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    pub pem: String,
    /// What the machine is known by from now on: SHA-256 over the DER form.
    pub digest: Digest,
    pub expires_at: Timestamp,
}

pub(super) struct ServerCertificate {
    pub(super) pem: String,
    pub(super) key_pem: String,
}

impl Authority {
    /// Reads `ca.pem` and `ca.key`, or makes both.
    pub(super) fn open(dir: &Path, now: Timestamp) -> Result<Self, TlsError> {
        let (certificate_path, key_path) = (dir.join("ca.pem"), dir.join("ca.key"));
        let Some(pem) = read(&certificate_path)? else {
            let (pem, key_pem) = make_ca(now)?;
            // The key goes first: a crash in between leaves no certificate, and the next start makes both anew.
            write(&key_path, &key_pem)?;
            write(&certificate_path, &pem)?;
            return Self::from_pem(pem, &key_pem, &certificate_path);
        };
        let key_pem = read(&key_path)?.ok_or(TlsError::NoKey { path: key_path })?;
        Self::from_pem(pem, &key_pem, &certificate_path)
    }

    fn from_pem(pem: String, key_pem: &str, path: &Path) -> Result<Self, TlsError> {
        let unreadable = |reason: String| TlsError::Unreadable { path: path.to_owned(), reason };
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|e| unreadable(e.to_string()))?;
        let key = KeyPair::from_pem(key_pem).map_err(|e| unreadable(format!("its key ca.key: {e}")))?;
        let (_, parsed) = x509_parser::parse_x509_certificate(&certificate).map_err(|e| unreadable(e.to_string()))?;
        if parsed.public_key().subject_public_key.data != key.public_key_raw() {
            return Err(unreadable("ca.key is the key of another certificate".to_owned()));
        }
        let issuer = Issuer::from_ca_cert_der(&certificate, key)?;
        Ok(Self { issuer, certificate, pem })
    }

    pub fn pem(&self) -> &str {
        &self.pem
    }

    pub(super) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// What a join token ends with, so that a machine knows the controller before it knows anything else.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.certificate)
    }

    pub(super) fn issue_server(&self, names: Vec<String>, now: Timestamp) -> Result<ServerCertificate, TlsError> {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = common_name("deskfleet controller");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        fill(&mut params, now, SERVER_VALIDITY)?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        // The authority goes with it: a machine that knows only its hash finds it in the handshake.
        Ok(ServerCertificate { pem: format!("{}{}", certificate.pem(), self.pem), key_pem: key.serialize_pem() })
    }

    /// Of the request only the public key is taken, and that it is signed with the private one. The name in it is for people:
    /// whose it is, the fleet knows by its digest.
    pub fn issue_client(
        &self,
        request_pem: &str,
        machine: &MachineName,
        now: Timestamp,
    ) -> Result<ClientCertificate, TlsError> {
        let refused = |e: rcgen::Error| TlsError::Request(e.to_string());
        let mut request = CertificateSigningRequestParams::from_pem(request_pem).map_err(refused)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(&shortened(machine.as_str()));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let expires_at = fill(&mut params, now, CLIENT_VALIDITY)?;
        request.params = params;
        let certificate = request.signed_by(&self.issuer).map_err(refused)?;
        let digest = Digest::of(certificate.der());
        Ok(ClientCertificate { pem: certificate.pem(), digest, expires_at })
    }
}

/// Certificate and key, PEM.
fn make_ca(now: Timestamp) -> Result<(String, String), TlsError> {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::default();
    // Told apart by its name where a person trusts several of them.
    params.distinguished_name = common_name(&format!("deskfleet CA {}", hex::encode(random::<4>()?)));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    fill(&mut params, now, CA_VALIDITY)?;
    params.use_authority_key_identifier_extension = false;
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// What all certificates have in common. Answers when it expires.
fn fill(params: &mut CertificateParams, now: Timestamp, validity: Duration) -> Result<Timestamp, TlsError> {
    let start = Timestamp::from_ms(now.as_ms().saturating_sub(crate::time::duration_ms(BACKDATE)));
    // Certificates know whole seconds.
    let expires_at = Timestamp::from_ms(now.saturating_add(validity).as_ms() / 1_000 * 1_000);
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_secs(start.as_ms() / 1_000);
    params.not_after = epoch + Duration::from_secs(expires_at.as_ms() / 1_000);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    let mut serial = random::<16>()?;
    // Positive and of full length, as the standard wants it.
    serial[0] = (serial[0] & 0x7f) | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok(expires_at)
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// A common name has 64 characters at most.
fn shortened(name: &str) -> String {
    name.chars().take(64).collect()
}

fn random<const N: usize>() -> Result<[u8; N], TlsError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| TlsError::Random(e.to_string()))?;
    Ok(bytes)
}

pub(super) fn private_key(pem: &str) -> Result<PrivateKeyDer<'static>, String> {
    match PrivateKeyDer::from_pem_slice(pem.as_bytes()) {
        Ok(key) => Ok(key),
        // Keys of our own making are PKCS #8 in any case; say the plainer thing of an operator's.
        Err(_) => PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes())
            .map(PrivateKeyDer::from)
            .map_err(|_| "it holds no private key in PEM form; encrypted keys are not read".to_owned()),
    }
}

pub(super) fn read(path: &Path) -> Result<Option<String>, TlsError> {
    private_file::read(path).map_err(|source| TlsError::File { path: path.to_owned(), source })
}

pub(super) fn write(path: &Path, content: &str) -> Result<(), TlsError> {
    private_file::write(path, content.as_bytes()).map_err(|source| TlsError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(1_764_568_800_000);

    fn request(key: &KeyPair) -> String {
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name("mch_somebody-else");
        params.serialize_request(key).unwrap().pem().unwrap()
    }

    #[test]
    fn the_authority_is_made_once_and_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let first = Authority::open(dir.path(), NOW).unwrap();
        let again = Authority::open(dir.path(), NOW).unwrap();
        assert_eq!(first.digest(), again.digest());
        assert_eq!(std::fs::read_to_string(dir.path().join("ca.pem")).unwrap(), first.pem());
    }

    #[test]
    fn a_lost_or_foreign_key_is_told_and_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        Authority::open(dir.path(), NOW).unwrap();
        let other = KeyPair::generate().unwrap();
        std::fs::write(dir.path().join("ca.key"), other.serialize_pem()).unwrap();
        let error = Authority::open(dir.path(), NOW).unwrap_err().to_string();
        assert!(error.contains("another certificate"), "{error}");
        std::fs::remove_file(dir.path().join("ca.key")).unwrap();
        let error = Authority::open(dir.path(), NOW).unwrap_err().to_string();
        assert!(error.contains("ca.key"), "{error}");
    }

    #[test]
    fn a_machine_gets_its_own_name_whatever_it_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::open(dir.path(), NOW).unwrap();
        let key = KeyPair::generate().unwrap();
        let machine: MachineName = "vm-07".parse().unwrap();
        let issued = authority.issue_client(&request(&key), &machine, NOW).unwrap();
        let der = CertificateDer::from_pem_slice(issued.pem.as_bytes()).unwrap();
        assert_eq!(issued.digest, Digest::of(&der));
        let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
        assert_eq!(parsed.subject().to_string(), format!("CN={machine}"));
        assert!(!parsed.is_ca());
        assert_eq!(parsed.public_key().subject_public_key.data, key.public_key_raw());
        assert_eq!(issued.expires_at, NOW.saturating_add(CLIENT_VALIDITY));
        assert_eq!(parsed.validity().not_after.timestamp() * 1_000, issued.expires_at.as_ms().cast_signed());

        let again = authority.issue_client(&request(&key), &machine, NOW).unwrap();
        assert_ne!(again.digest, issued.digest, "serials are never repeated");
        assert!(authority.issue_client("no request", &machine, NOW).is_err());
    }
}
