//! Hands and eyes on real X11 desktops: each test has an Xvfb, a window manager and applications of its own.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests say what they expect")]

#[path = "desktop_support/mod.rs"]
mod support;
#[path = "desktop/typing.rs"]
mod typing;

use std::{sync::mpsc, time::Duration};

use deskfleet::desktop::{
    Button, Chord, Color, Desktop, DesktopError, DesktopHandle, Frame, Gate, Modifier, Point, Rect, TypeOptions,
    TypeVia,
    image::{Finder, SearchOptions, Template},
    open_display,
};
use support::{Session, changed, until};

fn press(desktop: &mut dyn Desktop, chord: &str) {
    desktop.key(&chord.parse::<Chord>().unwrap()).unwrap();
}

/// All text of the editor that has the focus, through the clipboard; `None` where it is empty.
fn whole_text(desktop: &mut dyn Desktop) -> Option<String> {
    desktop.write_clipboard("nothing was copied").unwrap();
    press(desktop, "ctrl+a");
    press(desktop, "ctrl+c");
    // An empty document copies nothing: then the wait ends with what was there before.
    let copied =
        until(Duration::from_secs(3), || desktop.read_clipboard().unwrap().filter(|text| text != "nothing was copied"));
    press(desktop, "Right");
    copied
}

fn keys() -> TypeOptions {
    TypeOptions { via: TypeVia::Keys, ..TypeOptions::default() }
}

#[test]
fn typed_text_arrives_character_by_character() {
    let mut session = Session::start();
    let mut desktop = session.desktop();
    session.editor(&mut *desktop);
    let printable: String = (' '..='~').collect();
    let text = format!("{printable}\nSecond line, with \"quotes\" & MORE: {{[(<>)]}}\n\tand a tab");
    let typed = desktop.type_text(&text, &keys()).unwrap();
    assert_eq!((typed.via, typed.chars), (TypeVia::Keys, text.chars().count()));
    assert_eq!(whole_text(&mut *desktop), Some(text));
}

#[test]
fn foreign_and_long_text_is_pasted_and_the_clipboard_is_as_before() {
    let mut session = Session::start();
    let mut desktop = session.desktop();
    session.editor(&mut *desktop);
    session.own_clipboard_elsewhere("what a person had copied");

    let foreign = "Grüße an Łukasz, 漢字かな, Привет 🎉";
    let typed = desktop.type_text(foreign, &TypeOptions::default()).unwrap();
    assert_eq!((typed.via, typed.clipboard_restored), (TypeVia::Paste, true));
    assert_eq!(desktop.read_clipboard().unwrap().as_deref(), Some("what a person had copied"));
    assert_eq!(whole_text(&mut *desktop).as_deref(), Some(foreign));

    press(&mut *desktop, "ctrl+a");
    let long: String = "a line with äöü\n".repeat(4000);
    desktop.clear_clipboard().unwrap();
    let typed = desktop.type_text(&long, &TypeOptions { secret: true, ..TypeOptions::default() }).unwrap();
    assert!(typed.clipboard_restored);
    assert_eq!(desktop.read_clipboard().unwrap(), None, "a secret does not stay on the clipboard");
    assert_eq!(whole_text(&mut *desktop), Some(long));
}

#[test]
fn a_paste_that_nobody_takes_is_an_error_and_the_clipboard_is_as_before() {
    let mut session = Session::start();
    let mut desktop = session.desktop();
    session.terminal(&mut *desktop, "sleep 600");
    desktop.write_clipboard("former").unwrap();
    let error = desktop.paste_text("text", &TypeOptions::default()).unwrap_err();
    assert!(matches!(&error, DesktopError::Clipboard(said) if said.contains("took no text")), "{error}");
    assert_eq!(desktop.read_clipboard().unwrap().as_deref(), Some("former"));
}

