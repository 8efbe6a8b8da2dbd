//! An agent that is frozen past its lease, in the middle of a drag, and thawed once its job is done elsewhere.

use std::time::Duration;

use serde_json::{Value, json};
use x11rb::{
    connection::Connection as _,
    protocol::{
        Event,
        xproto::{AtomEnum, ConnectionExt as _, CreateWindowAux, EventMask, KeyButMask, PropMode, WindowClass},
    },
    rust_connection::RustConnection,
    wrapper::ConnectionExt as _,
};

use crate::{
    fleet::{Agent, Controller, is_settled, signal},
    records::now,
    xvfb::{VirtualDesktop, until, until_within},
};

/// How long the desktop is watched after the thaw: longer than several of the workflow's steps take.
const WATCHED: Duration = Duration::from_secs(4);
const DRAGS: usize = 8;

#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    presses: usize,
    keys: usize,
    releases: usize,
}

/// A window over most of a desktop that notes what is done to it. Over all of it, it would be taken for a lock.
struct Witness {
    connection: RustConnection,
    root: u32,
}

impl Witness {
    fn open(desktop: &VirtualDesktop) -> Self {
        let (connection, screen) = x11rb::connect(Some(desktop.display())).expect("the desktop answers");
        let screen = &connection.setup().roots[screen];
        let (root, window) = (screen.root, connection.generate_id().expect("an id"));
        let mask = EventMask::BUTTON_PRESS | EventMask::BUTTON_RELEASE | EventMask::KEY_PRESS;
        let aux = CreateWindowAux::new().event_mask(mask);
        connection
            .create_window(0, window, root, 0, 0, 1200, 740, 0, WindowClass::INPUT_OUTPUT, 0, &aux)
            .expect("a request");
        connection
            .change_property8(PropMode::REPLACE, window, AtomEnum::WM_NAME, AtomEnum::STRING, b"witness")
            .expect("a request");
        connection.map_window(window).expect("a request");
        connection.flush().expect("the desktop answers");
        Self { connection, root }
    }

    /// Since it was asked last.
    fn seen(&self) -> Seen {
        let mut seen = Seen::default();
        while let Some(event) = self.connection.poll_for_event().expect("the desktop answers") {
            match event {
                Event::ButtonPress(_) => seen.presses += 1,
                Event::KeyPress(_) => seen.keys += 1,
                Event::ButtonRelease(_) => seen.releases += 1,
                _ => {}
            }
        }
        seen
    }

    fn button_is_down(&self) -> bool {
        let pointer = self.connection.query_pointer(self.root).expect("a request").reply().expect("an answer");
        u16::from(pointer.mask) & u16::from(KeyButMask::BUTTON1) != 0
    }

    fn key_is_down(&self) -> bool {
        let keys = self.connection.query_keymap().expect("a request").reply().expect("an answer").keys;
        keys.iter().any(|byte| *byte != 0)
    }
}

/// Looked for more often than anything else could be asked.
fn until_down(witness: &Witness) -> bool {
    (0..1_000).any(|_| witness.button_is_down())
}

fn drags() -> Value {
    let drag = json!({ "drag": { "from": { "at": [100, 100] }, "to": { "at": [1100, 700] }, "modifiers": ["shift"] } });
    json!({
        "kind": "workflow", "name": "drags", "timeout": "1m",
        "retry": { "attempts": 3, "backoff": "100ms", "categories": ["machine_lost", "agent"] },
        "steps": vec![drag; DRAGS], "output": { "done": true }
    })
}

#[test]
fn a_frozen_agent_lets_go_of_the_desktop_when_it_thaws_and_its_report_changes_nothing() {
    let controller = Controller::start();
    let desktops = [VirtualDesktop::start(), VirtualDesktop::start()];
    let witnesses = [Witness::open(&desktops[0]), Witness::open(&desktops[1])];
    let first = Agent::join(&controller, &desktops[0], "desk-1");
    controller.put("/v1/workflows/drags", &drags());
    let job = controller.post("/v1/jobs", &json!({ "workflow": "drags" }));
    let job = job["id"].as_str().expect("an id");
    let frozen = &witnesses[0];
    until_within(Duration::from_secs(30), "a drag to be under way", || {
        let job = controller.get(&format!("/v1/jobs/{job}"));
        assert!(!is_settled(&job), "{job:#}");
        until_down(frozen).then_some(())
    });
    signal("-STOP", first.pid());
    assert!(frozen.button_is_down(), "it froze within the drag");

    let _second = Agent::join(&controller, &desktops[1], "desk-2");
    let done = controller.job_when(job, "done elsewhere", |job| job["state"] == "succeeded");
    assert_eq!(done["machine"], "desk-2", "{done:#}");
    assert_eq!(witnesses[1].seen().presses, DRAGS, "done once there");
    frozen.seen();
    signal("-CONT", first.pid());
    until("button and keys to be let go", || (!frozen.button_is_down() && !frozen.key_is_down()).then_some(()));
    let thawed = now();
    let mut touched = Seen::default();
    until_within(WATCHED * 3, "the time to be over", || {
        let more = frozen.seen();
        touched.presses += more.presses;
        touched.keys += more.keys;
        touched.releases += more.releases;
        (thawed.elapsed() > WATCHED).then_some(())
    });
    assert_eq!(touched, Seen { releases: 1, ..Seen::default() }, "it let go and touched nothing more");

    let after = controller.get(&format!("/v1/jobs/{job}"));
    assert_eq!(after["finished_at"], done["finished_at"], "{after:#}");
    let outcomes: Vec<&Value> = after["attempts"].as_array().expect("attempts").iter().map(|a| &a["outcome"]).collect();
    assert_eq!(outcomes, ["lost", "succeeded"]);
    let events = controller.get(&format!("/v1/jobs/{job}/events"));
    let late = events["items"].as_array().expect("events").iter().any(|event| event["type"] == "attempt.late_report");
    assert!(late, "what it had to say is kept: {events:#}");

    let again = json!({ "workflow": "drags", "machine": "desk-1" });
    let again = controller.post("/v1/jobs?wait=45s", &again);
    assert_eq!(again["state"], "succeeded", "the machine works again: {again:#}");
}
