//! Where data goes when nobody says.

use std::path::{Path, PathBuf};

#[cfg(not(windows))]
const SERVICE_DIR: &str = "/var/lib/deskfleet";
#[cfg(windows)]
const SERVICE_DIR: &str = r"C:\ProgramData\deskfleet";

/// The service's directory where it exists and can be written (the installer or the service manager made it for us),
/// else `deskfleet-data` in the current one.
pub fn default_data_dir() -> PathBuf {
    choose(Path::new(SERVICE_DIR), Path::new("./deskfleet-data"))
}

fn choose(service: &Path, local: &Path) -> PathBuf {
    // The only sure test on every system is to write: permission bits know nothing of read-only mounts.
    let writable = service.is_dir() && tempfile::tempfile_in(service).is_ok();
    if writable { service.to_owned() } else { local.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_directory_that_can_be_written_is_taken() {
        let service = tempfile::tempdir().unwrap();
        assert_eq!(choose(service.path(), Path::new("local")), service.path());
        assert!(std::fs::read_dir(service.path()).unwrap().next().is_none(), "the trial leaves nothing behind");
    }

    #[test]
    fn without_one_data_stays_in_the_current_directory() {
        let parent = tempfile::tempdir().unwrap();
        assert_eq!(choose(&parent.path().join("absent"), Path::new("local")), Path::new("local"));
    }
}
