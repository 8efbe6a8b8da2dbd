//! Hands and eyes on a real Windows desktop (or Wine's): the back end, real programs, nothing between. One test at a time: there is
//! one desktop.

#![cfg(windows)]
#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use deskfleet::desktop::{
    Button, Chord, Desktop, DesktopError, Frame, Gate, Point, Rect, Stopwatch, TypeOptions, TypeVia, Window, WindowId,
    hear,
    image::{Finder, SearchOptions, Template},
    listen::Doing,
    open,
    process::{self, Program, Running},
    ui::{Act, Element, Scene},
};

/// How long a program may take to come up on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

static DESKTOP: Mutex<()> = Mutex::new(());

/// A program of its own on the desktop, gone at the end of the test.
struct Session {
    desktop: Box<dyn Desktop>,
    running: Option<Running>,
    window: WindowId,
    _alone: MutexGuard<'static, ()>,
}

impl Session {
    fn of(program: &str) -> Self {
        let alone = DESKTOP.lock().unwrap_or_else(PoisonError::into_inner);
        let mut desktop = open().unwrap();
        let before: Vec<WindowId> = desktop.windows().unwrap().iter().map(|window| window.id).collect();
        let program = Program::from_words([program.to_owned()]).unwrap();
        let running = process::start(&program, &Gate::new().pass()).unwrap();
        let pid = running.pid();
        let window = until("its window", || {
            let windows = desktop.windows().unwrap();
            let new = windows.into_iter().find(|window| window.pid == Some(pid) && !before.contains(&window.id));
            new.map(|window| window.id)
        });
        desktop.activate(window).unwrap();
        Self { desktop, running: Some(running), window, _alone: alone }
    }

    fn window(&mut self) -> Window {
        self.desktop.windows().unwrap().into_iter().find(|window| window.id == self.window).unwrap()
    }

    fn press(&mut self, chord: &str) {
        self.desktop.key(&chord.parse::<Chord>().unwrap()).unwrap();
    }

    /// The controls of its application, as they are now.
    fn scene(&mut self) -> Scene {
        let windows = self.desktop.windows().unwrap();
        let pid = windows.iter().find(|window| window.id == self.window).and_then(|window| window.pid);
        let elements = self.desktop.elements(&[pid.unwrap()]).unwrap();
        Scene::new(elements.into(), windows)
    }

