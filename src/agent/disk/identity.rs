//! Who this machine is to the controller. Bound to the machine and the user: a copied disk throws it away and joins anew.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    files::{self, DiskError},
    seal,
};
use crate::{
    agent::{AgentError, facts, hardware},
    ids::{Digest, MachineId, MachineName, Name},
    time::Timestamp,
};

/// What an incarnation has room for. A file that says more is damaged.
const MAX_START_MS: u64 = (1 << 48) - 1;

/// The folder, locked: two agents never share one.
#[derive(Debug)]
pub(in crate::agent) struct IdentityDir {
    dir: PathBuf,
    /// Held as long as the agent lives.
    _lock: File,
}

/// What was agreed when joining.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::agent) struct Joined {
    pub(in crate::agent) controller: String,
    pub(in crate::agent) machine: MachineId,
    pub(in crate::agent) name: MachineName,
    pub(in crate::agent) pool: Name,
    pub(in crate::agent) binding: Binding,
    pub(in crate::agent) issued_at: Timestamp,
    pub(in crate::agent) expires_at: Timestamp,
}

/// What an identity is good for: this machine and this user. Digests, as the hardware's own number is a secret on some systems.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::agent) struct Binding {
    user: Digest,
    /// Of the system's id, else of the host's name.
    system: Digest,
    /// Of the number the hardware, or whoever plays it, has given the machine. None where it cannot be read.
    hardware: Option<Digest>,
}

/// What is in the data directory.
pub(in crate::agent) enum Found {
    Nothing,
    Ours(Box<Identity>),
    /// It was another machine's, or another user's, and is thrown away.
    Foreign(MachineName),
}

impl Binding {
    pub(in crate::agent) fn of_this_machine(user: &str, host: &str) -> Self {
        let system = facts::system_id();
        Self {
            user: Digest::of(user.as_bytes()),
            // A system without an id has at least a name.
            system: Digest::of(system.as_deref().unwrap_or(host).trim().as_bytes()),
            hardware: hardware::id().map(|id| Digest::of(id.trim().as_bytes())),
        }
    }

    /// What one of both does not know, as a user who may not read the hardware's number, tells nothing.
    pub(in crate::agent) fn is_of(&self, other: &Self) -> bool {
        let hardware = self.hardware.zip(other.hardware);
        self.user == other.user && self.system == other.system && hardware.is_none_or(|(own, their)| own == their)
    }

    /// As the controller is told.
    pub(in crate::agent) fn digest(&self) -> Digest {
        let hardware = self.hardware.map(|digest| digest.to_string()).unwrap_or_default();
        Digest::of(format!("{}\n{}\n{hardware}", self.system, self.user).as_bytes())
    }
}

/// A joined machine. Keys and certificates are PEM.
#[derive(Debug, Clone)]
pub(in crate::agent) struct Identity {
    pub(in crate::agent) joined: Joined,
    pub(in crate::agent) key: String,
    pub(in crate::agent) certificate: String,
    pub(in crate::agent) ca: String,
}

impl IdentityDir {
    pub(in crate::agent) fn open(data_dir: &Path) -> Result<Self, AgentError> {
        let dir = data_dir.join("identity");
        files::make_dir(&dir)?;
        let path = dir.join("lock");
        let lock = files::private_file(&path, OpenOptions::new().write(true).create(true).truncate(false))
            .map_err(|error| DiskError::new(&path, "opened", error))?;
        if lock.try_lock().is_err() {
            return Err(AgentError::Locked(data_dir.to_owned()));
        }
        Ok(Self { dir, _lock: lock })
    }

