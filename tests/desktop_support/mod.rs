//! A desktop of one's own for a test: Xvfb, openbox and applications, all gone with it.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use deskfleet::desktop::{Color, Desktop, Frame, Point, Rect, Stopwatch, WindowId, open_display};
use x11rb::{
    connection::Connection,
    protocol::{
        xproto::{
            AtomEnum, ConnectionExt as _, CreateWindowAux, GrabMode, GrabStatus, KEY_PRESS_EVENT, PropMode, WindowClass,
        },
        xtest::ConnectionExt as _,
    },
    rust_connection::RustConnection,
    wrapper::ConnectionExt as _,
};

/// Asks again and again until there is an answer or the time is over.
pub(crate) fn until<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let watch = Stopwatch::start();
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        watch.left(limit)?;
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The smallest rectangle in `within` that holds all differences.
pub(crate) fn changed(before: &Frame, after: &Frame, within: Rect) -> Option<Rect> {
    let points = (within.y..within.bottom()).flat_map(|y| (within.x..within.right()).map(move |x| Point::new(x, y)));
    let different: Vec<Point> = points.filter(|at| before.pixel(*at) != after.pixel(*at)).collect();
    let (left, right) = (different.iter().map(|at| at.x).min()?, different.iter().map(|at| at.x).max()?);
    let (top, bottom) = (different.iter().map(|at| at.y).min()?, different.iter().map(|at| at.y).max()?);
    Some(Rect::new(left, top, left.abs_diff(right) + 1, top.abs_diff(bottom) + 1))
}

pub(crate) struct Session {
    pub(crate) display: String,
    server: Option<Child>,
    others: Vec<Child>,
    home: tempfile::TempDir,
    /// What the test itself does on the server.
    own: Option<RustConnection>,
}

impl Session {
    pub(crate) fn start() -> Self {
        let mut session = Self::start_without_manager();
        session.run("openbox", &["--sm-disable"]);
        let mut desktop = session.desktop();
        until(Duration::from_secs(20), || desktop.display().unwrap().window_manager).expect("openbox runs");
        session
    }

    pub(crate) fn start_without_manager() -> Self {
        let (server, display) = start_server(None);
        let home = tempfile::tempdir().unwrap();
        let own = x11rb::connect(Some(&display)).unwrap().0;
        Self { display, server: Some(server), others: Vec::new(), home, own: Some(own) }
    }

    /// The server dies and another takes its place.
    pub(crate) fn restart_server(&mut self) {
        self.own = None;
        if let Some(mut server) = self.server.take() {
            end(&mut server);
        }
        self.server = Some(start_server(Some(&self.display)).0);
    }

    pub(crate) fn desktop(&self) -> Box<dyn Desktop> {
        open_display(&self.display).unwrap()
    }

    fn run(&mut self, program: &str, arguments: &[&str]) {
        let child = Command::new(program)
            .args(arguments)
            .env("DISPLAY", &self.display)
            .env("HOME", self.home.path())
            .env("XDG_CONFIG_HOME", self.home.path())
            .env("GSETTINGS_BACKEND", "memory")
            .env("NO_AT_BRIDGE", "1")
            .env("DBUS_SESSION_BUS_ADDRESS", "disabled:")
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{program} cannot be started ({error}): {INSTALL}"));
        self.others.push(child);
    }

    /// Runs a program and returns its first window once it has the focus and stands still.
    fn open(&mut self, desktop: &mut dyn Desktop, program: &str, arguments: &[&str]) -> WindowId {
        let before: Vec<WindowId> = desktop.windows().unwrap().iter().map(|window| window.id).collect();
        self.run(program, arguments);
        let window = until(Duration::from_secs(30), || {
            let focused = desktop.focused_window().unwrap()?;
            (!before.contains(&focused.id)).then_some(focused.id)
        });
        let window = window.unwrap_or_else(|| panic!("{program} shows no window"));
        self.still(desktop);
        window
    }

