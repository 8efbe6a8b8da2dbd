//! `deskfleet job explain`.

use crate::{
    cli::{
        client::{Api, Call},
        output::{self, OutputFlag},
    },
    wire::explain::{Explanation, Predicate},
};

pub(crate) async fn run(api: &Api, id: &str, format: OutputFlag) -> anyhow::Result<()> {
    let answer = api.call::<Explanation>(Call::get(&["v1", "jobs", id, "explain"])).await?;
    if format.is_json() {
        return output::json(&answer.raw);
    }
    let told = answer.value;
    let expected = told
        .expected_start
        .map_or_else(|| told.expected_basis.clone(), |at| format!("{} ({})", output::moment(at), told.expected_basis));
    output::fields(&[
        ("job", told.job.to_string()),
        ("state", output::word(&told.state)),
        ("why", output::clean(&told.summary)),
        ("machines", format!("{} it may run on, {} of them fit it", told.machines, told.fitting)),
        ("place", told.place.map(|place| place.to_string()).unwrap_or_default()),
        ("expected start", expected),
        ("change", told.changes.iter().map(|change| output::clean(change)).collect::<Vec<_>>().join("\n")),
    ])?;
    let failing: Vec<&Predicate> = told.predicates.iter().filter(|predicate| predicate.failing > 0).collect();
    if failing.is_empty() {
        return Ok(());
    }
    output::table(["predicate", "failing", "which"], failing.into_iter().map(row))
}

fn row(predicate: &Predicate) -> [String; 3] {
    let machines = predicate.machines.iter().map(|one| format!("{}: {}", one.name, output::clean(&one.detail)));
    let which = predicate.detail.as_deref().map(output::clean).into_iter().chain(machines);
    [predicate.name.clone(), predicate.failing.to_string(), which.collect::<Vec<_>>().join("\n")]
}
