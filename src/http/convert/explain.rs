//! Explanations as clients see them.

use crate::{
    fleet,
    wire::explain::{Explanation, FailingMachine, Predicate},
};

pub(crate) fn explanation(of: fleet::Explanation) -> Explanation {
    Explanation {
        job: of.job,
        state: of.state.into(),
        summary: of.summary,
        machines: of.considered,
        fitting: of.fitting,
        predicates: of.conditions.into_iter().map(predicate).collect(),
        // People count from one.
        place: of.before.map(|before| before + 1),
        expected_start: of.expected.at,
        expected_basis: of.expected.basis,
        changes: of.changes,
    }
}

fn predicate(of: fleet::Condition) -> Predicate {
    let machines = of.machines.into_iter();
    Predicate {
        name: of.name.as_str().to_owned(),
        scope: if of.name.is_of_the_job() { "job" } else { "machine" }.to_owned(),
        failing: of.failing,
        machines: machines.map(|note| FailingMachine { name: note.machine, detail: note.detail }).collect(),
        detail: of.detail,
    }
}
