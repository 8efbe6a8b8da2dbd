//! Secrets as they lie on the disk: on Windows for this user on this machine alone, elsewhere behind the file's own mode.

#[cfg(windows)]
mod windows;

#[cfg(windows)]
pub(super) use windows::{seal, unseal};

/// The file that holds the key.
#[cfg(windows)]
pub(super) const KEY_FILE: &str = "key.sealed";

/// The file that holds the key.
#[cfg(not(windows))]
pub(super) const KEY_FILE: &str = "key.pem";

/// Only its owner can read the file.
#[cfg(not(windows))]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
pub(super) fn seal(secret: &[u8]) -> std::io::Result<Vec<u8>> {
    Ok(secret.to_vec())
}

#[cfg(not(windows))]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
pub(super) fn unseal(sealed: &[u8]) -> std::io::Result<Vec<u8>> {
    Ok(sealed.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_comes_back_as_it_was() {
        let sealed = seal(b"-----BEGIN PRIVATE KEY-----").unwrap();
        assert_eq!(unseal(&sealed).unwrap(), b"-----BEGIN PRIVATE KEY-----");
    }

    #[cfg(windows)]
    #[test]
    fn a_sealed_secret_cannot_be_read_and_is_none_once_it_is_touched() {
        let mut sealed = seal(b"PRIVATE KEY").unwrap();
        assert!(!sealed.windows(7).any(|part| part == b"PRIVATE"));
        assert!(unseal(&sealed[..sealed.len() / 2]).is_err());
        // At its end stands the proof that nothing else was changed.
        *sealed.last_mut().unwrap() ^= 1;
        assert!(unseal(&sealed).is_err());
        assert!(unseal(b"").is_err());
    }
}
