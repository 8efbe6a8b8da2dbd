//! Who may ask, as committed: what authentication looks up at every request, without asking the engine.

use std::collections::BTreeMap;

use crate::{
    fleet::{Certificate, Fleet, Machine, Token, Write},
    ids::{Digest, MachineId, MachineName, TokenId},
};

/// Which machine a client certificate belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineIdentity {
    pub id: MachineId,
    pub name: MachineName,
    pub certificate: Certificate,
}

/// Changed by the engine alone, after the commit and before any answer of it: who was turned out is refused from then on.
#[derive(Debug, Default)]
pub(super) struct Published {
    tokens: BTreeMap<Digest, Token>,
    token_digests: BTreeMap<TokenId, Digest>,
    machines: BTreeMap<Digest, MachineIdentity>,
    certificates: BTreeMap<MachineId, Vec<Certificate>>,
}

impl Published {
    pub(super) fn from_fleet(fleet: &Fleet) -> Self {
        let mut published = Self::default();
        fleet.tokens().for_each(|token| published.put_token(token));
        fleet.machines().iter().for_each(|machine| published.put_machine(&machine.row));
        published
    }

    /// Whether these writes change anything here: most don't, and then nobody need be locked out for a moment.
    pub(super) fn concerns(&self, writes: &[Write]) -> bool {
        writes.iter().any(|write| match write {
            Write::Token(_) | Write::TokenGone(_) | Write::MachineGone(_) => true,
            Write::Machine(machine) => self.certificates.get(&machine.id) != Some(&machine.certificates),
            _ => false,
        })
    }

    pub(super) fn apply(&mut self, writes: &[Write]) {
        for write in writes {
            match write {
                Write::Token(token) => self.put_token(token),
                Write::TokenGone(id) => self.remove_token(*id),
                Write::Machine(machine) => self.put_machine(machine),
                Write::MachineGone(id) => self.remove_machine(*id),
                _ => {}
            }
        }
    }

    pub(super) fn token(&self, digest: &Digest) -> Option<&Token> {
        self.tokens.get(digest)
    }

    pub(super) fn machine(&self, certificate: &Digest) -> Option<&MachineIdentity> {
        self.machines.get(certificate)
    }

    fn put_token(&mut self, token: &Token) {
        self.remove_token(token.id);
        self.token_digests.insert(token.id, token.digest);
        self.tokens.insert(token.digest, token.clone());
    }

    fn remove_token(&mut self, id: TokenId) {
        if let Some(digest) = self.token_digests.remove(&id) {
            self.tokens.remove(&digest);
        }
    }

    fn put_machine(&mut self, machine: &Machine) {
        self.remove_machine(machine.id);
        for certificate in &machine.certificates {
            let (id, name) = (machine.id, machine.name.clone());
            self.machines.insert(certificate.digest, MachineIdentity { id, name, certificate: certificate.clone() });
        }
        self.certificates.insert(machine.id, machine.certificates.clone());
    }

    fn remove_machine(&mut self, id: MachineId) {
        for certificate in self.certificates.remove(&id).unwrap_or_default() {
            self.machines.remove(&certificate.digest);
        }
    }
}
