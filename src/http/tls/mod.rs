//! TLS: the controller's own authority, the certificate it serves, and the certificates machines show.
//!
//! It must not know routes, tokens or the fleet: a peer's certificate is a digest here, and whose it is others look up.

mod authority;
mod names;
mod server;
mod verifier;

use std::{path::PathBuf, sync::Arc};

pub use authority::{Authority, ClientCertificate};
pub(crate) use names::host_name;
pub use verifier::PeerCertificate;

use crate::{config::ControllerSettings, ids::Digest, time::Timestamp};

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot read or write {path}: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error(
        "{path} is missing but ca.pem is there: bring the key back from a backup, or remove ca.pem too for a new \
         authority (every machine must then join again)"
    )]
    NoKey { path: PathBuf },
    #[error("{path} cannot be used: {reason}")]
    Unreadable { path: PathBuf, reason: String },
    #[error("the certificate request cannot be used: {0}")]
    Request(String),
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    #[error("the system gives no random numbers: {0}")]
    Random(String),
    #[error("cannot set up TLS: {0}")]
    Setup(#[from] rustls::Error),
    #[error("cannot check client certificates: {0}")]
    Verifier(String),
}

/// Everything the server needs to speak TLS, and what renews it.
#[derive(Debug, Clone)]
pub struct Tls {
    authority: Arc<Authority>,
    served: Arc<server::Served>,
    config: Arc<rustls::ServerConfig>,
}

impl Tls {
    pub fn open(settings: &ControllerSettings, now: Timestamp) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let authority = Arc::new(Authority::open(&settings.data_dir, now)?);
        let source = match &settings.tls {
            Some(files) => server::Source::Operator(files.clone()),
            None => server::Source::Own {
                dir: settings.data_dir.clone(),
                public_url: settings.public_url.clone(),
                server_names: settings.server_names.clone(),
            },
        };
        let served = Arc::new(server::Served::open(source, &authority, Arc::clone(&provider), now)?);
        let verifier = verifier::MachineVerifier::new(&authority, Arc::clone(&provider))?;
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(Arc::new(verifier))
            .with_cert_resolver(Arc::clone(&served) as Arc<dyn rustls::server::ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { authority, served, config: Arc::new(config) })
    }

    pub fn config(&self) -> Arc<rustls::ServerConfig> {
        Arc::clone(&self.config)
    }

    pub fn authority(&self) -> &Arc<Authority> {
        &self.authority
    }

    /// Renews what is due. True where another certificate is served from now on.
    pub fn refresh(&self, now: Timestamp) -> Result<bool, TlsError> {
        self.served.refresh(&self.authority, now)
    }

    /// The hash a join token carries: of the own authority, or of the last certificate in the operator's chain.
    pub fn anchor(&self) -> Digest {
        self.served.anchor().unwrap_or_else(|| self.authority.digest())
    }
}
