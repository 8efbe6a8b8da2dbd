//! The system's data protection (DPAPI): sealed under a key of this user's, which no other user and no other machine has.

#![expect(unsafe_code, reason = "the system's calls are foreign functions")]

use std::{io, slice};

use windows::{
    Win32::{
        Foundation::{HLOCAL, LocalFree},
        Security::Cryptography::{CRYPT_INTEGER_BLOB, CRYPTPROTECT_UI_FORBIDDEN, CryptProtectData, CryptUnprotectData},
    },
    core::PCWSTR,
};

pub(in crate::agent::disk) fn seal(secret: &[u8]) -> io::Result<Vec<u8>> {
    let mut sealed = CRYPT_INTEGER_BLOB::default();
    // SAFETY: what goes in is only read; what comes out is the system's and is taken below.
    unsafe {
        CryptProtectData(
            &raw const *blob(secret)?,
            PCWSTR::null(),
            None,
            None,
            None,
            CRYPTPROTECT_UI_FORBIDDEN,
            &raw mut sealed,
        )
    }
    .map_err(io::Error::from)?;
    Ok(taken(&sealed))
}

pub(in crate::agent::disk) fn unseal(sealed: &[u8]) -> io::Result<Vec<u8>> {
    let mut secret = CRYPT_INTEGER_BLOB::default();
    // SAFETY: as above.
    unsafe {
        CryptUnprotectData(
            &raw const *blob(sealed)?,
            None,
            None,
            None,
            None,
            CRYPTPROTECT_UI_FORBIDDEN,
            &raw mut secret,
        )
    }
    .map_err(io::Error::from)?;
    Ok(taken(&secret))
}

/// Bytes as the system is given them, good while they live.
fn blob(bytes: &[u8]) -> io::Result<Box<CRYPT_INTEGER_BLOB>> {
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    Ok(Box::new(CRYPT_INTEGER_BLOB { cbData: length, pbData: bytes.as_ptr().cast_mut() }))
}

/// A copy; the system's own is wiped and given back.
fn taken(given: &CRYPT_INTEGER_BLOB) -> Vec<u8> {
    if given.pbData.is_null() {
        return Vec::new();
    }
    // SAFETY: the system has written that many bytes there, and gives them to us.
    unsafe {
        let bytes = slice::from_raw_parts_mut(given.pbData, given.cbData as usize);
        let copy = bytes.to_vec();
        bytes.fill(0);
        LocalFree(Some(HLOCAL(given.pbData.cast())));
        copy
    }
}