#[test]
fn chords_do_what_the_application_says() {
    let mut session = Session::start();
    let mut desktop = session.desktop();
    session.editor(&mut *desktop);
    desktop.type_text("one two three", &keys()).unwrap();
    press(&mut *desktop, "ctrl+shift+Left");
    press(&mut *desktop, "ctrl+x");
    until(Duration::from_secs(15), || desktop.read_clipboard().unwrap().filter(|text| text == "three")).unwrap();
    press(&mut *desktop, "Home");
    press(&mut *desktop, "A");
    press(&mut *desktop, "+");
    press(&mut *desktop, "End");
    press(&mut *desktop, "BackSpace");
    assert_eq!(whole_text(&mut *desktop).as_deref(), Some("A+one two"));
    let error = "ctrl+漢".parse::<Chord>().map(|chord| desktop.key(&chord)).unwrap().unwrap_err();
    assert!(error.to_string().contains("ctrl+漢"), "{error}");
}

#[test]
fn caps_lock_does_not_change_what_is_typed_and_stays_on() {
    let mut session = Session::start();
    let mut desktop = session.desktop();
    session.editor(&mut *desktop);
    press(&mut *desktop, "CapsLock");
    let typed = desktop.type_text("mixed Case Text", &keys()).unwrap();
    assert!(typed.caps_lock_was_on);
    assert!(desktop.type_text("!", &keys()).unwrap().caps_lock_was_on, "it was put back");
    press(&mut *desktop, "CapsLock");
    assert!(!desktop.type_text("?", &keys()).unwrap().caps_lock_was_on);
    assert_eq!(whole_text(&mut *desktop).as_deref(), Some("mixed Case Text!?"));
}

#[test]
fn a_window_that_steals_the_focus_gets_no_character() {
    let mut session = Session::start();
    let mut desktop = session.desktop();
    let first = session.editor(&mut *desktop);
    let second = session.editor(&mut *desktop);
    desktop.activate(first).unwrap();
    let before = desktop.capture().unwrap();

    let session = &session;
    let thread = std::thread::Builder::new().name("thief".into());
    let text = "0123456789".repeat(400);
    let result = std::thread::scope(|scope| {
        thread
            .spawn_scoped(scope, move || {
                let mut thief = session.desktop();
                // Well into the text: as soon as it shows on the screen.
                until(Duration::from_secs(20), || (!thief.capture().unwrap().same_pixels(&before)).then_some(()));
                thief.activate(second).unwrap();
            })
            .unwrap();
        desktop.type_text(&text, &TypeOptions { window: Some(first), ..keys() })
    });
    let error = result.unwrap_err();
    assert!(matches!(&error, DesktopError::FocusLost { expected, .. } if expected.id == first), "{error}");

    assert_eq!(desktop.focused_window().unwrap().unwrap().id, second);
    let return_key = "Return".parse::<Chord>().unwrap();
    assert!(matches!(desktop.key_into(&return_key, first), Err(DesktopError::FocusLost { .. })));
    assert_eq!(whole_text(&mut *desktop), None, "the other window stays empty");
    desktop.activate(first).unwrap();
    let arrived = whole_text(&mut *desktop).unwrap();
    assert!(text.starts_with(&arrived) && arrived.len() < text.len(), "{} characters", arrived.len());
}

#[test]
fn a_button_found_on_a_screenshot_is_clicked() {
    let mut session = Session::start();
    let mut desktop = session.desktop();
    let calculator = session.calculator(&mut *desktop);
    desktop.type_text("12", &keys()).unwrap();
    let display = |desktop: &mut dyn Desktop| {
        press(desktop, "ctrl+c");
        until(Duration::from_secs(15), || desktop.read_clipboard().unwrap())
    };
    assert_eq!(display(&mut *desktop).as_deref(), Some("12"));

    // The picture of the button as the author of a workflow would have cut it out, from the same screen.
    let place = session.digit_button(&mut *desktop, calculator);
    desktop.move_pointer(Point::new(1270, 790)).unwrap();
    let screen = session.still(&mut *desktop);
    let template = Template::decode(&screen.crop(place).unwrap().to_png().unwrap()).unwrap();
    let options = SearchOptions::default();
    let hit = Finder::new().find(&screen, &template, &options).one(&options).unwrap();
    assert_eq!(hit.rect, place);

    desktop.click(hit.rect.center(), Button::Left, 1, &[]).unwrap();
    desktop.write_clipboard("").unwrap();
    let shown = until(Duration::from_secs(15), || display(&mut *desktop).filter(|text| text.len() == 3)).unwrap();
    assert!(shown.starts_with("12") && shown.ends_with(|last: char| last.is_ascii_digit()), "{shown}");
    // A second click at once is a second click, not the second half of a double click.
    desktop.click(hit.rect.center(), Button::Left, 1, &[]).unwrap();
    until(Duration::from_secs(15), || display(&mut *desktop).filter(|text| text.len() == 4)).unwrap();
}