    pub(crate) fn editor(&mut self, desktop: &mut dyn Desktop) -> WindowId {
        self.open(desktop, "mousepad", &["--disable-server"])
    }

    pub(crate) fn calculator(&mut self, desktop: &mut dyn Desktop) -> WindowId {
        self.open(desktop, "galculator", &[])
    }

    pub(crate) fn terminal(&mut self, desktop: &mut dyn Desktop, script: &str) -> WindowId {
        self.open(desktop, "xterm", &["-e", "sh", "-c", script])
    }

    /// The picture once nothing but a blinking caret changes any more.
    #[expect(clippy::unused_self, reason = "reads as what the session does")]
    pub(crate) fn still(&self, desktop: &mut dyn Desktop) -> Frame {
        let whole = desktop.capture().unwrap();
        let mut last = (whole.clone(), Stopwatch::start());
        let still = until(Duration::from_secs(20), || {
            let now = desktop.capture().unwrap();
            let moved = changed(&last.0, &now, whole.rect()).is_some_and(|part| part.width > 4);
            if moved {
                last = (now, Stopwatch::start());
                return None;
            }
            (last.1.elapsed() > Duration::from_millis(300)).then_some(now)
        });
        still.expect("the screen comes to rest")
    }

    /// Where the calculator has one of its digits: the button row above the last, left.
    #[expect(clippy::unused_self, reason = "reads as what the session knows")]
    pub(crate) fn digit_button(&self, desktop: &mut dyn Desktop, calculator: WindowId) -> Rect {
        let window = desktop.windows().unwrap().into_iter().find(|window| window.id == calculator).unwrap();
        let (width, height) = (window.client.width, window.client.height);
        let at = |whole: u32, per_mille: u32| (whole * per_mille / 1000).cast_signed();
        Rect::new(window.client.x + at(width, 30), window.client.y + at(height, 755), width / 8, height / 12)
    }

    pub(crate) fn own_clipboard_elsewhere(&mut self, text: &str) {
        let file = self.home.path().join("clipboard.txt");
        std::fs::write(&file, text).unwrap();
        self.run("xclip", &["-selection", "clipboard", "-quiet", file.to_str().unwrap()]);
        let mut desktop = self.desktop();
        until(Duration::from_secs(10), || desktop.read_clipboard().unwrap()).expect("xclip owns the clipboard");
    }

    /// The keyboard of a country, for every application of this desktop.
    pub(crate) fn layout(&self, name: &str) {
        let set = Command::new("setxkbmap").args(["-display", &self.display, name]).status();
        assert!(set.unwrap_or_else(|error| panic!("setxkbmap cannot be run ({error}): {INSTALL}")).success());
    }

    pub(crate) fn minimise(&mut self, window: WindowId) {
        self.run("xdotool", &["windowminimize", &window.0.to_string()]);
    }

    pub(crate) fn maximise(&self, window: WindowId) {
        let connection = self.own();
        let atom = |name: &str| connection.intern_atom(false, name.as_bytes()).unwrap().reply().unwrap().atom;
        let states = [atom("_NET_WM_STATE_MAXIMIZED_VERT"), atom("_NET_WM_STATE_MAXIMIZED_HORZ")];
        let message = x11rb::protocol::xproto::ClientMessageEvent::new(
            32,
            u32::try_from(window.0).unwrap(),
            atom("_NET_WM_STATE"),
            [1, states[0], states[1], 2, 0],
        );
        let to = x11rb::protocol::xproto::EventMask::SUBSTRUCTURE_REDIRECT;
        connection.send_event(false, self.root(), to, message).unwrap();
        connection.sync().unwrap();
    }