    /// The identity, if there is one. Another machine's is thrown away.
    pub(in crate::agent) fn load(&self, binding: &Binding) -> Result<Found, DiskError> {
        let Some(text) = missing_is_none(files::read_text(&self.dir.join("machine.json")))? else {
            return Ok(Found::Nothing);
        };
        let joined: Joined = match serde_json::from_str(&text) {
            Ok(joined) => joined,
            Err(error) => {
                tracing::error!(%error, "the identity can't be read; this machine joins anew");
                self.forget()?;
                return Ok(Found::Nothing);
            }
        };
        if !joined.binding.is_of(binding) {
            self.forget()?;
            return Ok(Found::Foreign(joined.name));
        }
        let Some(key) = self.key()? else {
            self.forget()?;
            return Ok(Found::Foreign(joined.name));
        };
        let [certificate, ca] = ["certificate.pem", "ca.pem"].map(|name| self.dir.join(name));
        let (certificate, ca) = (files::read_text(&certificate)?, files::read_text(&ca)?);
        Ok(Found::Ours(Box::new(Identity { joined, key, certificate, ca })))
    }

    /// `None`: it was sealed for another user or machine, or under a password that was reset since.
    fn key(&self) -> Result<Option<String>, DiskError> {
        let sealed = files::read(&self.dir.join(seal::KEY_FILE))?;
        let key = seal::unseal(&sealed).and_then(|key| String::from_utf8(key).map_err(io::Error::other));
        Ok(key.inspect_err(|error| tracing::error!(%error, "the key cannot be unsealed; this machine joins anew")).ok())
    }

    /// What was agreed when joining, read beside an agent that may be at work.
    pub(in crate::agent) fn peek(data_dir: &Path) -> Result<Option<Joined>, DiskError> {
        let path = data_dir.join("identity").join("machine.json");
        let text = missing_is_none(files::read_text(&path))?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// `machine.json` goes last: without it there is no identity.
    pub(in crate::agent) fn save(&self, identity: &Identity) -> Result<(), DiskError> {
        let path = self.dir.join(seal::KEY_FILE);
        let sealed = seal::seal(identity.key.as_bytes()).map_err(|error| DiskError::new(&path, "sealed", error))?;
        files::write_durably(&path, &sealed)?;
        files::write_durably(&self.dir.join("ca.pem"), identity.ca.as_bytes())?;
        self.save_certificate(identity)
    }

    /// A renewed certificate is for the same key, so that either file may be the older one after a crash.
    pub(in crate::agent) fn save_certificate(&self, identity: &Identity) -> Result<(), DiskError> {
        files::write_durably(&self.dir.join("certificate.pem"), identity.certificate.as_bytes())?;
        let joined = serde_json::to_vec_pretty(&identity.joined).unwrap_or_default();
        files::write_durably(&self.dir.join("machine.json"), &joined)
    }

    /// All of it, the generation too: that belongs to the controller this machine knew.
    pub(in crate::agent) fn forget(&self) -> Result<(), DiskError> {
        for name in ["machine.json", seal::KEY_FILE, "certificate.pem", "ca.pem", "generation"] {
            let path = self.dir.join(name);
            missing_is_none(fs::remove_file(&path).map_err(|error| DiskError::new(&path, "removed", error)))?;
        }
        Ok(())
    }

    /// The highest generation of the controller's store that was ever seen.
    pub(in crate::agent) fn generation(&self) -> Result<u32, DiskError> {
        let text = missing_is_none(files::read_text(&self.dir.join("generation")))?;
        Ok(text.and_then(|text| text.trim().parse().ok()).unwrap_or(0))
    }

    pub(in crate::agent) fn remember_generation(&self, generation: u32) -> Result<(), DiskError> {
        files::write_durably(&self.dir.join("generation"), generation.to_string().as_bytes())
    }

    /// When this start of the agent began, which is later than any before it, whatever the clock was set to: so it is told which of
    /// two is the later. A disk that takes nothing keeps no agent from starting.
    pub(in crate::agent) fn begin_start(&self, now: Timestamp) -> Timestamp {
        let path = self.dir.join("start");
        let before = files::read_text(&path).ok().and_then(|text| text.trim().parse().ok());
        let next = before.filter(|before| *before < MAX_START_MS).map_or(0, |before: u64| before + 1);
        let began = Timestamp::from_ms(next.max(now.as_ms()));
        if let Err(error) = files::write_durably(&path, began.as_ms().to_string().as_bytes()) {
            tracing::warn!(%error, "the time of this start is not kept");
        }
        began
    }
}

fn missing_is_none<T>(result: Result<T, DiskError>) -> Result<Option<T>, DiskError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(binding: Binding) -> Identity {
        let joined = Joined {
            controller: "https://fleet.example.org:8443".to_owned(),
            machine: MachineId::from_raw(5),
            name: "vm-07".parse().unwrap(),
            pool: "default".parse().unwrap(),
            binding,
            issued_at: Timestamp::from_ms(1),
            expires_at: Timestamp::from_ms(2),
        };
        Identity { joined, key: "KEY".to_owned(), certificate: "CERT".to_owned(), ca: "CA".to_owned() }
    }

