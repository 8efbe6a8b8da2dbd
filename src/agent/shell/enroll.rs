//! Becoming, and staying, a machine the controller knows.

use std::time::Duration;

use crate::{
    agent::{
        AgentError,
        disk::{Binding, Found, Identity, IdentityDir, Joined, wipe_work},
        facts,
        link::{JoinWish, Link, LinkError, Token, join, renew_request},
    },
    config::AgentSettings,
    ids::{MachineName, Name},
    time::{Clock, Timestamp},
    wire::machine::Facts,
};

/// The longest pause between two tries to join.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The identity that is there, else a new one. Waits for the controller as long as it takes.
pub(super) async fn identity(
    settings: &AgentSettings,
    dir: &IdentityDir,
    facts: &Facts,
    clock: &Clock,
) -> Result<Identity, AgentError> {
    let binding = Binding::of_this_machine(&facts.user, &facts.host);
    let token = read_token(settings)?;
    let found = dir.load(&binding)?;
    if let Found::Foreign(name) = &found {
        tracing::warn!(
            machine = %name,
            "the identity in the data directory was made on another machine or by another user: it is thrown away, with \
             what that machine had not told yet, and this one joins anew"
        );
        wipe_work(&settings.data_dir)?;
        if token.is_none() {
            return Err(AgentError::Foreign(name.clone()));
        }
    }
    if let Found::Ours(mut identity) = found {
        if token.as_ref().is_none_or(|token| token.is_for(&identity.ca)) {
            if let Some(controller) = &settings.controller {
                controller.as_str().clone_into(&mut identity.joined.controller);
            }
            return Ok(*identity);
        }
        tracing::warn!(
            machine = %identity.joined.name,
            "the join token is another controller's than the one this machine has joined: it joins anew"
        );
        dir.forget()?;
    }
    let token = token.ok_or(AgentError::NoToken)?;
    let wish = wish(settings, facts, binding)?;
    let identity = join_patiently(settings, &token, wish, clock).await?;
    dir.save(&identity.0)?;
    dir.remember_generation(identity.1)?;
    tracing::info!(machine = %identity.0.joined.name, pool = %identity.0.joined.pool, "joined");
    Ok(identity.0)
}

fn wish(settings: &AgentSettings, facts: &Facts, binding: Binding) -> Result<JoinWish, AgentError> {
    let controller = settings.controller.as_ref().ok_or(AgentError::NoController)?;
    let name = named(settings.name.as_deref().unwrap_or("{host}"), facts);
    let name: MachineName =
        name.parse().map_err(|error: crate::ids::IdError| AgentError::Setting("agent.name", error.to_string()))?;
    let pool: Option<Name> = match &settings.pool {
        Some(pool) => Some(
            pool.parse().map_err(|error: crate::ids::IdError| AgentError::Setting("agent.pool", error.to_string()))?,
        ),
        None => None,
    };
    Ok(JoinWish {
        controller: controller.as_str().to_owned(),
        name,
        pool,
        labels: settings.labels.clone(),
        binding,
        facts: facts.clone(),
    })
}

/// The name with what it leaves open. Of the system's own names only what machines may be called stays.
fn named(pattern: &str, facts: &Facts) -> String {
    let clean = |own: &str| {
        let fit = |char: char| if char.is_ascii_alphanumeric() || "-_.".contains(char) { char } else { '-' };
        own.trim().chars().map(fit).collect::<String>()
    };
    pattern.replace("{host}", &clean(&facts.host)).replace("{user}", &clean(&facts.user))
}

fn read_token(settings: &AgentSettings) -> Result<Option<Token>, AgentError> {
    let Some(path) = &settings.join_token_file else { return Ok(None) };
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.parse()?)),
        // It is needed once only; whoever has joined may remove it.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(AgentError::Token { path: path.clone(), error }),
    }
}

async fn join_patiently(
    settings: &AgentSettings,
    token: &Token,
    wish: JoinWish,
    clock: &Clock,
) -> Result<(Identity, u32), AgentError> {
    let mut pause = Duration::from_millis(500);
    loop {
        let issued_at = clock.now().wall;
        match join(token, &wish, settings.proxy.as_ref()).await {
            Ok(result) => {
                let joined = Joined {
                    controller: wish.controller.clone(),
                    machine: result.answer.machine,
                    name: result.answer.name,
                    pool: result.answer.pool,
                    binding: wish.binding.clone(),
                    issued_at,
                    expires_at: result.answer.expires_at,
                };
                let certificate = result.answer.certificate;
                return Ok((
                    Identity { joined, key: result.key, certificate, ca: result.ca },
                    result.answer.generation,
                ));
            }
            Err(error @ (LinkError::Setup(_) | LinkError::Answer(_))) => return Err(error.into()),
            Err(error @ LinkError::Problem { status: 400..=499, .. }) if !error.is_code("rate_limited") => {
                return Err(error.into());
            }
            Err(error) => {
                tracing::warn!(%error, "not joined yet; trying again in {} ms", pause.as_millis());
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// Whether two thirds of the certificate's life are over.
pub(super) fn is_due(joined: &Joined, now: Timestamp) -> bool {
    let life = joined.expires_at.since(joined.issued_at);
    now >= joined.issued_at.saturating_add(life / 3 * 2)
}

/// The same identity with the next certificate, saved. Other settings of the link stay.
pub(super) async fn renew(link: &Link, identity: &Identity, now: Timestamp) -> Result<Identity, LinkError> {
    let answer = link.renew(&renew_request(&identity.key)?).await?;
    let mut renewed = identity.clone();
    renewed.certificate = answer.certificate;
    renewed.joined.issued_at = now;
    renewed.joined.expires_at = answer.expires_at;
    Ok(renewed)
}

/// What is known before there is a desktop to look at.
pub(super) fn first_facts(display: &Result<crate::desktop::Display, crate::desktop::DesktopError>) -> Facts {
    facts::collect(display)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_be_of_host_and_user() {
        let facts = Facts { host: "VM 07".into(), user: "Zoë O'Neil".into(), ..Facts::default() };
        assert_eq!(named("{host}", &facts), "VM-07");
        assert_eq!(named("{host}/{user}", &facts), "VM-07/Zo--O-Neil");
        assert_eq!(named("front desk", &facts), "front desk", "what a person wrote is not made to fit");
        assert!(named("{host}/{user}", &facts).parse::<MachineName>().is_ok());
    }
}
