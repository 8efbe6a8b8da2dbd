//! Files written whole or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

#[derive(Debug, thiserror::Error)]
#[error("{} can't be {what}: {error}; check its permissions and the free space", .path.display())]
pub struct DiskError {
    path: PathBuf,
    what: &'static str,
    error: io::Error,
}

impl DiskError {
    pub(super) fn new(path: &Path, what: &'static str, error: io::Error) -> Self {
        Self { path: path.to_owned(), what, error }
    }

    pub(in crate::agent) fn is_missing(&self) -> bool {
        self.error.kind() == io::ErrorKind::NotFound
    }
}

/// A folder that only its owner can read.
pub(super) fn make_dir(path: &Path) -> Result<(), DiskError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|error| DiskError::new(path, "made", error))
}

/// Beside the target first, then in its place; durable when this returns. Mode 0600.
pub(super) fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    let partial = partial_of(path);
    let written = write_new(&partial, bytes, true).and_then(|()| fs::rename(&partial, path));
    if let Err(error) = written {
        let _ = fs::remove_file(&partial);
        return Err(DiskError::new(path, "written", error));
    }
    sync_folder_of(path);
    Ok(())
}

/// The same without waiting for the disk.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    let partial = partial_of(path);
    let written = write_new(&partial, bytes, false).and_then(|()| fs::rename(&partial, path));
    written.map_err(|error| {
        let _ = fs::remove_file(&partial);
        DiskError::new(path, "written", error)
    })
}

fn write_new(path: &Path, bytes: &[u8], sync: bool) -> io::Result<()> {
    let mut file = private_file(path, OpenOptions::new().write(true).create(true).truncate(true))?;
    file.write_all(bytes)?;
    if sync {
        file.sync_all()?;
    }
    Ok(())
}

/// Opens a file that, if it is made, only its owner can read.
pub(super) fn private_file(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.open(path)
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, DiskError> {
    fs::read(path).map_err(|error| DiskError::new(path, "read", error))
}

pub(super) fn read_text(path: &Path) -> Result<String, DiskError> {
    fs::read_to_string(path).map_err(|error| DiskError::new(path, "read", error))
}

/// A rename is durable once its folder is. Where folders can't be opened (Windows) it is without this.
pub(super) fn sync_folder_of(path: &Path) {
    if let Some(folder) = path.parent()
        && let Ok(folder) = File::open(folder)
    {
        let _ = folder.sync_all();
    }
}

fn partial_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    path.with_file_name(name)
}
