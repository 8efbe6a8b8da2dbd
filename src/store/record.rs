//! How a row becomes bytes: one byte that says which layout it has, then JSON.

use serde::{Serialize, de::DeserializeOwned};

use super::error::StoreError;

/// The layout written today. A new one gets the next number, and `decode` learns to read both; a change that old readers
/// would misread also raises the schema (see `migrations`).
const LAYOUT: u8 = 1;

/// `what` names the kind of row in errors.
pub(super) fn encode<T: Serialize>(what: &'static str, row: &T) -> Result<Vec<u8>, StoreError> {
    let mut bytes = vec![LAYOUT];
    serde_json::to_writer(&mut bytes, row).map_err(|error| unreadable(what, &error))?;
    Ok(bytes)
}

pub(super) fn decode<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, StoreError> {
    match bytes.split_first() {
        Some((&LAYOUT, json)) => serde_json::from_slice(json).map_err(|error| unreadable(what, &error)),
        Some((layout, _)) => Err(unreadable(what, &format!("layout {layout} is not known"))),
        None => Err(unreadable(what, &"it is empty")),
    }
}

fn unreadable(what: &'static str, detail: &dyn std::fmt::Display) -> StoreError {
    StoreError::Unreadable { what, detail: detail.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_back_and_an_unknown_layout_is_told() {
        let bytes = encode("numbers", &vec![1, 2, 3]).unwrap();
        assert_eq!(bytes[0], LAYOUT);
        assert_eq!(decode::<Vec<u32>>("numbers", &bytes).unwrap(), [1, 2, 3]);
        for bad in [&b""[..], b"\x09[]", b"\x01[1", b"\x01{}"] {
            let error = decode::<Vec<u32>>("numbers", bad).unwrap_err().to_string();
            assert!(error.contains("numbers"), "{error}");
        }
    }
}
