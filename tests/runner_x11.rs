//! The step engine on real X11 desktops: documents from files, real applications, nothing between but the desktop's thread.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests say what they expect")]

#[path = "runner_x11/applications.rs"]
mod applications;
#[path = "runner_x11/controls.rs"]
mod controls;
#[path = "runner_x11/idle.rs"]
mod idle;
#[path = "runner_x11/popups.rs"]
mod popups;
#[path = "runner_x11/recorded.rs"]
mod recorded;
#[path = "runner_x11/saved.rs"]
mod saved;
#[path = "runner_x11/tables.rs"]
mod tables;
#[path = "runner_x11/text.rs"]
mod text;
#[path = "runner_x11/try_step.rs"]
mod try_step;
#[path = "support/xvfb.rs"]
mod xvfb;

use std::{collections::BTreeMap, fs, path::Path};

use deskfleet::{
    agent::{
        local::Local,
        runner::{Ending, NoIntent, Observer, Stop},
    },
    desktop::{Desktop, DesktopHandle, Frame, Rect, open_display, process},
    wire::{
        agent::{IntentReport, OpenIntent, Resume, SettledReport},
        job::Category,
        step::{ArtifactRef, StepReport, StepState},
    },
};
use serde_json::{Value, json};
use xvfb::VirtualDesktop;

#[derive(Default)]
struct Record {
    reports: Vec<StepReport>,
    artifacts: Vec<(ArtifactRef, Option<Vec<u8>>)>,
    intents: Vec<IntentReport>,
    settled: Vec<SettledReport>,
    stop_at: Option<&'static str>,
    stopped: bool,
}

impl Observer for Record {
    fn go_on(&mut self) -> Result<(), Stop> {
        if self.stopped { Err(Stop::Cancelled) } else { Ok(()) }
    }

    fn step(&mut self, report: StepReport) {
        self.stopped |= self.stop_at.is_some_and(|path| report.path == path);
        self.reports.push(report);
    }

    fn intent(&mut self, intent: &IntentReport) -> Result<(), NoIntent> {
        self.intents.push(intent.clone());
        Ok(())
    }

    fn settled(&mut self, settled: SettledReport) {
        self.settled.push(settled);
    }

    fn artifact(&mut self, artifact: &ArtifactRef, bytes: Option<Vec<u8>>) {
        self.artifacts.push((artifact.clone(), bytes));
    }
}

struct Place {
    desktop: VirtualDesktop,
    folder: tempfile::TempDir,
    /// The bus on which applications tell of their controls.
    bus: Option<String>,
}

impl Place {
    fn new() -> Self {
        Self { desktop: VirtualDesktop::start(), folder: tempfile::tempdir().unwrap(), bus: None }
    }

    /// In a session whose applications tell of their controls.
    fn with_controls() -> Self {
        let mut place = Self::new();
        let socket = place.folder.path().join("bus");
        let address = format!("unix:path={}", socket.display());
        let mut bus = std::process::Command::new("dbus-daemon");
        bus.args(["--session", "--nofork", "--nopidfile", "--address", &address]);
        place.desktop.spawn(bus);
        xvfb::until("the session's bus", || socket.exists().then_some(()));
        place.bus = Some(address);
        place
    }

