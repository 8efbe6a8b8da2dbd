//! Channels: their secrets go a way of their own, and only the rest is stored for everybody to read.

use serde_json::Value;

use crate::{
    fleet::{ChannelSpec, EventPattern, SecretText, TargetChange, told_kinds},
    http::{
        notify::{Guard, key, new_secret},
        problem::{ApiResult, fault},
    },
    wire::problem::Fault,
    workflow::{Channel, Secret},
};

pub(super) fn spec(channel: &Channel) -> ChannelSpec {
    let names = |of: &[crate::workflow::Name]| of.iter().filter_map(super::spec::name).collect();
    ChannelSpec {
        events: channel.events.iter().filter_map(|text| EventPattern::parse(text)).collect(),
        workflows: names(&channel.workflows),
        pools: names(&channel.pools),
        teams: names(&channel.teams),
    }
}

/// What only the controller can say of it: which events there are, and where it may send.
pub(super) fn faults(channel: &Channel, guard: Guard) -> Vec<Fault> {
    let mut faults = unknown_events("/events", &channel.events);
    if let Err(why) = guard.url(&channel.webhook.url) {
        faults.push(fault("/webhook/url", why));
    }
    for secret in channel.webhook.secrets.iter().flatten() {
        if let Err(why) = key(secret.expose()) {
            faults.push(fault("/webhook/secrets", why));
        }
    }
    faults
}

/// `pointer` is that of the list.
pub(crate) fn unknown_events(pointer: &str, events: &[String]) -> Vec<Fault> {
    let unknown = events.iter().enumerate().filter(|(_, text)| EventPattern::parse(text).is_none());
    unknown
        .map(|(index, text)| {
            let all: Vec<&str> = told_kinds().collect();
            let detail = match all.iter().find(|kind| strsim::jaro_winkler(kind, text) > 0.9) {
                Some(near) => format!("`{text}` is no type of event; did you mean `{near}`?"),
                None => format!("`{text}` is no type of event; there are {}", all.join(", ")),
            };
            fault(format!("{pointer}/{index}"), detail)
        })
        .collect()
}

pub(super) fn target(channel: &Channel) -> ApiResult<TargetChange> {
    let text = |secret: &Secret| SecretText::new(secret.expose());
    let webhook = &channel.webhook;
    Ok(TargetChange {
        url: webhook.url.clone(),
        headers: webhook.headers.iter().map(|(name, value)| (name.clone(), value.as_ref().map(text))).collect(),
        secrets: webhook.secrets.as_ref().map(|secrets| secrets.iter().map(text).collect()),
        spare: new_secret()?,
    })
}

/// As it is stored and shown: without secrets, and with values of headers masked.
pub(super) fn mask(content: &mut Value) {
    let Some(webhook) = content.get_mut("webhook").and_then(Value::as_object_mut) else { return };
    webhook.remove("secret");
    webhook.remove("secrets");
    for value in webhook.get_mut("headers").and_then(Value::as_object_mut).into_iter().flat_map(|map| map.values_mut())
    {
        *value = Value::from(Secret::MASK);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_secret_is_left_in_what_is_shown() {
        let mut content = json!({
            "kind": "channel", "name": "ops", "events": ["*"],
            "webhook": { "url": "https://example.org/", "secret": "whsec_a", "secrets": ["whsec_b"],
                         "headers": { "Authorization": "Bearer c" } }
        });
        mask(&mut content);
        let webhook = json!({ "url": "https://example.org/", "headers": { "Authorization": "********" } });
        assert_eq!(content["webhook"], webhook);
    }

    #[test]
    fn a_misspelt_event_is_told_with_the_right_one() {
        let faults = unknown_events("/events", &["job.failed".to_owned(), "job.faild".to_owned(), "x.*".to_owned()]);
        assert_eq!(faults.iter().map(|fault| fault.pointer.as_str()).collect::<Vec<_>>(), ["/events/1", "/events/2"]);
        assert!(faults[0].detail.contains("did you mean `job.failed`?"), "{}", faults[0].detail);
    }
}
