//! Tables of real applications: told row by row, or read off the screen page by page.

use std::{path::Path, process::Command};

use deskfleet::wire::job::Category;
use serde_json::{Value, json};

use super::{Ending, Place, output, xvfb};

const ROWS: usize = 60;

/// A program of `tests/fixtures/grid`, and a workflow with these steps.
fn list(mut place: Place, program: &str, steps: &str) -> Place {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/grid").join(program);
    let mut python = Command::new("/usr/bin/python3");
    python.arg(file).env("NO_AT_BRIDGE", if place.bus.is_some() { "0" } else { "1" });
    python.env("DBUS_SESSION_BUS_ADDRESS", place.bus.as_deref().unwrap_or("disabled:"));
    python.env("HOME", place.folder.path()).env("GSETTINGS_BACKEND", "memory").env("LC_ALL", "C.UTF-8");
    place.desktop.spawn(python);
    let mut desktop = place.look();
    xvfb::until("the list", || desktop.windows().ok()?.iter().any(|window| window.title == "Patients").then_some(()));
    let text = format!("kind: workflow\nname: w\nsteps:\n{steps}output: {{ rows: \"{{{{ vars.rows }}}}\" }}\n");
    place.write("workflow.yaml", &text);
    place
}

#[test]
fn a_table_is_told_whole_however_little_of_it_shows() {
    let step = "  - { read_table: { from: { ui: { role: table } } }, as: rows }\n";
    let rows = output(list(Place::with_controls(), "gtk.py", step).run(&json!({})).0)["rows"].clone();
    let row = |n: usize| json!({ "MRN": format!("P{n:04}"), "Name": format!("Patient {n}"), "Age": (n * 7 % 90 + 5).to_string() });
    assert_eq!(rows, (0..ROWS).map(row).collect::<Value>());
}

#[test]
fn a_table_that_tells_nothing_is_scrolled_and_read_and_scrolled_back() {
    let step = "  - { read_table: { from: { window: Patients }, columns: [Name, Age, Ward], max_rows: 40 }, as: rows }\n  \
                - wait: { text: Patient 0, in: { window: Patients } }\n";
    let rows = output(list(Place::new(), "tk.py", step).run(&json!({})).0)["rows"].clone();
    let ward = |n: usize| ["North", "South", "East", "West"][n % 4];
    let row =
        |n: usize| json!({ "Name": format!("Patient {n}"), "Age": (n * 7 % 90 + 5).to_string(), "Ward": ward(n) });
    assert_eq!(rows, (0..40).map(row).collect::<Value>());
}

#[test]
fn what_is_wanted_and_not_there_is_told_with_what_is() {
    for (place, program, step, part) in [
        (
            Place::with_controls(),
            "gtk.py",
            "from: { window: Patients }, columns: [Born]",
            "it has \"MRN\", \"Name\", \"Age\"",
        ),
        (Place::new(), "tk.py", "from: { window: Patients }, columns: [Born]", "no line with all of its columns"),
    ] {
        let place = list(place, program, &format!("  - {{ read_table: {{ {step} }}, as: rows }}\n"));
        let (ending, _) = place.run(&json!({}));
        let Ending::Failed(failure) = ending else { panic!("{ending:?}") };
        assert_eq!(failure.category, Category::TargetNotFound, "{}", failure.message);
        assert!(failure.message.contains(part), "{}", failure.message);
    }
}
