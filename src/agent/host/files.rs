//! Files that a workflow saves.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use crate::agent::runner::NoFile;

pub(super) fn read(path: &Path, limit_bytes: u64) -> Result<Vec<u8>, NoFile> {
    // Asked before it is opened: opening a pipe would wait for somebody to write into it.
    let kind = std::fs::metadata(path).map_err(why)?;
    if kind.is_dir() {
        return Err(NoFile::Folder);
    }
    if !kind.is_file() {
        return Err(NoFile::Special);
    }
    if kind.len() > limit_bytes {
        return Err(NoFile::TooLarge { limit_bytes });
    }
    let mut bytes = Vec::new();
    // It may grow while it is read.
    File::open(path).and_then(|file| file.take(limit_bytes.saturating_add(1)).read_to_end(&mut bytes)).map_err(why)?;
    if bytes.len() as u64 > limit_bytes { Err(NoFile::TooLarge { limit_bytes }) } else { Ok(bytes) }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err hands over")]
fn why(error: io::Error) -> NoFile {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => NoFile::Missing,
        _ => NoFile::Unreadable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_ordinary_file_within_the_limit_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("receipt.pdf");
        assert_eq!(read(&path, 10), Err(NoFile::Missing));
        std::fs::write(&path, b"0123456789").unwrap();
        assert_eq!(read(&path, 10).unwrap(), b"0123456789");
        assert_eq!(read(&path, 9), Err(NoFile::TooLarge { limit_bytes: 9 }));
        assert_eq!(read(&path.join("below"), 9), Err(NoFile::Missing));
        assert_eq!(read(folder.path(), 10), Err(NoFile::Folder));
        #[cfg(target_os = "linux")]
        {
            assert_eq!(read(Path::new("/dev/zero"), 10), Err(NoFile::Special));
            // It says that it is empty, and is not.
            assert_eq!(read(Path::new("/proc/self/maps"), 10), Err(NoFile::TooLarge { limit_bytes: 10 }));
            assert!(matches!(read(Path::new("/proc/self/mem"), 10), Err(NoFile::Unreadable(_))));
        }
    }
}