    pub(crate) fn window_with_the_old_name_only(&self, name: &str) -> WindowId {
        let connection = self.own();
        let window = self.make_window(Rect::new(10, 10, 100, 80), &CreateWindowAux::new());
        let latin: Vec<u8> = name.chars().map(|char| u8::try_from(u32::from(char)).unwrap()).collect();
        let (property, kind) = (AtomEnum::WM_NAME, AtomEnum::STRING);
        connection.change_property8(PropMode::REPLACE, window, property, kind, &latin).unwrap();
        connection.map_window(window).unwrap();
        connection.sync().unwrap();
        WindowId(window.into())
    }

    /// A rectangle of one colour on top of everything.
    pub(crate) fn paint(&self, rect: Rect, color: Color) {
        let pixel = u32::from_be_bytes([0, color.red, color.green, color.blue]);
        let window = self.make_window(rect, &CreateWindowAux::new().background_pixel(pixel).override_redirect(1));
        self.own().map_window(window).unwrap();
        self.own().sync().unwrap();
    }

    /// As a lock screen does. Ends with what is returned.
    pub(crate) fn cover_the_screen(&self) -> RustConnection {
        let (connection, screen) = x11rb::connect(Some(&self.display)).unwrap();
        let root = connection.setup().roots[screen].root;
        let window = connection.generate_id().unwrap();
        let look = CreateWindowAux::new().override_redirect(1).background_pixel(0x0020_3040);
        connection.create_window(0, window, root, 0, 0, 1280, 800, 0, WindowClass::INPUT_OUTPUT, 0, &look).unwrap();
        connection.map_window(window).unwrap();
        connection.sync().unwrap();
        connection
    }

    /// As an open menu does. Ends with what is returned.
    pub(crate) fn hold_the_keyboard(&self) -> RustConnection {
        let (connection, screen) = x11rb::connect(Some(&self.display)).unwrap();
        let root = connection.setup().roots[screen].root;
        let grab = connection.grab_keyboard(false, root, x11rb::CURRENT_TIME, GrabMode::ASYNC, GrabMode::ASYNC);
        assert_eq!(grab.unwrap().reply().unwrap().status, GrabStatus::SUCCESS);
        connection
    }

    /// Presses the left shift key and leaves it.
    pub(crate) fn hold_a_key_down(&self) {
        let connection = self.own();
        connection.xtest_fake_input(KEY_PRESS_EVENT, 50, 0, self.root(), 0, 0, 0).unwrap();
        connection.sync().unwrap();
        assert!(self.keys_are_down());
    }

    pub(crate) fn keys_are_down(&self) -> bool {
        self.own().query_keymap().unwrap().reply().unwrap().keys.iter().any(|byte| *byte != 0)
    }

    fn make_window(&self, rect: Rect, look: &CreateWindowAux) -> u32 {
        let connection = self.own();
        let window = connection.generate_id().unwrap();
        let short = |n: i32| i16::try_from(n).unwrap();
        let length = |n: u32| u16::try_from(n).unwrap();
        let (x, y, width, height) = (short(rect.x), short(rect.y), length(rect.width), length(rect.height));
        let class = WindowClass::INPUT_OUTPUT;
        connection.create_window(0, window, self.root(), x, y, width, height, 0, class, 0, look).unwrap();
        window
    }

    fn own(&self) -> &RustConnection {
        self.own.as_ref().unwrap()
    }

    fn root(&self) -> u32 {
        self.own().setup().roots[0].root
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.others.iter_mut().rev().chain(&mut self.server).for_each(end);
    }
}

const INSTALL: &str =
    "install what these tests need: apt-get install xvfb openbox mousepad galculator xterm xclip xdotool";

fn start_server(display: Option<&str>) -> (Child, String) {
    let mut command = Command::new("Xvfb");
    command.args(display).args(["-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-noreset"]);
    let mut server = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("Xvfb cannot be started ({error}): {INSTALL}"));
    let mut number = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut number).unwrap();
    assert!(!number.trim().is_empty(), "Xvfb ended at once: is /tmp/.X11-unix writable?");
    (server, format!(":{}", number.trim()))
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}
