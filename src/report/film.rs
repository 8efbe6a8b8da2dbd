//! The recording of an attempt, read back from its archive.

use std::{
    collections::BTreeSet,
    io::{self, Read as _},
};

use super::MAX_PICTURE_BYTES;

/// Pictures that are shown of one recording.
const MAX_SHOTS: usize = 600;

/// What the screen showed from a moment on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shot {
    /// Since the beginning of the attempt.
    pub after_ms: u64,
    pub picture: Picture,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Picture {
    /// As a file.
    New(Vec<u8>),
    /// The same as at that time.
    AsAt(u64),
}

/// The pictures of an archive in their order. The error is that of a file that is no such archive.
pub fn shots_of(archive: &[u8]) -> io::Result<Vec<Shot>> {
    let mut shots = Vec::new();
    let mut room = MAX_PICTURE_BYTES;
    let mut seen = BTreeSet::new();
    for entry in tar::Archive::new(archive).entries()?.take(MAX_SHOTS) {
        let entry = entry?;
        let time = |path: &std::path::Path| path.file_stem()?.to_str()?.parse::<u64>().ok();
        let strange = || io::Error::new(io::ErrorKind::InvalidData, "a picture that is not named after its time");
        let after_ms = time(&entry.path()?).ok_or_else(strange)?;
        let picture = if let Some(first) = entry.link_name()? {
            let first = time(&first).filter(|first| seen.contains(first)).ok_or_else(strange)?;
            Picture::AsAt(first)
        } else {
            // An archive can speak of more than is in it: holes are read as if they were there.
            let mut content = Vec::new();
            entry.take(room).read_to_end(&mut content)?;
            room -= content.len() as u64;
            seen.insert(after_ms);
            Picture::New(content)
        };
        shots.push(Shot { after_ms, picture });
    }
    Ok(shots)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(pictures: &[(&str, &[u8])], link: Option<(&str, &str)>) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, content) in pictures {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, name, *content).unwrap();
        }
        if let Some((name, first)) = link {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Link);
            header.set_size(0);
            archive.append_link(&mut header, name, first).unwrap();
        }
        archive.into_inner().unwrap()
    }

    #[test]
    fn pictures_come_in_their_order_and_a_link_is_the_same_again() {
        let pictures: [(&str, &[u8]); 2] = [("000000000.webp", b"one"), ("000001500.webp", b"two")];
        let shots = shots_of(&archive(&pictures, Some(("000003000.webp", "000000000.webp")))).unwrap();
        let told: Vec<(u64, Picture)> = shots.into_iter().map(|shot| (shot.after_ms, shot.picture)).collect();
        let new = |bytes: &[u8]| Picture::New(bytes.to_vec());
        assert_eq!(told, [(0, new(b"one")), (1_500, new(b"two")), (3_000, Picture::AsAt(0))]);
    }

    #[test]
    fn what_is_no_recording_is_refused_and_what_is_too_large_is_cut() {
        assert!(shots_of(&archive(&[("readme.txt", b"?")], None)).is_err());
        assert!(shots_of(&archive(&[], Some(("000003000.webp", "000000000.webp")))).is_err(), "a link to nothing");
        assert!(shots_of(&[7; 600]).is_err());
        let huge = vec![0; usize::try_from(MAX_PICTURE_BYTES).unwrap() + 1];
        let shots = shots_of(&archive(&[("000000000.webp", &huge)], None)).unwrap();
        assert!(matches!(&shots[0].picture, Picture::New(bytes) if bytes.len() as u64 == MAX_PICTURE_BYTES));
    }
}
