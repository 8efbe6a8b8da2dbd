//! What a look at the store has found, as clients see it.

use crate::{controller::Checked, wire::upkeep::CheckReport};

pub(crate) fn check_report(checked: Checked) -> CheckReport {
    let looked_at = checked.counts.into_iter().map(|(what, count)| (what.to_owned(), count)).collect();
    CheckReport { looked_at, faults: checked.faults }
}
