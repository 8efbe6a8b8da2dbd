//! What a person does on a real desktop, recorded, and done again from the recording, by the commands that a person types.

use std::{
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use deskfleet::desktop::{Desktop, Point, Rect, ui::Element};
use serde_json::Value;

use super::{Place, xvfb::until};

const FOLDER: &str = "recorded";

/// A person at a desktop, and `deskfleet record` beside it.
struct Session {
    place: Place,
    recorder: Option<Child>,
    desktop: Box<dyn Desktop>,
}

impl Session {
    /// Returns when the application is there and the recorder listens.
    fn start(command: &[&str]) -> Self {
        let place = Place::with_controls();
        let log = std::fs::File::create(place.folder.path().join("log")).unwrap();
        let mut recorder = deskfleet(&place);
        recorder.args(["record", FOLDER, "-o", "json", "--"]).args(command);
        let recorder = recorder.stdout(Stdio::piped()).stderr(log).stdin(Stdio::null()).spawn().unwrap();
        let desktop = place.look();
        let session = Self { place, recorder: Some(recorder), desktop };
        until("the recorder to listen", || session.log().contains("recording: ").then_some(()));
        session
    }

    fn path(&self, file: &str) -> std::path::PathBuf {
        self.place.folder.path().join(FOLDER).join(file)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.place.folder.path().join("log")).unwrap()
    }

    fn hand(&self, arguments: &[&str]) {
        let display = self.place.desktop.display();
        let status = Command::new("xdotool").args(arguments).env("DISPLAY", display).status().unwrap();
        assert!(status.success(), "xdotool {arguments:?}");
        // As fast as a quick person.
        std::thread::sleep(Duration::from_millis(450));
    }

    /// Where a control is, as soon as it is shown.
    fn find(&mut self, role: &str, name: &str) -> Rect {
        let fits = |element: &Element| element.role == role && element.name.trim() == name;
        until(name, || {
            let pids: Vec<u32> = self.desktop.windows().ok()?.iter().filter_map(|window| window.pid).collect();
            let elements = self.desktop.elements(&pids).ok()?;
            elements.iter().find(|element| fits(element)).and_then(|element| element.rect)
        })
    }

    fn click(&mut self, role: &str, name: &str) {
        let Point { x, y } = self.find(role, name).center();
        self.hand(&["mousemove", &x.to_string(), &y.to_string()]);
        self.hand(&["click", "1"]);
    }

    /// By the key that ends a recording. Returns what was said.
    fn end(&mut self) -> Value {
        self.hand(&["key", "Pause"]);
        let output = self.recorder.take().unwrap().wait_with_output().unwrap();
        assert!(output.status.success(), "{}", self.log());
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The application ends and forgets; then everything is done again.
    fn again(&mut self, arguments: &[&str]) -> Output {
        self.close();
        let workflow = self.path("workflow.yaml");
        let mut tried = deskfleet(&self.place);
        let output = tried.arg("try").arg(&workflow).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}\n{}", std::fs::read_to_string(&workflow).unwrap());
        output
    }

    fn close(&mut self) {
        let windows = self.desktop.windows().unwrap();
        for pid in windows.iter().filter_map(|window| window.pid) {
            Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
        }
        until("the application to be gone", || self.desktop.windows().unwrap().is_empty().then_some(()));
    }

    /// What the calculator shows. A run erases the clipboard at its end.
    fn shown(&mut self) -> Option<String> {
        self.click("menu", "Edit");
        self.click("menuitem", "Copy Display Value");
        self.copied()
    }

    /// What stands in the editor.
    fn written(&mut self) -> Option<String> {
        self.hand(&["key", "ctrl+a", "ctrl+c"]);
        self.copied()
    }

    fn copied(&mut self) -> Option<String> {
        self.desktop.read_clipboard().unwrap()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(mut recorder) = self.recorder.take() {
            recorder.kill().ok();
            recorder.wait().ok();
        }
        for window in self.desktop.windows().unwrap_or_default() {
            let Some(pid) = window.pid else { continue };
            Command::new("kill").args(["-9", &pid.to_string()]).status().ok();
        }
    }
}

/// The executable, in the session of this desktop.
fn deskfleet(place: &Place) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deskfleet"));
    command.current_dir(place.folder.path()).env("DISPLAY", place.desktop.display());
    command.env("HOME", place.folder.path()).env("XDG_CONFIG_HOME", place.folder.path());
    command.env("DBUS_SESSION_BUS_ADDRESS", place.bus.as_deref().unwrap_or_default());
    command.env("GSETTINGS_BACKEND", "memory").env("NO_AT_BRIDGE", "0").env("LC_ALL", "C.UTF-8");
    command
}

/// Everything below a folder, read as bytes.
fn contents(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        all.extend(if path.is_dir() { contents(&path) } else { std::fs::read(&path).unwrap() });
    }
    all
}

