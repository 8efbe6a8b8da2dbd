//! What each command means for the state it meets. Nothing here changes anything.

mod calls;
mod cancel;
mod document;
mod effect;
mod ended;
mod idempotency;
mod identity;
mod join;
mod machine;
mod needs;
mod outbox;
mod poll;
mod repeat;
mod report;
mod restore;
mod retry;
mod review;
mod standstill;
mod submit;
mod tick;
mod token;

pub use needs::needs;
pub use submit::faults_of;

use super::{
    Decision, command::Command, draft::Draft, refusal::Refusal, reply::Reply, rows::Found, state::Fleet,
    token::Principal,
};
use crate::time::Now;

/// How the parts of this module answer; a refusal may come with events too.
type Answer = Result<Reply, Refusal>;

/// Decides a command. Changes nothing: apply the events, all of them, in their order.
pub fn decide(fleet: &Fleet, now: Now, command: Command, found: &Found) -> Decision {
    let mut draft = Draft::new(fleet, now, principal(fleet, &command));
    let answer = dispatch(&mut draft, command, found);
    draft.finish(answer)
}

fn dispatch(draft: &mut Draft<'_>, command: Command, found: &Found) -> Answer {
    match command {
        Command::SubmitJob(command) => submit::job(draft, command, found),
        Command::SubmitBatch(command) => submit::batch(draft, command, found),
        Command::CancelJob(command) => cancel::job(draft, &command, found),
        Command::CancelBatch(command) => cancel::batch(draft, &command, found),
        Command::RetryJob(command) => retry::job(draft, command, found),
        Command::ReleaseJob(command) => restore::release(draft, &command, found),
        Command::Restore(command) => restore::restore(draft, &command),
        Command::ReviewJob(command) => review::job(draft, &command, found),
        Command::Replay(command) => idempotency::again(draft, &command, found),
        Command::PutDocument(command) => document::put(draft, command),
        Command::DeleteDocument(command) => document::delete(draft, &command),
        Command::PauseDocument(command) => document::pause(draft, command),
        Command::ResumeDocument(command) => document::resume(draft, command),
        Command::PauseFleet(command) => document::pause_fleet(draft, command),
        Command::ResumeFleet(_) => Ok(document::resume_fleet(draft)),
        Command::JoinMachine(command) => join::join(draft, command),
        Command::RenewCertificate(command) => join::renew(draft, command),
        Command::PatchMachine(command) => machine::patch(draft, command),
        Command::RemoveMachine(command) => machine::remove(draft, &command),
        Command::SetMode(command) => machine::set_mode(draft, command),
        Command::Poll(command) => poll::poll(draft, &command),
        Command::Report(command) => report::report(draft, command, found),
        Command::CreateToken(command) => token::create(draft, command),
        Command::RevokeToken(command) => token::revoke(draft, &command),
        Command::CreateJoinToken(command) => token::create_join(draft, command),
        Command::RevokeJoinToken(command) => token::revoke_join(draft, &command),
        Command::PutChannel(command) => outbox::put(draft, command),
        Command::ReportDeliveries(reports) => Ok(outbox::report(draft, reports)),
        Command::ReplayMessages(command) => outbox::replay(draft, &command, found),
        Command::Tick => Ok(tick::tick(draft)),
    }
}

fn principal(fleet: &Fleet, command: &Command) -> Principal {
    let by = match command {
        Command::SubmitJob(command) => &command.by,
        Command::SubmitBatch(command) => &command.by,
        Command::CancelJob(command) => &command.by,
        Command::CancelBatch(command) => &command.by,
        Command::RetryJob(command) => &command.by,
        Command::ReleaseJob(command) => &command.by,
        Command::ReviewJob(command) => &command.by,
        Command::Replay(command) => &command.by,
        Command::PutDocument(command) => &command.by,
        Command::PutChannel(command) => &command.document.by,
        Command::ReplayMessages(command) => &command.by,
        Command::DeleteDocument(command) => &command.by,
        Command::PauseDocument(command) => &command.by,
        Command::ResumeDocument(command) => &command.by,
        Command::PauseFleet(command) => &command.by,
        Command::ResumeFleet(command) => &command.by,
        Command::PatchMachine(command) => &command.by,
        Command::RemoveMachine(command) => &command.by,
        Command::SetMode(command) => &command.by,
        Command::CreateToken(command) => &command.by,
        Command::RevokeToken(command) => &command.by,
        Command::CreateJoinToken(command) => &command.by,
        Command::RevokeJoinToken(command) => &command.by,
        Command::RenewCertificate(command) => return machine_principal(fleet, &command.certificate),
        Command::Poll(command) => return machine_principal(fleet, &command.certificate),
        Command::Report(command) => return machine_principal(fleet, &command.certificate),
        Command::JoinMachine(_) | Command::Restore(_) | Command::ReportDeliveries(_) | Command::Tick => {
            return Principal::System;
        }
    };
    by.clone()
}

fn machine_principal(fleet: &Fleet, certificate: &crate::ids::Digest) -> Principal {
    fleet.machine_by_certificate(certificate).map_or(Principal::System, |machine| Principal::Machine { id: machine.id })
}
