//! The one thing an event is about, in words.

use crate::fleet::{Event, Fact, Fleet};

/// A job's or batch's id, a machine's name, a document's `kind/name`, a token's id; `fleet` where it is about everything.
pub(super) fn subject(fleet: &Fleet, event: &Event) -> String {
    if let Fact::MachineRemoved { name, .. } = &event.fact {
        return name.to_string();
    }
    let about = event.subjects();
    let machine_name = |id| fleet.machine(id).map_or_else(|| id.to_string(), |machine| machine.name.to_string());
    about
        .job
        .map(|id| id.to_string())
        .or_else(|| about.batch.map(|id| id.to_string()))
        .or_else(|| about.machine.map(machine_name))
        .or_else(|| about.document.map(|(kind, name)| format!("{}/{name}", kind.as_str())))
        .or_else(|| about.token.map(|id| id.to_string()))
        .or_else(|| about.join_token.map(|id| id.to_string()))
        .unwrap_or_else(|| "fleet".to_owned())
}
