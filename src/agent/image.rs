//! Golden images, and a look at who this machine is without starting an agent.

use std::path::Path;

use super::{
    AgentError,
    disk::{Binding, IdentityDir, Joined, wipe_work},
    facts,
};
use crate::{
    ids::{MachineId, MachineName, Name},
    time::Timestamp,
};

/// What was wiped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// Who this machine was; none where it had not joined.
    pub machine: Option<MachineName>,
    /// Attempts that had not been told whole.
    pub untold: usize,
}

/// Wipes the identity and everything of past attempts, so that every copy of the disk joins as a machine of its own.
/// Refused while an agent runs here.
pub fn prepare_image(data_dir: &Path) -> Result<Prepared, AgentError> {
    let machine = IdentityDir::peek(data_dir)?.map(|joined| joined.name);
    let identity = IdentityDir::open(data_dir)?;
    identity.forget()?;
    let untold = wipe_work(data_dir)?;
    Ok(Prepared { machine, untold })
}

/// Who this machine is to which controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentStatus {
    /// Whether an agent has this data directory now.
    pub running: bool,
    pub joined: Option<JoinedStatus>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinedStatus {
    pub controller: String,
    pub machine: MachineId,
    pub name: MachineName,
    pub pool: Name,
    /// Of the certificate. Renewed well before, and for ninety days after.
    pub expires_at: Timestamp,
    /// False: it was made on another machine or by another user, and the agent will throw it away.
    pub ours: bool,
}

/// Changes nothing.
pub fn status(data_dir: &Path) -> Result<AgentStatus, AgentError> {
    let joined = IdentityDir::peek(data_dir)?;
    let running = joined.is_some() && matches!(IdentityDir::open(data_dir), Err(AgentError::Locked(_)));
    let here = Binding::of_this_machine(&facts::user_name(), &facts::host_name());
    let joined = joined.map(|Joined { controller, machine, name, pool, binding, expires_at, .. }| JoinedStatus {
        controller,
        machine,
        name,
        pool,
        expires_at,
        ours: binding.is_of(&here),
    });
    Ok(AgentStatus { running, joined })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::disk::{Found, Identity};

    fn joined_in(data_dir: &Path) -> IdentityDir {
        let open = IdentityDir::open(data_dir).unwrap();
        let joined = Joined {
            controller: "https://fleet.example.org:8443".to_owned(),
            machine: MachineId::from_raw(5),
            name: "vm-07".parse().unwrap(),
            pool: "default".parse().unwrap(),
            binding: Binding::of_this_machine(&facts::user_name(), &facts::host_name()),
            issued_at: Timestamp::from_ms(1),
            expires_at: Timestamp::from_ms(2),
        };
        let identity = Identity { joined, key: "K".to_owned(), certificate: "C".to_owned(), ca: "A".to_owned() };
        open.save(&identity).unwrap();
        open
    }

    #[test]
    fn an_image_has_nobodys_identity_and_no_ones_work() {
        let dir = tempfile::tempdir().unwrap();
        drop(joined_in(dir.path()));
        std::fs::create_dir_all(dir.path().join("spool/att_1/pictures")).unwrap();
        std::fs::create_dir_all(dir.path().join("work/att_1")).unwrap();
        std::fs::write(dir.path().join("config.toml"), "").unwrap();
        let prepared = prepare_image(dir.path()).unwrap();
        assert_eq!(prepared, Prepared { machine: Some("vm-07".parse().unwrap()), untold: 1 });
        assert!(!dir.path().join("spool").exists() && !dir.path().join("work").exists());
        assert!(dir.path().join("config.toml").exists(), "what is not the agent's stays");
        let here = Binding::of_this_machine(&facts::user_name(), &facts::host_name());
        let identity = IdentityDir::open(dir.path()).unwrap();
        assert!(matches!(identity.load(&here), Ok(Found::Nothing)));
        drop(identity);
        assert_eq!(prepare_image(dir.path()).unwrap(), Prepared { machine: None, untold: 0 });
    }

    #[test]
    fn an_image_is_not_made_under_a_running_agent() {
        let dir = tempfile::tempdir().unwrap();
        let running = joined_in(dir.path());
        assert!(matches!(prepare_image(dir.path()), Err(AgentError::Locked(_))));
        let told = status(dir.path()).unwrap();
        assert!(told.running && told.joined.as_ref().is_some_and(|joined| joined.ours), "{told:?}");
        drop(running);
        // A program that another test is just starting has a copy of the lock for a moment.
        let watch = crate::desktop::Stopwatch::start();
        while status(dir.path()).unwrap().running {
            assert!(watch.left(std::time::Duration::from_secs(10)).is_some(), "nobody holds it");
        }
    }
}