#[test]
fn a_drag_selects_text_and_the_wheel_scrolls_it() {
    let mut session = Session::start();
    let mut desktop = session.desktop();
    let editor = session.editor(&mut *desktop);
    let client = desktop.windows().unwrap().into_iter().find(|window| window.id == editor).unwrap().client;
    let below_menu = Rect::new(client.x, client.y + 60, client.width, client.height - 90);
    desktop.type_text("\n\n\n\n\n", &keys()).unwrap();
    let before = session.still(&mut *desktop);
    desktop.type_text("drag over these words", &keys()).unwrap();
    let after = session.still(&mut *desktop);
    let line = changed(&before, &after, below_menu).expect("the words show");

    let y = line.center().y;
    desktop.drag(Point::new(line.x - 1, y), Point::new(line.right() + 40, y), Button::Left, &[]).unwrap();
    press(&mut *desktop, "ctrl+c");
    let copied = until(Duration::from_secs(15), || desktop.read_clipboard().unwrap());
    assert_eq!(copied.as_deref(), Some("drag over these words"));

    // A double click takes one word, a click with shift the rest of the line. First the selection goes: a press on it would
    // drag it.
    press(&mut *desktop, "Right");
    desktop.click(Point::new(line.x + 12, y), Button::Left, 2, &[]).unwrap();
    press(&mut *desktop, "ctrl+c");
    until(Duration::from_secs(15), || desktop.read_clipboard().unwrap().filter(|text| text == "drag")).unwrap();
    desktop.click(Point::new(line.right() + 40, y), Button::Left, 1, &[Modifier::Shift]).unwrap();
    press(&mut *desktop, "ctrl+c");
    let whole = |text: &String| text == "drag over these words";
    until(Duration::from_secs(15), || desktop.read_clipboard().unwrap().filter(whole)).unwrap();

    press(&mut *desktop, "ctrl+a");
    let many: String = ["1\n", "22\n", "333\n"].concat().repeat(100);
    desktop.paste_text(&many, &TypeOptions::default()).unwrap();
    press(&mut *desktop, "ctrl+Home");
    let top = session.still(&mut *desktop);
    desktop.scroll(below_menu.center(), 0, 10).unwrap();
    let scrolled = session.still(&mut *desktop);
    assert!(changed(&top, &scrolled, below_menu).is_some_and(|part| part.height > 100), "the lines moved");
    desktop.scroll(below_menu.center(), 0, -20).unwrap();
    let back = session.still(&mut *desktop);
    let caret_at_most = changed(&top, &back, below_menu).is_none_or(|part| part.height < 40);
    assert!(caret_at_most, "the top is back");
}

