//! The folder of one attempt: its job's files, erased when it is over.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::files::{self, DiskError};
use crate::ids::AttemptId;

/// Erased when it is dropped.
#[derive(Debug)]
pub(in crate::agent) struct WorkDir {
    path: PathBuf,
}

impl WorkDir {
    /// What a crash left behind goes first.
    pub(in crate::agent) fn clear_all(data_dir: &Path) {
        let _ = fs::remove_dir_all(data_dir.join("work"));
    }

    /// What could not be erased after an earlier attempt goes too: an application may have held it open then.
    pub(in crate::agent) fn make(data_dir: &Path, attempt: AttemptId) -> Result<Self, DiskError> {
        Self::clear_all(data_dir);
        let path = data_dir.join("work").join(attempt.to_string());
        files::make_dir(&path)?;
        Ok(Self { path })
    }

    /// Puts a file of the job here. Its name keeps its ending, so that applications know what it is.
    pub(in crate::agent) fn put(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, DiskError> {
        let mut path = self.path.join(plain_name(name));
        // Where `A.pdf` is `a.pdf`.
        for number in 2.. {
            if !path.exists() {
                break;
            }
            path = self.path.join(format!("{number} {}", plain_name(name)));
        }
        files::write_whole(&path, bytes)?;
        Ok(path)
    }
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "the files of an attempt could not be erased");
        }
    }
}

/// No separators, no way up, no names that mean something to the system.
fn plain_name(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_control() || "/\\:*?\"<>|".contains(c) { '_' } else { c }).take(200).collect();
    if plain.trim_matches(['.', ' ']).is_empty() {
        format!("_{}", plain.trim())
    } else if is_reserved(&plain) {
        format!("_{plain}")
    } else {
        plain
    }
}

/// Names that mean the console or a port on Windows, whatever ending they have.
fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim().to_ascii_uppercase();
    let port = |kind: &str| stem.strip_prefix(kind).is_some_and(|rest| matches!(rest.as_bytes(), [b'1'..=b'9']));
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL") || port("COM") || port("LPT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_job_stay_in_its_folder_and_go_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let work = WorkDir::make(dir.path(), AttemptId::from_raw(1)).unwrap();
        let path = work.put("../../etc/referral.pdf", b"%PDF").unwrap();
        assert!(path.starts_with(dir.path().join("work")) && path.ends_with(".._.._etc_referral.pdf"));
        assert_eq!(plain_name(".."), "_..");
        assert_eq!((plain_name("con.pdf"), plain_name("COM1")), ("_con.pdf".to_owned(), "_COM1".to_owned()));
        assert_eq!(plain_name("contract.pdf"), "contract.pdf");
        drop(work);
        assert!(!path.exists());
    }

    #[test]
    #[cfg(unix)]
    fn nobody_else_can_read_them() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let work = WorkDir::make(dir.path(), AttemptId::from_raw(1)).unwrap();
        let path = work.put("referral.pdf", b"%PDF").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    }

    #[test]
    fn no_file_takes_the_place_of_another_and_none_is_left_from_an_earlier_attempt() {
        let dir = tempfile::tempdir().unwrap();
        let work = WorkDir::make(dir.path(), AttemptId::from_raw(1)).unwrap();
        let (first, second) = (work.put("a?b", b"1").unwrap(), work.put("a:b", b"2").unwrap());
        assert_eq!((fs::read(&first).unwrap(), fs::read(&second).unwrap()), (b"1".to_vec(), b"2".to_vec()));
        std::mem::forget(work);
        let _next = WorkDir::make(dir.path(), AttemptId::from_raw(2)).unwrap();
        assert!(!first.exists() && !second.exists());
    }
}
