//! Room on the disk: how much is free where the data directory lies, and a file that is given up when nothing is.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

const BALLAST_FILE: &str = "ballast";

/// How many bytes are free to who asks; none where the system does not say. Another one is given where disks are made up.
pub type FreeBytes = Arc<dyn Fn() -> Option<u64> + Send + Sync>;

/// Of the file system a directory is on.
pub fn free_bytes_at(dir: &Path) -> FreeBytes {
    let dir = dir.to_owned();
    Arc::new(move || free_bytes(&dir))
}

/// What a process without privileges may still use: file systems keep some back for the administrator.
#[cfg(unix)]
fn free_bytes(dir: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(dir).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(not(unix))]
fn free_bytes(_dir: &Path) -> Option<u64> {
    None
}

/// A file that only takes up room. Taken away, it lets the last things be written that have to be.
#[derive(Debug, Clone)]
pub struct Ballast {
    path: PathBuf,
    bytes: u64,
}

impl Ballast {
    /// With 0 bytes there is none.
    pub fn in_dir(dir: &Path, bytes: u64) -> Self {
        Self { path: dir.join(BALLAST_FILE), bytes }
    }

    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whole, and of the size it should have.
    pub fn is_there(&self) -> bool {
        self.bytes > 0 && fs::metadata(&self.path).is_ok_and(|file| file.len() == self.bytes)
    }

    /// Takes up the room for real. What could not be made whole is taken away again.
    pub fn make(&self) -> io::Result<()> {
        let made = self.allocate();
        if made.is_err() {
            let _ = fs::remove_file(&self.path);
        }
        made
    }

    fn allocate(&self) -> io::Result<()> {
        let mut file = File::create(&self.path)?;
        if !reserve(&file, self.bytes)? {
            // Where room can't be reserved it has to be written.
            io::copy(&mut io::Read::take(io::repeat(0), self.bytes), &mut file)?;
            file.flush()?;
        }
        file.sync_all()
    }

    /// Whether there was one. The room is there at once: nobody has the file open.
    pub fn give_up(&self) -> io::Result<bool> {
        match fs::remove_file(&self.path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// False where the file system has no such thing.
#[cfg(target_os = "linux")]
fn reserve(file: &File, bytes: u64) -> io::Result<bool> {
    use rustix::{
        fs::{FallocateFlags, fallocate},
        io::Errno,
    };
    match fallocate(file, FallocateFlags::empty(), 0, bytes) {
        Ok(()) => Ok(true),
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn reserve(_file: &File, _bytes: u64) -> io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ballast_takes_up_room_and_gives_it_back() {
        let dir = tempfile::tempdir().unwrap();
        let ballast = Ballast::in_dir(dir.path(), 3 << 20);
        assert!(!ballast.is_there());
        ballast.make().unwrap();
        assert!(ballast.is_there());
        #[cfg(target_os = "linux")]
        {
            use std::os::unix::fs::MetadataExt as _;
            let blocks = fs::metadata(dir.path().join(BALLAST_FILE)).unwrap().blocks();
            assert!(blocks * 512 >= 3 << 20, "only {blocks} blocks are allocated");
        }
        assert!(!Ballast::in_dir(dir.path(), 1 << 20).is_there(), "one of another size has to be made anew");
        assert!(ballast.give_up().unwrap());
        assert!(!ballast.give_up().unwrap());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_system_says_how_much_is_free() {
        let dir = tempfile::tempdir().unwrap();
        assert!(free_bytes_at(dir.path())().unwrap() > 0);
        assert_eq!(free_bytes_at(&dir.path().join("absent"))(), None);
    }
}