#[test]
fn windows_are_listed_brought_to_the_front_and_closed() {
    let mut session = Session::start();
    let mut desktop = session.desktop();
    assert_eq!(desktop.windows().unwrap(), []);
    assert_eq!(desktop.focused_window().unwrap(), None);
    let error = desktop.type_text("x", &keys()).unwrap_err();
    assert_eq!(error, DesktopError::NoFocus);

    let editor = session.editor(&mut *desktop);
    let calculator = session.calculator(&mut *desktop);
    let windows = desktop.windows().unwrap();
    assert_eq!(windows.iter().map(|window| window.id).collect::<Vec<_>>(), [calculator, editor], "topmost first");
    let [top, below] = &windows[..] else { unreachable!("two windows") };
    assert!(top.focused && !below.focused && !below.minimised && !below.maximised);
    assert_eq!((top.process.as_str(), below.process.as_str()), ("galculator", "mousepad"));
    assert_eq!(below.class, "Mousepad");
    assert!(below.title.contains("Mousepad"), "{}", below.title);
    assert!(below.pid.is_some());
    assert!(below.rect.height > below.client.height, "a title bar");

    session.minimise(editor);
    until(Duration::from_secs(5), || find_window(&mut *desktop, "mousepad").filter(|window| window.minimised)).unwrap();
    desktop.activate(editor).unwrap();
    let window = find_window(&mut *desktop, "mousepad").unwrap();
    assert!(window.focused && !window.minimised);
    session.maximise(editor);
    until(Duration::from_secs(5), || find_window(&mut *desktop, "mousepad").filter(|window| window.maximised)).unwrap();

    desktop.close(calculator).unwrap();
    until(Duration::from_secs(10), || (desktop.windows().unwrap().len() == 1).then_some(())).unwrap();
    assert_eq!(desktop.activate(calculator), Err(DesktopError::WindowGone(calculator)));
    assert_eq!(desktop.close(calculator), Err(DesktopError::WindowGone(calculator)));

    let old = session.window_with_the_old_name_only("Früher");
    let listed =
        until(Duration::from_secs(5), || desktop.windows().unwrap().into_iter().find(|window| window.id == old));
    assert_eq!(listed.unwrap().title, "Früher");
}

fn find_window(desktop: &mut dyn Desktop, process: &str) -> Option<deskfleet::desktop::Window> {
    desktop.windows().unwrap().into_iter().find(|window| window.process == process)
}

#[test]
fn without_a_window_manager_or_a_display_the_error_says_so() {
    let session = Session::start_without_manager();
    let mut desktop = session.desktop();
    for error in [desktop.windows().unwrap_err(), desktop.attest().unwrap_err()] {
        assert!(matches!(&error, DesktopError::Unavailable(said) if said.contains("no window manager")), "{error}");
    }
    let Err(error) = open_display(":9999") else { panic!("there is no such display") };
    assert!(error.to_string().contains(":9999 cannot be reached"), "{error}");
}

#[test]
fn the_picture_shows_what_is_on_the_screen() {
    let session = Session::start();
    let mut desktop = session.desktop();
    let color = Color::new(0x12, 0xa6, 0x51);
    session.paint(Rect::new(100, 50, 200, 120), color);
    until(Duration::from_secs(5), || (desktop.pixel(Point::new(150, 100)).unwrap() == color).then_some(())).unwrap();
    let frame = desktop.capture().unwrap();
    assert_eq!((frame.width(), frame.height()), (1280, 800));
    let inside = frame.crop(Rect::new(100, 50, 200, 120)).unwrap();
    let expected = Frame::filled(200, 120, color);
    assert_eq!(inside.to_png().unwrap(), expected.to_png().unwrap());
    assert_ne!(frame.pixel(Point::new(99, 50)), Some(color));
    assert!(matches!(desktop.pixel(Point::new(1280, 0)), Err(DesktopError::OutsideDesktop { .. })));
    assert!(matches!(desktop.move_pointer(Point::new(-1, 0)), Err(DesktopError::OutsideDesktop { .. })));
}

#[test]
fn a_desktop_that_can_be_worked_on_proves_it_and_one_that_cannot_says_why() {
    let mut session = Session::start();
    let mut desktop = session.desktop();
    let empty = desktop.attest().unwrap();
    assert_eq!((empty.display.width, empty.display.height, empty.focused), (1280, 800, None));
    assert_eq!(empty.display.window_manager.as_deref(), Some("Openbox"));
    let editor = session.editor(&mut *desktop);
    assert_eq!(desktop.attest().unwrap().focused, Some(editor));
    // The fence is for input of leases; to attest none is needed.
    let gate = Gate::new();
    gate.close();
    desktop.admit(gate.pass());
    desktop.attest().unwrap();

    let grab = session.hold_the_keyboard();
    let error = desktop.attest().unwrap_err();
    assert!(error.to_string().contains("holds the keyboard"), "{error}");
    drop(grab);
    until(Duration::from_secs(5), || desktop.attest().ok()).unwrap();
    let lock = session.cover_the_screen();
    let error = until(Duration::from_secs(5), || desktop.attest().err()).unwrap();
    assert!(error.to_string().contains("covers the whole screen"), "{error}");
    drop(lock);
}