#[test]
fn a_recorded_sum_is_done_again_by_controls_and_by_pictures_alone() {
    let mut session = Session::start(&["galculator"]);
    for name in ["7", "+", "8", "="] {
        session.click("button", name);
    }
    session.click("menu", "Edit");
    session.click("menuitem", "Copy Display Value");
    let told = session.end();
    assert_eq!(session.copied().as_deref(), Some("15"), "{}", session.log());
    assert_eq!((&told["workflow"], &told["app"]), (&"recorded".into(), &"galculator".into()));
    let steps: Vec<&str> = told["steps"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let expected = [
        "activate window \"galculator\"",
        "click button \"7\"",
        "click button \"+\"",
        "click button \"8\"",
        "click button \"=\"",
        "click menu \"Edit\"",
        "click menuitem \"Copy Display Value\"",
    ];
    assert_eq!(steps, expected);

    let done = session.again(&[]);
    assert_eq!(session.shown().as_deref(), Some("15"));
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(said.matches("(ui at").count(), 6, "each by what the application tells: {said}");

    let workflow = session.path("workflow.yaml");
    let text = std::fs::read_to_string(&workflow).unwrap();
    let pictures: Vec<&str> = text.lines().filter(|line| !line.contains("- { ui:")).collect();
    std::fs::write(&workflow, pictures.join("\n") + "\n").unwrap();
    let done = session.again(&[]);
    assert_eq!(session.shown().as_deref(), Some("15"));
    assert!(!String::from_utf8_lossy(&done.stderr).contains("(ui at"));
}

#[test]
fn a_recorded_letter_is_written_again() {
    let mut session = Session::start(&["mousepad", "--disable-server"]);
    session.hand(&["type", "--delay", "30", "one {{two}} three"]);
    session.click("menu", "Search");
    session.click("menuitem", "Find and Replace...");
    session.find("button", "Replace");
    session.hand(&["type", "--delay", "30", "three"]);
    session.click("button", "Find");
    session.click("button", "Close");
    session.hand(&["key", "ctrl+c"]);
    session.hand(&["key", "End"]);
    session.hand(&["key", "ctrl+v"]);
    session.click("menu", "Edit");
    let Point { x, y } = session.find("menu", "Convert").center();
    session.hand(&["mousemove", &x.to_string(), &y.to_string()]);
    session.find("menuitem", "To Uppercase");
    session.hand(&["key", "Escape"]);
    session.hand(&["key", "Escape"]);
    session.hand(&["key", "ctrl+a"]);
    session.click("menu", "Edit");
    let Point { x, y } = session.find("menu", "Convert").center();
    session.hand(&["mousemove", &x.to_string(), &y.to_string()]);
    session.click("menuitem", "To Uppercase");
    let written = session.written();
    assert_eq!(written.as_deref(), Some("ONE {{TWO}} THREETHREE"));
    session.end();
    let text = std::fs::read_to_string(session.path("workflow.yaml")).unwrap();
    assert!(
        text.contains("- move: { ui: { role: menu, name: \"Convert\" } }"),
        "it opened by being pointed at: {text}"
    );

    session.again(&[]);
    assert_eq!(session.written(), written);
}

#[test]
fn accents_before_their_letters_are_written_as_they_are_read() {
    let mut session = Session::start(&["mousepad", "--disable-server"]);
    let layout = Command::new("setxkbmap").arg("fr").env("DISPLAY", session.place.desktop.display()).status().unwrap();
    assert!(layout.success());
    session.hand(&[
        "key",
        "f",
        "dead_circumflex",
        "e",
        "t",
        "e",
        "space",
        "dead_diaeresis",
        "i",
        "dead_circumflex",
        "space",
    ]);
    session.hand(&["key", "shift+a", "1", "ISO_Level3_Shift+e"]);
    let written = session.written();
    let told = session.end();
    let typed = format!("type {}", Value::from(written.clone().unwrap()));
    assert_eq!(told["steps"][1], typed, "{}", session.log());
    assert!(typed.contains("fête ï^A"), "{typed}");
    session.again(&[]);
    assert_eq!(session.written(), written);
}

#[test]
fn a_password_is_asked_for_and_written_nowhere() {
    const SECRET: &str = "tr0ub4dor";
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sign_in/gtk.py");
    let entered = tempfile::NamedTempFile::new().unwrap();
    let command = ["/usr/bin/python3", script.to_str().unwrap(), entered.path().to_str().unwrap()];
    let mut session = Session::start(&command);
    session.click("textbox", "User");
    // So slowly that it is certain which field has the keys.
    session.hand(&["type", "--delay", "300", "nurse"]);
    session.hand(&["key", "Tab"]);
    session.hand(&["type", "--delay", "30", SECRET]);
    session.click("button", "Sign in");
    let told = session.end();
    assert_eq!(std::fs::read_to_string(entered.path()).unwrap(), format!("nurse:{SECRET}\n"));
    assert_eq!(told["secrets"], serde_json::json!(["pass_word"]));
    let everything = [contents(&session.path("")), session.log().into_bytes(), told.to_string().into_bytes()].concat();
    assert!(!String::from_utf8_lossy(&everything).contains(SECRET));

    session.again(&["--set", &format!("pass_word={SECRET}")]);
    assert_eq!(std::fs::read_to_string(entered.path()).unwrap(), format!("nurse:{SECRET}\n").repeat(2));
}

#[test]
fn a_recording_of_nothing_saves_nothing_and_none_is_written_over() {
    let place = Place::with_controls();
    let mut desktop = place.look();
    let mut child = deskfleet(&place).args(["record", FOLDER, "--stop", "F9"]).stderr(Stdio::piped()).spawn().unwrap();
    let folder = place.folder.path().join(FOLDER);
    until("the folder to be made", || folder.exists().then_some(()));
    until("the recording to end", || {
        desktop.key(&"F9".parse().unwrap()).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        child.try_wait().unwrap()
    });
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("nothing was done on the desktop"));
    assert!(!folder.exists());

    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("workflow.yaml"), "mine").unwrap();
    let output = deskfleet(&place).args(["record", FOLDER]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("is there already"), "{output:?}");
    assert_eq!(std::fs::read_to_string(folder.join("workflow.yaml")).unwrap(), "mine");

    let output = deskfleet(&place).args(["record", "gone", "--", "no-such-program"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("no program `no-such-program`"), "{output:?}");
}
