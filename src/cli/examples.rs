//! One example for each command that has none of its own where it is defined.

/// The command's path below `deskfleet`, and what comes after it.
const EXAMPLES: &[(&str, &str)] = &[
    ("artifact get", "job_… failure.webp -d evidence"),
    ("batch cancel", "bat_…"),
    ("batch show", "bat_… -o json"),
    ("batch submit", "patients.csv --max-running 4 --wait"),
    ("batch watch", "bat_… --timeout 1h"),
    ("channel deliveries", "ops --limit 20"),
    ("channel replay", "ops --from 4711 --to 4800"),
    ("event tail", "--type job.failed,machine."),
    ("fleet pause", "--reason network"),
    ("fleet resume", ""),
    ("job cancel", "job_…"),
    ("job logs", "job_… --attempt 2"),
    ("job explain", "job_…"),
    ("job release", "job_…"),
    ("job report", "job_… -o report.html"),
    ("job retry", "job_…"),
    ("job review", "job_… --decision succeed --note receipt-R-118-is-there"),
    ("job show", "job_… -o json"),
    ("job watch", "job_… --timeout 10m"),
    ("join-token create", "--pool clinic --uses 20 --expires-in 2h"),
    ("join-token list", ""),
    ("join-token revoke", "jtk_…"),
    ("machine activate", "vm-07"),
    ("machine drain", "vm-07 --reason driver"),
    ("machine list", "--pool clinic --status idle,offline"),
    ("machine maintenance", "vm-07 --reason driver"),
    ("machine quarantine", "vm-07 --now"),
    ("machine screenshot", "vm-07 --fresh -o now.webp"),
    ("machine show", "vm-07"),
    ("token create", "--name ci --role submitter --expires-in 90d"),
    ("token list", "-o json"),
    ("token revoke", "tok_…"),
];

pub(crate) fn of(path: &str) -> Option<String> {
    let (_, arguments) = EXAMPLES.iter().find(|(known, _)| *known == path)?;
    Some(format!("Example:\n  deskfleet {path} {arguments}").trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_parses() {
        for (path, arguments) in EXAMPLES {
            let line = format!("deskfleet {path} {arguments}");
            let parsed = crate::cli::command().try_get_matches_from(line.split_whitespace());
            assert!(parsed.is_ok(), "{line}: {:?}", parsed.err());
        }
    }
}
