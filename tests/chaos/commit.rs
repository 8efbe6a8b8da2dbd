//! Records are entered while agents and the controller are killed: each once, or the job says the truth about it.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use serde_json::{Value, json};

use crate::{
    dice::Dice,
    fleet::{Agent, Controller, is_settled},
    xvfb::{VirtualDesktop, until_within},
};

/// For all of it to be over, kills included.
const LIMIT: Duration = Duration::from_secs(600);

fn records() -> u64 {
    std::env::var("RECORDS").ok().and_then(|text| text.parse().ok()).unwrap_or(12)
}

/// The program that is pressed to save appends a line, late, as applications do; it goes on if its agent is killed.
fn workflow(book: &Path) -> Value {
    let book = book.display().to_string();
    let save = "sleep 0.$(( $$ % 6 )); printf '%s\\n' \"$1\" >> \"$2\"";
    let entered = json!({ "command": { "command": ["grep", "-qx", "{{ input.mrn }}", book] } });
    json!({
        "kind": "workflow", "name": "enter", "timeout": "1m",
        "input": { "type": "object", "required": ["mrn"], "properties": { "mrn": { "type": "string" } } },
        "retry": { "attempts": 20, "backoff": "100ms", "max_backoff": "1s", "categories": ["machine_lost", "agent"] },
        "steps": [
            { "sleep": "200ms" },
            {
                "id": "save",
                "run": { "command": ["sh", "-c", save, "save", "{{ input.mrn }}", book] },
                "commit": true,
                "verify": entered,
                "settle": { "after": "2s", "done": entered },
            },
            { "sleep": "200ms" },
        ],
        "output": { "mrn": "{{ input.mrn }}" }
    })
}

/// How often each record stands in the book.
fn entries(book: &Path) -> BTreeMap<String, usize> {
    let mut entries = BTreeMap::new();
    for line in fs::read_to_string(book).unwrap_or_default().lines() {
        *entries.entry(line.to_owned()).or_default() += 1;
    }
    entries
}

/// Kills one of them at a time until all jobs are settled. Says how often.
fn kill_until_settled(controller: &mut Controller, agents: &mut [Agent], jobs: &[String], dice: &Dice) -> u64 {
    let mut kills = 0;
    let mut victims = 0..=agents.len();
    until_within(LIMIT, "all records to be entered", || {
        std::thread::sleep(dice.ms(300, 1_500));
        match victims.next() {
            Some(0) => {
                controller.kill();
                controller.start_again();
            }
            Some(victim) => {
                agents[victim - 1].kill();
                agents[victim - 1].start_again();
            }
            None => {
                // A pause now and then, or nothing would ever be done.
                victims = 0..=agents.len();
                std::thread::sleep(dice.ms(1_000, 4_000));
                return None;
            }
        }
        kills += 1;
        let open = |id: &String| !is_settled(&controller.get(&format!("/v1/jobs/{id}")));
        (!jobs.iter().any(open)).then_some(())
    });
    kills
}

#[test]
fn each_record_is_entered_once_or_its_job_says_the_truth_whoever_is_killed() {
    let dice = Dice::from_environment("commits under kill");
    let mut controller = Controller::start();
    let desktops = [VirtualDesktop::start(), VirtualDesktop::start()];
    let mut agents =
        [Agent::join(&controller, &desktops[0], "desk-1"), Agent::join(&controller, &desktops[1], "desk-2")];
    let folder = tempfile::TempDir::new().expect("a folder");
    let book = folder.path().join("book");
    fs::write(&book, "").expect("an empty book");
    controller.put("/v1/workflows/enter", &workflow(&book));
    let mrns: Vec<String> = (0..records()).map(|number| format!("mrn-{number}")).collect();
    let jobs: Vec<String> = mrns
        .iter()
        .map(|mrn| {
            let job = controller.post("/v1/jobs", &json!({ "workflow": "enter", "input": { "mrn": mrn }, "key": mrn }));
            job["id"].as_str().expect("an id").to_owned()
        })
        .collect();
    let kills = kill_until_settled(&mut controller, &mut agents, &jobs, &dice);

    // What a killed agent left running may still be saving.
    std::thread::sleep(Duration::from_secs(1));
    let entries = entries(&book);
    let mut ends: BTreeMap<String, u64> = BTreeMap::new();
    let mut attempts = 0;
    for (mrn, id) in mrns.iter().zip(&jobs) {
        let job = controller.get(&format!("/v1/jobs/{id}"));
        let times = entries.get(mrn).copied().unwrap_or(0);
        let effect = job["failure"]["effect"].as_str().unwrap_or("committed").to_owned();
        let state = job["state"].as_str().unwrap_or_default().to_owned();
        assert!(times <= 1, "{mrn} was entered {times} times: {job:#}");
        match (state.as_str(), effect.as_str()) {
            ("succeeded", _) | ("failed", "committed") => assert_eq!(times, 1, "{mrn} is not entered: {job:#}"),
            ("failed", "none") => assert_eq!(times, 0, "{mrn} is entered, and the job denies it: {job:#}"),
            ("needs_review", "unknown") => {}
            _ => panic!("{mrn} ended as nothing should: {job:#}"),
        }
        attempts += job["attempts"].as_array().map_or(0, Vec::len);
        *ends.entry(format!("{state} ({effect})")).or_default() += 1;
    }
    println!("commits under kill: {} records, {kills} kills, {attempts} attempts, {ends:?}", mrns.len());
}
