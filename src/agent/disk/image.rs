//! Taking away what must not be in two places: attempts that are not told yet, files of jobs, fetched images.

use std::{fs, path::Path};

use super::files::DiskError;

/// How many attempts were not told whole.
pub(in crate::agent) fn wipe_work(data_dir: &Path) -> Result<usize, DiskError> {
    let untold = fs::read_dir(data_dir.join("spool")).map_or(0, |entries| entries.flatten().count());
    for folder in ["spool", "work", "blobs"] {
        let path = data_dir.join(folder);
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(DiskError::new(&path, "removed", error));
            }
            _ => {}
        }
    }
    Ok(untold)
}
