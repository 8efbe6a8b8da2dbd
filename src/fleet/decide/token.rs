//! Creating and revoking tokens. Secrets never come here, only their hashes.

use super::Answer;
use crate::{
    fleet::{
        command::{CreateJoinToken, CreateToken, RevokeJoinToken, RevokeToken},
        draft::Draft,
        event::Fact,
        limits::Checks,
        refusal::Refusal,
        reply::Reply,
        token::{JoinToken, Token},
    },
    ids::{JoinTokenId, TokenId},
    time::Timestamp,
};

pub(super) fn create(draft: &mut Draft<'_>, command: CreateToken) -> Answer {
    let mut checks = Checks::new(&draft.fleet.settings, "");
    checks.text("/name", &command.name);
    check_expiry(draft, command.expires_at, &mut checks);
    refuse(checks)?;
    check_room(draft, draft.fleet.tokens.len())?;
    let token = Token {
        id: TokenId::new(draft.wall_ms(), draft.unique()),
        name: command.name,
        role: command.role,
        team: command.team,
        digest: command.digest,
        created_at: draft.now.wall,
        expires_at: command.expires_at,
        by: command.by,
    };
    draft.push(Fact::TokenCreated { token: Box::new(token.clone()) });
    Ok(Reply::Token(Box::new(token)))
}

pub(super) fn revoke(draft: &mut Draft<'_>, command: &RevokeToken) -> Answer {
    if !draft.fleet.tokens.contains_key(&command.token) {
        return Err(Refusal::not_found("token", &command.token));
    }
    draft.push(Fact::TokenRevoked { token: command.token });
    Ok(Reply::Done)
}

pub(super) fn create_join(draft: &mut Draft<'_>, command: CreateJoinToken) -> Answer {
    let mut checks = Checks::new(&draft.fleet.settings, "");
    if !draft.fleet.pool_exists(&command.pool) {
        checks.fault("/pool", format!("there is no pool `{}`: store it first", command.pool));
    }
    if command.uses == Some(0) {
        checks.fault("/uses", "is 0: leave it out for any number of machines");
    }
    check_expiry(draft, command.expires_at, &mut checks);
    refuse(checks)?;
    check_room(draft, draft.fleet.join_tokens.len())?;
    let token = JoinToken {
        id: JoinTokenId::new(draft.wall_ms(), draft.unique()),
        pool: command.pool,
        digest: command.digest,
        uses_left: command.uses,
        created_at: draft.now.wall,
        expires_at: command.expires_at,
        by: command.by,
    };
    draft.push(Fact::JoinTokenCreated { token: Box::new(token.clone()) });
    Ok(Reply::JoinToken(Box::new(token)))
}

pub(super) fn revoke_join(draft: &mut Draft<'_>, command: &RevokeJoinToken) -> Answer {
    if !draft.fleet.join_tokens.contains_key(&command.token) {
        return Err(Refusal::not_found("join token", &command.token));
    }
    draft.push(Fact::JoinTokenRevoked { token: command.token });
    Ok(Reply::Done)
}

fn check_expiry(draft: &Draft<'_>, expires_at: Option<Timestamp>, checks: &mut Checks<'_>) {
    if expires_at.is_some_and(|end| end <= draft.now.wall) {
        checks.fault("/expires_in", "is over already: write a duration such as 30d");
    }
}

fn check_room(draft: &Draft<'_>, count: usize) -> Result<(), Refusal> {
    let max = draft.fleet.settings.max_tokens;
    if count < max {
        return Ok(());
    }
    Err(Refusal::QuotaExceeded(format!("{max} tokens exist and that is the limit: revoke some")))
}

fn refuse(checks: Checks<'_>) -> Result<(), Refusal> {
    if checks.faults.is_empty() { Ok(()) } else { Err(Refusal::Invalid { faults: checks.faults }) }
}
