//! What becomes of messages: delivered, tried again later, given up, sent again on request. And where channels send.

use std::time::Duration;

use super::{Answer, document};
use crate::{
    fleet::{
        command::{Attempted, DeliveryReport, PutChannel, ReplayMessages, TargetChange},
        document::DocumentKind,
        draft::{Draft, keyed_hash},
        event::{Fact, Stored},
        message::{DeliveryState, Failed, Parked, Replayed, Settled},
        outbox::{parked_fact, replayed_fact},
        refusal::{Fault, Refusal},
        reply::{ChannelReply, DocumentDid, Reply},
        rows::Found,
        settings::Settings,
        subscriber::{SubscriberId, Target},
    },
    ids::{Digest, Name},
    mutant::{Mutant, is_on},
    time::{Timestamp, format_duration},
};

/// Secrets of one channel that sign at the same time.
const MAX_SECRETS: usize = 4;

pub(super) fn put(draft: &mut Draft<'_>, command: PutChannel) -> Answer {
    let PutChannel { document, target } = command;
    let before = draft.fleet.targets.get(&document.name).map(AsRef::as_ref);
    let spare = target.spare.clone();
    let target = changed(before, target)?;
    let made_secret = target.secrets.contains(&spare);
    let name = document.name.clone();
    let live = draft.fleet.document(DocumentKind::Channel, &name);
    let same_spec = live.is_some_and(|head| head.spec == document.spec) && before == Some(&target);
    let (head, did) = document::store(draft, document, same_spec, |document: Stored| Fact::ChannelStored {
        document,
        target: Some(Box::new(target)),
    })?;
    let made_secret = made_secret && did == DocumentDid::Stored;
    Ok(Reply::Channel(Box::new(ChannelReply { head, did, made_secret })))
}

/// What is left out of secrets and headers stays as it is.
fn changed(before: Option<&Target>, change: TargetChange) -> Result<Target, Refusal> {
    let mut faults = Vec::new();
    let mut headers = std::collections::BTreeMap::new();
    for (header, value) in change.headers {
        match value.or_else(|| before.and_then(|before| before.headers.get(&header)).cloned()) {
            Some(value) => {
                headers.insert(header, value);
            }
            None => faults.push(Fault::new(
                format!("/webhook/headers/{header}"),
                "is masked, and no value is stored that it could stand for: write the value",
            )),
        }
    }
    let kept = || before.map(|before| before.secrets.clone());
    let secrets = change.secrets.or_else(kept).unwrap_or_else(|| vec![change.spare]);
    if secrets.len() > MAX_SECRETS {
        let detail = format!("has {} secrets, at most {MAX_SECRETS} may sign at the same time", secrets.len());
        faults.push(Fault::new("/webhook/secrets", detail));
    }
    if faults.is_empty() { Ok(Target { url: change.url, headers, secrets }) } else { Err(Refusal::Invalid { faults }) }
}

/// What is still to be sent to a channel that is deleted never will be.
pub(super) fn drop_channel(draft: &mut Draft<'_>, channel: &Name) {
    let subscriber = SubscriberId::Channel(channel.clone());
    let Some(mailbox) = draft.fleet.outbox.get(&subscriber) else { return };
    let (first, attempts) = (mailbox.pending.first().copied(), mailbox.attempts);
    let settled = mailbox.pending.iter().map(|seq| Settled {
        seq: *seq,
        state: DeliveryState::Parked,
        attempts: if Some(*seq) == first { attempts } else { 0 },
        status: None,
        error: Some("the channel was deleted".to_owned()),
    });
    let settled = settled.collect();
    draft.push(Fact::MessagesSettled { subscriber, settled });
}

/// How attempts went, of many subscribers at once. What has been overtaken meanwhile changes nothing.
pub(super) fn report(draft: &mut Draft<'_>, reports: Vec<DeliveryReport>) -> Reply {
    for report in reports {
        of_one(draft, report);
    }
    Reply::Done
}

fn of_one(draft: &mut Draft<'_>, mut report: DeliveryReport) {
    if is_on(Mutant::LoseWhatFailed) {
        report.delivered.extend(report.failed.take().map(|failed| (failed.seq, 0)));
    }
    let fleet = draft.fleet;
    let Some(mailbox) = fleet.outbox.get(&report.subscriber) else { return };
    let (first, attempts) = (mailbox.pending.first().copied(), mailbox.attempts);
    let so_far = |seq: u64| if Some(seq) == first { attempts } else { 0 };
    let delivered: Vec<Settled> = report
        .delivered
        .iter()
        .filter(|(seq, _)| mailbox.pending.contains(seq))
        .map(|(seq, status)| Settled {
            seq: *seq,
            state: DeliveryState::Delivered,
            attempts: so_far(*seq) + 1,
            status: Some(*status),
            error: None,
        })
        .collect();
    // Counted anew after a success: the receiver lives.
    let (attempts_of_next, failures) = if delivered.is_empty() { (attempts, mailbox.failures) } else { (0, 0) };
    let left = mailbox.pending.iter().find(|seq| !delivered.iter().any(|done| done.seq == **seq)).copied();
    if !delivered.is_empty() {
        draft.push(Fact::MessagesSettled { subscriber: report.subscriber.clone(), settled: delivered });
    }
    let Some(failed) = report.failed.filter(|failed| Some(failed.seq) == left) else { return };
    match next_try(draft, &report.subscriber, &failed, (failures, mailbox.fresh_from)) {
        Ok(next_try) => {
            let failed = Failed { seq: failed.seq, status: failed.status, error: failed.error, next_try };
            draft.push(Fact::MessageFailed { subscriber: report.subscriber, failed });
        }
        Err(reason) => park(draft, &report.subscriber, failed, attempts_of_next + 1, &reason),
    }
}

