//! Who may ask: API tokens and join tokens, kept as hashes.

use serde::{Deserialize, Serialize};

use crate::{
    ids::{Digest, JoinTokenId, MachineId, Name, TokenId},
    time::Timestamp,
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    pub id: TokenId,
    pub name: String,
    pub role: Role,
    pub team: Name,
    /// Of the secret, which is shown once and kept nowhere.
    pub digest: Digest,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub by: Principal,
}

impl Token {
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }

    pub fn principal(&self) -> Principal {
        Principal::Token { id: self.id, name: self.name.clone(), team: self.team.clone() }
    }
}

/// Ordered: a later one may do all that an earlier one may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Viewer,
    Submitter,
    Operator,
    Admin,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Submitter, Self::Operator, Self::Admin];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Submitter => "submitter",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// What lets a machine join.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinToken {
    pub id: JoinTokenId,
    pub pool: Name,
    pub digest: Digest,
    /// None: without limit.
    pub uses_left: Option<u32>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub by: Principal,
}

impl JoinToken {
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.uses_left != Some(0) && self.expires_at.is_none_or(|end| now < end)
    }
}

/// Who caused a change, for the record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Principal {
    /// The controller itself: timers, start-up.
    System,
    Token {
        id: TokenId,
        name: String,
        team: Name,
    },
    Machine {
        id: MachineId,
    },
}

impl Principal {
    pub const fn token(&self) -> Option<TokenId> {
        match self {
            Self::Token { id, .. } => Some(*id),
            Self::System | Self::Machine { .. } => None,
        }
    }
}
