//! Tokens as clients see them: never with their secret, but once.

use crate::{fleet, time::Timestamp, wire::token};

/// The end of what four digits of a year can say.
const NEVER: Timestamp = Timestamp::from_ms(253_402_300_799_999);

pub(crate) fn token(row: &fleet::Token, secret: Option<String>) -> token::Token {
    token::Token {
        id: row.id,
        name: row.name.clone(),
        role: row.role.into(),
        team: row.team.clone(),
        created_at: row.created_at,
        expires_at: row.expires_at,
        token: secret,
    }
}

pub(crate) fn join_token(row: &fleet::JoinToken, secret: Option<String>) -> token::JoinToken {
    token::JoinToken {
        id: row.id,
        pool: row.pool.clone(),
        uses_left: row.uses_left,
        created_at: row.created_at,
        expires_at: row.expires_at.unwrap_or(NEVER),
        token: secret,
    }
}