#[test]
fn a_fence_stops_typing_and_leaves_no_key_down() {
    let mut session = Session::start();
    let display = session.display.clone();
    let mut desktop = session.desktop();
    session.editor(&mut *desktop);
    session.hold_a_key_down();
    assert!(session.keys_are_down());
    desktop.release_all().unwrap();
    assert!(!session.keys_are_down());

    let handle = DesktopHandle::with_opener(move || open_display(&display));
    let lease = handle.for_lease();
    let (tell, begins) = mpsc::channel();
    let typing = std::thread::scope(|scope| {
        let typing = std::thread::Builder::new().name("lease".into()).spawn_scoped(scope, || {
            lease.run_blocking("type_text", Duration::from_mins(1), move |desktop| {
                tell.send(()).unwrap();
                desktop.type_text(&"ABCDEFGHIJ".repeat(200), &keys())
            })
        });
        begins.recv().unwrap();
        until(Duration::from_secs(10), || whole_text_started(&mut *desktop)).unwrap();
        handle.fence();
        typing.unwrap().join().unwrap()
    });
    assert_eq!(typing, Err(DesktopError::Fenced));
    handle.run_blocking("release_all", Duration::from_secs(5), |desktop| desktop.release_all()).unwrap();
    assert!(!session.keys_are_down());

    let next = handle.for_lease();
    next.run_blocking("type_text", Duration::from_secs(20), |desktop| desktop.type_text("next", &keys())).unwrap();
    let stale = lease.run_blocking("key", Duration::from_secs(5), |desktop| desktop.key(&"a".parse()?));
    assert_eq!(stale, Err(DesktopError::Fenced), "the ended lease stays fenced while the next one works");
}

/// The title tells that the document has changed.
fn whole_text_started(desktop: &mut dyn Desktop) -> Option<()> {
    desktop.focused_window().unwrap().filter(|window| window.title.starts_with('*')).map(|_| ())
}

#[test]
fn a_call_that_hangs_is_given_up_and_the_next_one_works() {
    let mut session = Session::start();
    let display = session.display.clone();
    session.editor(&mut *session.desktop());
    let handle = DesktopHandle::with_opener(move || open_display(&display));
    let (wake, sleeping) = mpsc::channel::<()>();
    let (tell, told) = mpsc::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let hung = runtime.block_on(handle.run("capture", Duration::from_millis(300), move |desktop| {
        let _ = sleeping.recv();
        tell.send(desktop.type_text("too late", &keys())).unwrap();
        desktop.capture()
    }));
    assert_eq!(hung.unwrap_err(), DesktopError::Hung { call: "capture", limit: Duration::from_millis(300) });

    session.hold_a_key_down();
    let frame = runtime.block_on(handle.run("capture", Duration::from_secs(10), |desktop| desktop.capture())).unwrap();
    assert_eq!(frame.width(), 1280);
    assert!(!session.keys_are_down(), "the fresh connection releases what the stuck one may have held");
    drop(wake);
    assert_eq!(told.recv().unwrap(), Err(DesktopError::Fenced), "what was given up touches nothing");
}

#[test]
fn a_server_that_went_away_is_told_and_a_new_one_is_found() {
    let mut session = Session::start();
    let display = session.display.clone();
    let handle = DesktopHandle::with_opener(move || open_display(&display));
    let look = || handle.run_blocking("capture", Duration::from_secs(10), |desktop| desktop.capture());
    look().unwrap();
    session.restart_server();
    assert!(matches!(look(), Err(DesktopError::Unavailable(_))));
    look().unwrap();
}
