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

    pub(in crate::agent) fn make(data_dir: &Path, attempt: AttemptId) -> Result<Self, DiskError> {
        let path = data_dir.join("work").join(attempt.to_string());
        files::make_dir(&path)?;
        Ok(Self { path })
    }

    /// Puts a file of the job here. Its name keeps its ending, so that applications know what it is.
    pub(in crate::agent) fn put(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, DiskError> {
        let path = self.path.join(plain_name(name));
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
    if plain.trim_matches(['.', ' ']).is_empty() { format!("_{}", plain.trim()) } else { plain }
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
        drop(work);
        assert!(!path.exists());
    }
}