    /// A control by role and name, once it is shown.
    fn control(&mut self, role: &str, name: &str) -> Element {
        let watch = Stopwatch::start();
        loop {
            let scene = self.scene();
            let fits = |at: &usize| scene.get(*at).role == role && scene.get(*at).name == name;
            if let Some(at) = scene.all().filter(|at| scene.shown(*at).is_some()).find(fits) {
                return scene.get(at).clone();
            }
            let all: Vec<String> = scene.all().map(|at| scene.get(at).in_words()).collect();
            assert!(watch.left(LIMIT).is_some(), "waited for {role} \"{name}\"; there are {all:?}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// All text of the editor that has the focus, through the clipboard.
    fn whole_text(&mut self) -> String {
        self.desktop.write_clipboard("nothing was copied").unwrap();
        self.press("ctrl+a");
        self.press("ctrl+c");
        let copied =
            until("a copy", || self.desktop.read_clipboard().unwrap().filter(|text| text != "nothing was copied"));
        self.press("Right");
        copied
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.end(Duration::ZERO);
        }
    }
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let watch = Stopwatch::start();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(watch.left(LIMIT).is_some(), "waited {LIMIT:?} for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_desktop_can_be_worked_on_and_seen() {
    let mut session = Session::of("notepad");
    let attested = session.desktop.attest().unwrap();
    let frame = session.desktop.capture().unwrap();
    assert_eq!((frame.width(), frame.height()), (attested.display.width, attested.display.height));
    assert!(!frame.is_black());
    let window = session.window();
    assert_eq!(window.process.to_lowercase(), "notepad.exe");
    assert!(window.focused && window.title.contains("Notepad"), "{window:?}");
    assert!(frame.rect().contains(window.client.center()), "{window:?}");
    let middle = window.client.center();
    assert_eq!(Some(session.desktop.pixel(middle).unwrap()), frame.pixel(middle));
    assert_eq!(session.desktop.answers(window.id, Duration::from_secs(5)).unwrap(), Some(true));
    assert!(process::find("NOTEPAD").unwrap().iter().any(|found| Some(found.pid) == window.pid));
}

#[test]
fn typed_text_arrives_whatever_it_is() {
    let mut session = Session::of("notepad");
    let printable: String = (' '..='~').collect();
    let text = format!("{printable}\nGrüße an Łukasz, 漢字かな, Привет 🎉\n\tand a tab");
    let keys = TypeOptions { via: TypeVia::Keys, window: Some(session.window), ..TypeOptions::default() };
    let typed = session.desktop.type_text(&text, &keys).unwrap();
    assert_eq!((typed.via, typed.chars), (TypeVia::Keys, text.chars().count()));
    assert_eq!(session.whole_text(), text);
}

#[test]
fn capslock_is_off_while_text_is_typed_and_on_again() {
    let mut session = Session::of("notepad");
    session.press("CapsLock");
    let typed = session.desktop.type_text("Anna", &TypeOptions { via: TypeVia::Keys, ..TypeOptions::default() });
    session.press("CapsLock");
    let typed = typed.unwrap();
    assert!(typed.caps_lock_was_on);
    assert_eq!(session.whole_text(), "Anna");
}

#[test]
fn long_text_is_pasted_and_the_clipboard_is_as_before() {
    let mut session = Session::of("notepad");
    session.desktop.write_clipboard("what a person had copied").unwrap();
    let long: String = "a line with äöü\n".repeat(400);
    let typed = session.desktop.type_text(&long, &TypeOptions::default()).unwrap();
    assert_eq!((typed.via, typed.clipboard_restored), (TypeVia::Paste, true));
    assert_eq!(session.desktop.read_clipboard().unwrap().as_deref(), Some("what a person had copied"));
    assert_eq!(session.whole_text(), long);
}

#[test]
fn a_picture_is_found_and_clicked_and_a_dialog_is_answered() {
    let mut session = Session::of("notepad");
    session.desktop.type_text("not to be saved", &TypeOptions::default()).unwrap();
    let window = session.window();
    // The menu's first word, cut out of the screen as a person would.
    let menu = Rect::new(window.client.x + 2, window.client.y + 2, 40, 16);
    let frame = session.desktop.capture().unwrap();
    let part = frame.crop(menu).unwrap();
    let picture = Template::decode(&part.to_png().unwrap()).unwrap();
    let options = SearchOptions::default();
    let hit = Finder::new().find(&frame, &picture, &options).one(&options).unwrap();
    assert_eq!(hit.rect, menu);
    let before = session.desktop.capture().unwrap();
    session.desktop.click(hit.rect.center(), Button::Left, 1, &[]).unwrap();
    until("the menu to open", || {
        let changed = session.desktop.capture().unwrap().changed_since(&before)?;
        (changed.height > 60).then_some(())
    });
    session.press("Escape");
    session.press("Escape");
    session.desktop.close(window.id).unwrap();
    let asks = until("the question whether to save", || {
        let windows = session.desktop.windows().unwrap();
        windows.into_iter().find(|other| other.pid == window.pid && other.id != window.id)
    });
    session.desktop.activate(asks.id).unwrap();
    let error = session.desktop.key_into(&"a".parse().unwrap(), window.id).unwrap_err();
    assert!(matches!(error, DesktopError::FocusLost { .. }), "{error}");
    session.press("alt+n");
    until("the window to close", || {
        let windows = session.desktop.windows().unwrap();
        windows.iter().all(|other| other.id != window.id).then_some(())
    });
    let gone = Err(DesktopError::WindowGone(window.id));
    until("the window to be gone", || (session.desktop.activate(window.id) == gone).then_some(()));
}

#[test]
fn the_pointer_goes_everywhere_and_nowhere_else() {
    let mut session = Session::of("winemine");
    let display = session.desktop.display().unwrap();
    let [right, bottom] = [display.width, display.height].map(|side| i32::try_from(side).unwrap() - 1);
    for at in [Point::new(0, 0), Point::new(right, 0), Point::new(right, bottom), Point::new(317, 211)] {
        session.desktop.move_pointer(at).unwrap();
        // Wine hears of its own moves from the X server once more, a moment later.
        until("the pointer to rest there", || (session.desktop.pointer().unwrap() == at).then_some(()));
    }
    let outside = session.desktop.move_pointer(Point::new(right + 1, 5)).unwrap_err();
    assert!(matches!(outside, DesktopError::OutsideDesktop { .. }), "{outside}");
}

#[test]
fn a_field_of_mines_is_clicked_left_and_right() {
    let mut session = Session::of("winemine");
    let client = session.window().client;
    let cell = |x: i32, y: i32| Point::new(client.x + 20 + 16 * x, client.y + 64 + 16 * y);
    let look = |session: &mut Session| -> Frame { session.desktop.capture().unwrap().crop(client).unwrap() };
    let before = look(&mut session);
    session.desktop.click(cell(3, 3), Button::Right, 1, &[]).unwrap();
    let flagged = until("a flag", || Some(look(&mut session)).filter(|now| !now.same_pixels(&before)));
    session.desktop.click(cell(0, 0), Button::Left, 1, &[]).unwrap();
    until("an open cell", || Some(()).filter(|()| !look(&mut session).same_pixels(&flagged)));
}

#[test]
fn what_a_person_does_is_heard() {
    let mut session = Session::of("notepad");
    let listener = hear().unwrap();
    let middle = session.window().client.center();
    session.desktop.click(middle, Button::Left, 1, &[]).unwrap();
    // Characters as themselves, and keys whose characters the layout makes.
    let keys = TypeOptions { via: TypeVia::Keys, ..TypeOptions::default() };
    session.desktop.type_text("ß漢🎉", &keys).unwrap();
    let codes = TypeOptions { via: TypeVia::Scancode, ..TypeOptions::default() };
    session.desktop.type_text("aB7!", &codes).unwrap();
    for chord in ["ctrl+a", "shift+F5", "Return", "alt"] {
        session.press(chord);
    }
    session.press("Escape");
    session.desktop.scroll(middle, 0, 2).unwrap();
    session.desktop.click(middle, Button::Right, 1, &["ctrl".parse().unwrap()]).unwrap();
    session.press("Escape");
    let mut heard = Vec::new();
    let watch = Stopwatch::start();
    while heard.iter().filter(|what| **what == Doing::Struck("Escape".parse().unwrap())).count() < 2 {
        assert!(watch.left(LIMIT).is_some(), "{heard:?}");
        heard.extend(listener.next(Duration::from_millis(100)).unwrap().map(|deed| deed.what));
    }
    let struck = |chord: &str| Doing::Struck(chord.parse().unwrap());
    let pressed = |button, modifiers: &[&str]| Doing::Pressed {
        button,
        at: middle,
        modifiers: modifiers.iter().map(|modifier| modifier.parse().unwrap()).collect(),
    };
    let released = |button| Doing::Released { button, at: middle };
    let turned = || Doing::Turned { at: middle, dx: 0, dy: 1 };
    let mut all = vec![pressed(Button::Left, &[]), released(Button::Left)];
    all.extend("ß漢🎉aB7!".chars().map(Doing::Typed));
    all.extend(["ctrl+a", "shift+F5", "Return", "alt", "Escape"].map(struck));
    all.extend([turned(), turned(), pressed(Button::Right, &["ctrl"]), released(Button::Right), struck("Escape")]);
    assert_eq!(heard, all);
}

#[test]
fn without_a_pass_nothing_is_pressed() {
    let mut session = Session::of("notepad");
    let gate = Gate::new();
    session.desktop.admit(gate.pass());
    gate.close();
    let refused = session.desktop.type_text("never", &TypeOptions { via: TypeVia::Keys, ..TypeOptions::default() });
    assert_eq!(refused, Err(DesktopError::Fenced));
    assert_eq!(session.desktop.click(Point::new(10, 10), Button::Left, 1, &[]), Err(DesktopError::Fenced));
}

#[test]
fn an_editor_tells_of_its_text_and_takes_another() {
    let mut session = Session::of("notepad");
    session.desktop.type_text("as typed\nin two lines", &TypeOptions::default()).unwrap();
    let field = session.control("textbox", "");
    assert_eq!(field.value.as_deref(), Some("as typed\nin two lines"));
    assert!(field.states.editable && field.states.enabled && field.states.focused && !field.states.password);
    let window = session.window();
    assert_eq!(window.client.intersect(&field.rect.unwrap()), field.rect, "{window:?}");
    session.desktop.act(&field.id, &Act::SetValue("given\nby itself".into())).unwrap();
    assert_eq!(session.control("textbox", "").value.as_deref(), Some("given\nby itself"));
    assert_eq!(session.whole_text(), "given\nby itself");
    let refused = session.desktop.act(&field.id, &Act::Invoke);
    assert!(matches!(refused, Err(DesktopError::Refused(_))), "{refused:?}");
}

#[test]
fn a_dialog_is_worked_with_by_the_names_of_its_controls() {
    let mut session = Session::of("notepad");
    session.desktop.type_text("one two one", &TypeOptions::default()).unwrap();
    session.press("ctrl+Home");
    session.press("ctrl+f");
    let case = session.control("checkbox", "Match Case");
    assert_eq!(case.states.checked, Some(false));
    session.desktop.act(&case.id, &Act::Invoke).unwrap();
    until("the box to be checked", || {
        (session.control("checkbox", "Match Case").states.checked == Some(true)).then_some(())
    });
    let sought = session.control("textbox", "Find What");
    session.desktop.act(&sought.id, &Act::SetValue("two".into())).unwrap();
    until("the button to be enabled", || session.control("button", "Find Next").states.enabled.then_some(()));
    let other = session.control("button", "Cancel");
    session.desktop.act(&other.id, &Act::Focus).unwrap();
    until("the focus", || session.control("button", "Cancel").states.focused.then_some(()));
    let next = session.control("button", "Find Next");
    session.desktop.act(&next.id, &Act::Invoke).unwrap();
    session.desktop.act(&other.id, &Act::Invoke).unwrap();
    until("the dialog to close", || {
        let scene = session.scene();
        scene.all().all(|at| scene.get(at).name != "Find Next").then_some(())
    });
    session.desktop.type_text("2", &TypeOptions::default()).unwrap();
    assert_eq!(session.control("textbox", "").value.as_deref(), Some("one 2 one"));
}

#[test]
fn an_option_is_chosen_without_opening_the_list() {
    let mut session = Session::of("notepad");
    session.press("ctrl+o");
    session.control("button", "Open");
    let scene = session.scene();
    let all: Vec<String> = scene.all().map(|at| format!("{:?}", scene.get(at))).collect();
    let boxes = scene.all().map(|at| scene.get(at)).filter(|element| element.role == "combobox");
    let types = boxes.into_iter().find(|element| scene.option(element, "All files (*.*)").is_ok());
    let types = types.unwrap_or_else(|| panic!("{all:#?}")).clone();
    let option = scene.option(&types, "All files (*.*)").unwrap();
    assert!(!option.states.selected && option.rect.is_none());
    session.desktop.act(&option.id, &Act::Select).unwrap();
    until("the option to be chosen", || {
        let scene = session.scene();
        let chosen = scene.option(&types, "All files (*.*)").is_ok_and(|option| option.states.selected);
        let held = scene.all().map(|at| scene.get(at)).find(|element| element.id == types.id)?.value.clone();
        (chosen && held.as_deref() == Some("All files (*.*)")).then_some(())
    });
    let cancel = session.control("button", "Cancel");
    session.desktop.act(&cancel.id, &Act::Invoke).unwrap();
    let gone = until("its controls to be gone", || session.desktop.act(&cancel.id, &Act::Invoke).err());
    assert!(gone.to_string().contains("gone"), "{gone}");
}