/// Or why there is none.
fn next_try(
    draft: &Draft<'_>,
    subscriber: &SubscriberId,
    failed: &Attempted,
    (failures, fresh_from): (u32, Timestamp),
) -> Result<Timestamp, String> {
    const GONE: u16 = 410;
    let (settings, now) = (&draft.fleet.settings, draft.now.wall);
    if failed.status == Some(GONE) {
        return Err("the receiver answered 410: it wants no such message any more".to_owned());
    }
    if now.since(failed.told_at.max(fresh_from)) >= settings.give_up {
        let days = format_duration(settings.give_up);
        return Err(format!("it did not arrive within {days}; the last attempt: {}", failed.error));
    }
    let asked = failed.retry_after.unwrap_or_default().min(settings.longest_retry);
    let pause = pause(settings, failures).max(asked);
    let seed = keyed_hash(&draft.fleet.meta.seed, jitter_key(subscriber, failed.seq, failures));
    Ok(now.saturating_add(jittered(pause, seed)))
}

/// Doubled with every failure in a row, up to the longest.
fn pause(settings: &Settings, failures: u32) -> Duration {
    let factor = 1u32.checked_shl(failures).filter(|factor| *factor > 0).unwrap_or(u32::MAX);
    settings.first_retry.saturating_mul(factor).min(settings.longest_retry)
}

/// Up to a quarter longer, so that many receivers of one broken host are not asked at the same moment.
fn jittered(pause: Duration, seed: u64) -> Duration {
    let quarter_ms = u64::try_from(pause.as_millis() / 4).unwrap_or(u64::MAX);
    pause + Duration::from_millis(if quarter_ms == 0 { 0 } else { seed % quarter_ms })
}

fn jitter_key(subscriber: &SubscriberId, seq: u64, failures: u32) -> u128 {
    let digest = Digest::of(format!("{subscriber} {seq} {failures}").as_bytes());
    digest.as_bytes().iter().take(16).fold(0, |key, byte| (key << 8) | u128::from(*byte))
}

fn park(draft: &mut Draft<'_>, subscriber: &SubscriberId, failed: Attempted, attempts: u32, reason: &str) {
    let settled = Settled {
        seq: failed.seq,
        state: DeliveryState::Parked,
        attempts,
        status: failed.status,
        error: Some(failed.error),
    };
    draft.push(Fact::MessagesSettled { subscriber: subscriber.clone(), settled: vec![settled] });
    // That the news of a message given up was given up is no news: two dead receivers would tell of each other for ever.
    if !failed.told_as.ends_with(".parked") {
        let told_as = Some(failed.told_as);
        let parked = Parked { seq: failed.seq, messages: 1, told_as, reason: reason.to_owned() };
        draft.push(parked_fact(subscriber, parked));
    }
}

/// The oldest tenth of a full mailbox is given up, so that this is told once for many.
pub(super) fn relieve(draft: &mut Draft<'_>) {
    let most = draft.fleet.settings.max_pending_messages;
    for subscriber in draft.fleet.outbox.full() {
        let Some(mailbox) = draft.fleet.outbox.get(subscriber) else { continue };
        let count = mailbox.pending.len().saturating_sub(most) + most / 10;
        let oldest: Vec<u64> = mailbox.pending.iter().take(count.max(1)).copied().collect();
        let Some(seq) = oldest.first().copied() else { continue };
        let reason = format!("more than {most} messages wait for this receiver, so the oldest are given up");
        let attempts = mailbox.attempts;
        let settled = oldest.iter().map(|one| Settled {
            seq: *one,
            state: DeliveryState::Parked,
            attempts: if *one == seq { attempts } else { 0 },
            status: None,
            error: Some(reason.clone()),
        });
        let (settled, messages) = (settled.collect(), oldest.len() as u64);
        draft.push(Fact::MessagesSettled { subscriber: subscriber.clone(), settled });
        draft.push(parked_fact(subscriber, Parked { seq, messages, told_as: None, reason }));
    }
}

pub(super) fn replay(draft: &mut Draft<'_>, command: &ReplayMessages, found: &Found) -> Answer {
    let subscriber = &command.subscriber;
    if let SubscriberId::Channel(name) = subscriber
        && draft.fleet.channel(name).is_none()
    {
        return Err(Refusal::not_found("channel", name));
    }
    if command.to.is_some_and(|to| to < command.from) {
        let fault = Fault::new("/to", "is before `from`: nothing lies between");
        return Err(Refusal::Invalid { faults: vec![fault] });
    }
    let most = draft.fleet.settings.max_pending_messages;
    let waiting = draft.fleet.pending_messages(subscriber);
    if waiting + found.messages.len() > most {
        let message = format!(
            "{waiting} messages wait for this receiver already and the limit is {most}: replay a smaller part, with `to`"
        );
        return Err(Refusal::QuotaExceeded(message));
    }
    let messages = found.messages.len() as u64;
    if messages > 0 {
        let (from, to, seqs) = (command.from, command.to, found.messages.clone());
        draft.push(replayed_fact(subscriber, Replayed { from, to, messages, seqs }));
    }
    Ok(Reply::Replayed { messages })
}
