//! Why there was no answer, and what to set: refused, unknown host, wrong CA, wrong name, not TLS, no time.

use std::error::Error;

use rustls::{CertificateError, Error as TlsError};

use crate::{
    cli::exit::{Exit, Stop},
    config::HttpsUrl,
};

pub(super) fn stop(base: &HttpsUrl, pinned: bool, error: &reqwest::Error) -> Stop {
    let why = tls_cause(error).map(|cause| tls_text(base, pinned, cause));
    let message = why.unwrap_or_else(|| plain_text(base, error));
    Stop::new(Exit::Unreachable, message)
}

/// The TLS error, which io errors wrap without naming it as their source.
fn tls_cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a TlsError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref::<TlsError>() {
            return Some(tls);
        }
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

fn tls_text(base: &HttpsUrl, pinned: bool, cause: &TlsError) -> String {
    use CertificateError as Cert;
    match cause {
        TlsError::InvalidCertificate(Cert::UnknownIssuer | Cert::BadSignature | Cert::Other(_)) if pinned => format!(
            "the certificate of {base} was not made by the CA that was given; set DESKFLEET_CA or --ca to ca.pem of that \
             controller's data directory, or correct DESKFLEET_URL"
        ),
        TlsError::InvalidCertificate(Cert::UnknownIssuer | Cert::BadSignature | Cert::Other(_)) => format!(
            "the certificate of {base} was made by no CA this system trusts; set DESKFLEET_CA or --ca to ca.pem of the \
             controller's data directory"
        ),
        TlsError::InvalidCertificate(Cert::NotValidForName | Cert::NotValidForNameContext { .. }) => format!(
            "the certificate of {base} is for other names ({cause}); use one of them in DESKFLEET_URL, or start the controller \
             with --public-url or --server-name for this one"
        ),
        TlsError::InvalidCertificate(Cert::Expired | Cert::ExpiredContext { .. } | Cert::NotValidYet) => {
            format!(
                "the certificate of {base} is not valid now ({cause}); check the clocks of this machine and of the controller"
            )
        }
        TlsError::InvalidMessage(_) => {
            format!("{base} does not speak TLS; is it the controller's port?")
        }
        other => format!("no TLS connection to {base}: {other}; is DESKFLEET_URL the controller's address?"),
    }
}

fn plain_text(base: &HttpsUrl, error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("{base} did not answer in time; is it the controller's address (DESKFLEET_URL or --url)?");
    }
    let reason = innermost(error);
    if error.is_connect() {
        return format!(
            "no controller at {base}: {reason}; start one with `deskfleet`, or set DESKFLEET_URL or --url to its address"
        );
    }
    format!("the connection to {base} broke: {reason}; try again")
}

fn innermost(error: &reqwest::Error) -> String {
    let mut last: &dyn Error = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tls_error_is_found_inside_io_errors() {
        let tls = TlsError::InvalidCertificate(CertificateError::UnknownIssuer);
        let wrapped = std::io::Error::other(std::io::Error::other(tls.clone()));
        assert_eq!(tls_cause(&wrapped), Some(&tls));
        assert_eq!(tls_cause(&std::io::Error::other("plain")), None);
    }

    #[test]
    fn a_wrong_ca_says_which_setting_to_change() {
        let base = HttpsUrl::parse("https://x:1").unwrap();
        let cause = TlsError::InvalidCertificate(CertificateError::UnknownIssuer);
        assert!(tls_text(&base, true, &cause).contains("not made by the CA that was given"));
        assert!(tls_text(&base, false, &cause).contains("no CA this system trusts; set DESKFLEET_CA"));
    }
}
