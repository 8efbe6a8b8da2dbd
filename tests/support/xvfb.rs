//! A desktop of a test's own: Xvfb on a free display with a window manager, gone when it is dropped.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use x11rb::{
    connection::Connection,
    protocol::xproto::{AtomEnum, ConnectionExt},
};

/// How long a program may take to come up on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

pub(crate) struct VirtualDesktop {
    display: String,
    children: Vec<Child>,
}

impl VirtualDesktop {
    /// 1280×800, 24 bits, openbox.
    pub(crate) fn start() -> Self {
        Self::start_sized(1280, 800)
    }

    pub(crate) fn start_sized(width: u32, height: u32) -> Self {
        let mut desktop = Self::start_bare(width, height);
        desktop.spawn(Command::new("openbox"));
        until("openbox to manage the display", || window_manager(&desktop.display));
        desktop
    }

    /// Without a window manager.
    pub(crate) fn start_bare(width: u32, height: u32) -> Self {
        let screen = format!("{width}x{height}x24");
        let mut xvfb = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", &screen, "-nolisten", "tcp", "-noreset", "-wr"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb must be installed: apt-get install xvfb openbox");
        let mut number = String::new();
        let stdout = xvfb.stdout.take().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut number).expect("Xvfb tells its display");
        assert!(!number.trim().is_empty(), "Xvfb ended before it told its display");
        Self { display: format!(":{}", number.trim()), children: vec![xvfb] }
    }

    /// Such as `:101`.
    pub(crate) fn display(&self) -> &str {
        &self.display
    }

    /// Starts a program on this desktop; it ends with it. Returns its process id.
    pub(crate) fn spawn(&mut self, mut command: Command) -> u32 {
        let child = command
            .env("DISPLAY", &self.display)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} can't be started, is it installed? {error}"));
        let pid = child.id();
        self.children.push(child);
        pid
    }
}

impl Drop for VirtualDesktop {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            // It may have ended by itself; what matters is that it is gone afterwards.
            child.kill().ok();
            child.wait().ok();
        }
    }
}

fn window_manager(display: &str) -> Option<()> {
    let (connection, screen) = x11rb::connect(Some(display)).ok()?;
    let root = connection.setup().roots[screen].root;
    let atom = connection.intern_atom(false, b"_NET_SUPPORTING_WM_CHECK").ok()?.reply().ok()?.atom;
    let value = connection.get_property(false, root, atom, AtomEnum::WINDOW, 0, 1).ok()?.reply().ok()?;
    (value.value_len > 0).then_some(())
}

/// Looks again and again until there is an answer; a test that waits longer than it may fails with what it waited for.
pub(crate) fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    until_within(START_LIMIT, what, look)
}

#[expect(clippy::disallowed_methods, reason = "real programs are waited for in real time")]
pub(crate) fn until_within<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = look() {
            return answer;
        }
        assert!(start.elapsed() < limit, "waited {limit:?} for {what}");
        std::thread::sleep(LOOK_AGAIN);
    }
}
