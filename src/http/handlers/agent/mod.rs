//! The agents' half: join, renew, poll, report, upload. All but joining go by the machine's certificate.

mod join;
mod offer;
mod poll;
mod report;
mod upload;

pub(crate) use join::{join, renew};
pub(crate) use poll::poll;
pub(crate) use report::report;
pub(crate) use upload::{fetch, put_blob, put_screenshot};

use crate::{
    fleet::Session,
    http::{access::CallerMachine, app::App, problem::ApiResult},
};

/// Certificates of machines are renewed with the digest the connection showed.
pub(super) fn certificate(machine: &CallerMachine) -> crate::ids::Digest {
    machine.0.certificate.digest
}

/// What the machine last said of its session; after a restart of the controller what the fleet remembers.
pub(super) async fn session(app: &App, machine: &CallerMachine) -> ApiResult<Session> {
    let id = machine.0.id;
    if let Some(session) = app.sessions().get(id) {
        return Ok(session);
    }
    let remembered = app.handle().look(move |fleet, _| fleet.machine(id).map(|row| row.session)).await?;
    Ok(remembered.unwrap_or_default())
}