    /// What applications need to be by themselves.
    fn env(&self) -> String {
        let home = self.folder.path().display();
        let (bus, silent) = self.bus.as_ref().map_or(("disabled:", "1"), |bus| (bus.as_str(), "0"));
        format!(
            "{{ DISPLAY: \"{}\", HOME: \"{home}\", XDG_CONFIG_HOME: \"{home}\", GSETTINGS_BACKEND: memory, NO_AT_BRIDGE: \"{silent}\", \
             DBUS_SESSION_BUS_ADDRESS: \"{bus}\", LC_ALL: C.UTF-8 }}",
            self.desktop.display()
        )
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn editor(&self) {
        let app = format!(
            "kind: app\nname: editor\nlaunch: {{ command: [mousepad, --disable-server], env: {} }}\nscreens:\n  \
             ready: [ {{ window: {{ class: mousepad }} }} ]\n",
            self.env()
        );
        self.write("editor.yaml", &app);
    }

    fn run_watched(&self, input: &Value, record: Record) -> (Ending, Record) {
        self.run_after(None, input, record)
    }

    /// As a later attempt, which gets what an earlier one has left.
    fn run_after(&self, resume: Option<Resume>, input: &Value, mut record: Record) -> (Ending, Record) {
        let local = Local::load(&self.folder.path().join("workflow.yaml")).unwrap_or_else(|error| panic!("{error}"));
        let mut plan = local.plan(input, BTreeMap::new()).unwrap_or_else(|error| panic!("{error}"));
        plan.resume = resume;
        let display = self.desktop.display().to_owned();
        let handle = DesktopHandle::with_opener(move || open_display(&display));
        let ending = local.run(&plan, handle, &mut record);
        (ending, record)
    }

    fn run(&self, input: &Value) -> (Ending, Record) {
        self.run_watched(input, Record::default())
    }

    fn look(&self) -> Box<dyn Desktop> {
        open_display(self.desktop.display()).unwrap()
    }
}

/// Programs the runner launches are not children of the test: they are closed, and gone before another test gets this display's number.
impl Drop for Place {
    fn drop(&mut self) {
        let mut closed = Vec::new();
        for name in ["mousepad", "galculator"] {
            let Ok(mut desktop) = open_display(self.desktop.display()) else { return };
            for window in desktop.windows().unwrap_or_default() {
                if window.process == name {
                    desktop.close(window.id).ok();
                    closed.extend(window.pid);
                }
            }
        }
        for pid in closed {
            std::process::Command::new("kill").args(["-9", &pid.to_string()]).output().ok();
            for _ in 0..1_000 {
                if !process::is_alive(pid) {
                    break;
                }
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        }
    }
}

fn output(ending: Ending) -> Value {
    match ending {
        Ending::Succeeded { output } => output,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_editor_is_launched_typed_into_and_read_back() {
    let place = Place::new();
    place.editor();
    place.write(
        "workflow.yaml",
        r#"
kind: workflow
name: note
apps: [editor]
input: { type: object, required: [text], properties: { text: { type: string } } }
steps:
  - activate: { window: { class: mousepad } }
  - { type: { text: "{{ input.text }}", clear: true, read_back: true }, screenshot: after, id: typed }
  - { extract: { from: { window: { class: mousepad } }, regex: 'number (\d+)' }, as: number }
  - key: End
  - assert: "vars.number | int > 10"
output: { number: "{{ vars.number }}" }
"#,
    );
    let (ending, record) = place.run(&json!({"text": "Grüße, this is number 42!"}));
    assert_eq!(output(ending), json!({"number": "42"}));
    let (artifact, bytes) = &record.artifacts[0];
    assert_eq!(artifact.name, "typed-after.webp");
    let picture = Frame::decode(bytes.as_ref().unwrap()).unwrap();
    assert_eq!((picture.width(), picture.height()), (1280, 800));
    let ended = record.reports.iter().filter(|report| report.state == StepState::Succeeded).count();
    assert_eq!(ended, 5);
}

#[test]
fn a_workflow_calls_another_that_lies_beside_it() {
    let place = Place::new();
    place.editor();
    place.write(
        "write.yaml",
        r#"
kind: workflow
name: write
app: editor
input: { type: object, required: [text], properties: { text: { type: string }, end: { type: string, default: "!" } } }
steps:
  - { type: { text: "{{ input.text }}{{ input.end }}", into: { window: { class: mousepad } }, clear: true } }
  - { extract: { from: { window: { class: mousepad } } }, as: written }
output: { written: "{{ vars.written }}" }
"#,
    );
    place.write(
        "workflow.yaml",
        r#"
kind: workflow
name: twice
apps: [editor]
steps:
  - { call: { workflow: write, input: { text: one } }, as: first }
  - { call: { workflow: write, input: { text: two, end: "." } }, as: second }
output: { first: "{{ vars.first.written | trim }}", second: "{{ vars.second.written | trim }}" }
"#,
    );
    let (ending, record) = place.run(&json!({}));
    assert_eq!(output(ending), json!({ "first": "one!", "second": "two." }));
    assert!(record.reports.iter().any(|report| report.path == "steps/1/call/steps/1"));
}

#[test]
fn an_image_cut_from_the_screen_is_found_and_one_that_is_not_there_is_told_with_its_best_place() {
    let place = Place::new();
    place.editor();
    let open = "kind: workflow\nname: open\napps: [editor]\nsteps: [ { wait: { window: { class: mousepad } } }, { sleep: 500ms } ]\n";
    place.write("workflow.yaml", open);
    output(place.run(&json!({})).0);

    let mut desktop = place.look();
    let window = desktop.windows().unwrap().into_iter().find(|window| window.process == "mousepad").unwrap();
    let menu = Rect::new(window.client.x, window.client.y, 48, 24);
    let frame = desktop.capture().unwrap();
    fs::write(place.folder.path().join("file.png"), frame.crop(menu).unwrap().to_png().unwrap()).unwrap();
    let mut other = frame.crop(Rect::new(0, 0, 48, 24)).unwrap();
    for at in 0..24 {
        other.fill(Rect::new(at * 2, at, 5, 1), deskfleet::desktop::Color::new(255, 20, 30));
    }
    fs::write(place.folder.path().join("absent.png"), other.to_png().unwrap()).unwrap();
    place.write(
        "workflow.yaml",
        r"
kind: workflow
name: menu
apps: [editor]
steps:
  - { click: { image: file.png, in: { window: { class: mousepad } } }, as: place, pause: 300ms }
  - key: Escape
  - { click: { image: absent.png }, timeout: 1s }
output: {}
",
    );
    let (ending, record) = place.run(&json!({}));
    let Ending::Failed(failure) = ending else { panic!("{ending:?}") };
    assert_eq!(failure.category, Category::TargetNotFound);
    assert_eq!(failure.step.unwrap().path, "steps/2");
    assert!(failure.message.contains("best score"), "{}", failure.message);
    let names: Vec<&str> = failure.artifacts.iter().map(|artifact| artifact.name.as_str()).collect();
    assert_eq!(names, ["failure.webp", "before.webp"]);
    let click = record.reports.iter().find(|report| report.path == "steps/0" && !report.finds.is_empty()).unwrap();
    let find = &click.finds[0];
    assert!(find.found && find.score.unwrap() > 0.98, "{find:?}");
    assert_eq!((find.x, find.y), (Some(menu.x), Some(menu.y)));
}

#[test]
fn a_calculator_computes_what_is_typed_and_gives_the_result_by_the_clipboard() {
    let place = Place::new();
    place.write(
        "workflow.yaml",
        &format!(
            r#"
kind: app
name: calculator
launch: {{ command: [galculator], env: {} }}
screens:
  ready: [ {{ window: galculator }} ]
recover:
  - {{ steps: [ {{ relaunch: {{}} }} ] }}
---
kind: workflow
name: add
apps: [calculator]
input:
  type: object
  properties: {{ a: {{ type: integer }}, b: {{ type: integer }} }}
steps:
  - activate: {{ window: galculator }}
  - key: Escape
  - type: {{ text: "{{{{ input.a }}}}+{{{{ input.b }}}}" }}
  - key: Return
  - extract: {{ how: clipboard, regex: '-?\d+' }}
    as: sum
  - close: calculator
output: {{ sum: "{{{{ vars.sum | int }}}}" }}
"#,
            place.env()
        ),
    );
    assert_eq!(output(place.run(&json!({"a": 19, "b": 23})).0), json!({"sum": 42}));
    // Closed by the last step, and launched again for the next.
    assert_eq!(output(place.run(&json!({"a": 5, "b": 6})).0), json!({"sum": 11}));
}

#[test]
fn a_cancel_stops_before_the_next_action_and_leaves_no_key_down() {
    let place = Place::new();
    place.editor();
    place.write(
        "workflow.yaml",
        "kind: workflow\nname: long\napps: [editor]\nsteps:\n  - type: one\n  - run: { command: [sleep, \"600\"], timeout: 20m }\n  - type: two\n",
    );
    let record = Record { stop_at: Some("steps/1"), ..Record::default() };
    let (ending, _) = place.run_watched(&json!({}), record);
    assert_eq!(ending, Ending::Stopped(Stop::Cancelled));
}

#[test]
fn faults_of_files_and_input_are_told_before_anything_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("workflow.yaml");
    fs::write(&path, "kind: workflow\nname: w\nsteps: [ { clik: { at: [1, 1] } } ]\n").unwrap();
    let error = Local::load(&path).unwrap_err().to_string();
    assert!(error.contains("clik") && error.contains("click"), "{error}");
    fs::write(&path, "kind: workflow\nname: w\napps: [clinic]\nsteps: [ { key: a } ]\n").unwrap();
    assert!(Local::load(&path).unwrap_err().to_string().contains("clinic"));
    fs::write(&path, "kind: workflow\nname: w\nsteps: [ { click: { image: no.png } } ]\n").unwrap();
    assert!(Local::load(&path).unwrap_err().to_string().contains("no.png"));
    let input = "input: { type: object, properties: { n: { type: integer } } }";
    fs::write(&path, format!("kind: workflow\nname: w\n{input}\nsteps: [ {{ key: a }} ]\n")).unwrap();
    let local = Local::load(&path).unwrap();
    assert!(local.plan(&json!({"n": "x"}), BTreeMap::new()).unwrap_err().to_string().contains("/n"));
    assert!(Local::load(Path::new("/nowhere/at-all.yaml")).is_err());
}

#[test]
fn a_file_is_saved_once_however_often_the_job_comes_back() {
    let place = Place::new();
    let saved = place.folder.path().join("letter.txt");
    place.write(
        "editor.yaml",
        &format!(
            "kind: app\nname: editor\nlaunch: {{ command: [mousepad, --disable-server, {}], env: {} }}\nprocess: mousepad\n\
             screens:\n  ready: [ {{ window: {{ class: mousepad }} }} ]\n",
            saved.display(),
            place.env()
        ),
    );
    place.write(
        "workflow.yaml",
        &r#"
kind: workflow
name: letter
apps: [editor]
steps:
  - activate: { window: { class: mousepad } }
  - type: Dear Ada
  - id: save
    key: ctrl+s
    commit: true
    verify: { file: SAVED }
    settle: { done: { file: SAVED } }
  - set: { sent: "true" }
output: { sent: "{{ vars.sent }}" }
"#
        .replace("SAVED", &saved.display().to_string()),
    );
    let (ending, first) = place.run(&json!({}));
    assert_eq!(output(ending), json!({"sent": true}));
    assert_eq!((first.intents.len(), first.settled.len()), (1, 1));
    assert!(first.settled[0].done);
    assert_eq!(fs::read_to_string(&saved).unwrap().trim_end(), "Dear Ada");
    let written = fs::metadata(&saved).unwrap().modified().unwrap();

    // The attempt was lost in the middle of saving, as far as anybody knows.
    let step = first.intents[0].step.clone();
    let settle = Some(OpenIntent { step, key: None, age_ms: 0 });
    let resume = Resume { vars: json!({}), after: None, settle, settle_only: false, loops: Vec::new() };
    let (ending, second) = place.run_after(Some(resume), &json!({}), Record::default());
    assert_eq!(output(ending), json!({"sent": true}));
    assert!(second.intents.is_empty() && second.settled[0].done);
    assert_eq!(fs::metadata(&saved).unwrap().modified().unwrap(), written, "it was not saved again");

    // Begun anew by somebody who does not know: what is left from before proves nothing.
    let (ending, third) = place.run(&json!({}));
    let Ending::Failed(failure) = ending else { panic!("{ending:?}") };
    assert!(failure.message.contains("its `verify` holds already"), "{}", failure.message);
    assert!(third.intents.is_empty());
}