    fn bound(system: &str, hardware: Option<&str>) -> Binding {
        let digest = |text: &str| Digest::of(text.as_bytes());
        Binding { user: digest("ada"), system: digest(system), hardware: hardware.map(digest) }
    }

    #[test]
    fn an_identity_is_found_again_on_its_own_machine_only() {
        let dir = tempfile::tempdir().unwrap();
        let open = IdentityDir::open(dir.path()).unwrap();
        let here = Binding::of_this_machine("ada", "vm-07");
        assert!(matches!(open.load(&here), Ok(Found::Nothing)));
        open.save(&identity(here.clone())).unwrap();
        open.remember_generation(3).unwrap();
        let Ok(Found::Ours(found)) = open.load(&here) else { panic!("it is this machine's") };
        assert_eq!(found.joined, identity(here.clone()).joined);
        assert_eq!(found.key, "KEY");
        assert_eq!(open.generation().unwrap(), 3);
        assert_eq!(IdentityDir::peek(dir.path()).unwrap().unwrap().name.to_string(), "vm-07");

        let eve = Binding::of_this_machine("eve", "vm-07");
        assert!(matches!(open.load(&eve), Ok(Found::Foreign(name)) if name.to_string() == "vm-07"));
        assert!(matches!(open.load(&here), Ok(Found::Nothing)), "thrown away for good");
        assert_eq!(open.generation().unwrap(), 0);
    }

    #[test]
    fn a_copy_of_the_disk_is_told_by_the_system_or_the_hardware() {
        let own = bound("id 1", Some("uuid 1"));
        assert!(own.is_of(&bound("id 1", Some("uuid 1"))));
        assert!(!own.is_of(&bound("id 1", Some("uuid 2"))), "a clone keeps the system's id");
        assert!(!own.is_of(&bound("id 2", Some("uuid 1"))));
        assert!(own.is_of(&bound("id 1", None)), "who may not read the hardware's number is no stranger");
        assert_ne!(own.digest(), bound("id 1", Some("uuid 2")).digest());
    }

    #[test]
    fn a_start_is_later_than_those_before_it_though_the_clock_is_set_back() {
        let dir = tempfile::tempdir().unwrap();
        let open = IdentityDir::open(dir.path()).unwrap();
        let starts = [5_000, 9_000, 9_000, 7_000, 9_500].map(|now| open.begin_start(Timestamp::from_ms(now)).as_ms());
        assert_eq!(starts, [5_000, 9_000, 9_001, 9_002, 9_500]);
        for damaged in ["", "later", "-1", "340282366920938463463374607431768211456", "281474976710656"] {
            fs::write(dir.path().join("identity/start"), damaged).unwrap();
            assert_eq!(open.begin_start(Timestamp::from_ms(1)).as_ms(), 1, "{damaged}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_key_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let open = IdentityDir::open(dir.path()).unwrap();
        open.save(&identity(Binding::of_this_machine("ada", "vm-07"))).unwrap();
        let mode = fs::metadata(dir.path().join("identity/key.pem")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn two_agents_do_not_share_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        let _first = IdentityDir::open(dir.path()).unwrap();
        assert!(matches!(IdentityDir::open(dir.path()), Err(AgentError::Locked(_))));
    }
}
