//! Screens of real applications, as they are and as they look through bad lines.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use deskfleet::desktop::{Frame, open_display};

use crate::{
    cases::{Kind, changed},
    xvfb::{VirtualDesktop, until},
};

/// What the editors show: text of ours, other text on each screen.
const TEXTS: [&str; 5] = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "docs/reliability.md", "docs/api.md"];

/// After the last window has come: until everything is drawn.
const DRAWN: Duration = Duration::from_secs(3);

pub(crate) struct Screen {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) folder: PathBuf,
    looks: Vec<(Kind, Look)>,
}

/// One state of the screen, also as a file for others.
pub(crate) struct Look {
    pub(crate) frame: Frame,
    pub(crate) file: PathBuf,
}

impl Screen {
    /// An editor with a text, another beside it, a terminal and a calculator.
    pub(crate) fn take(width: u32, height: u32, number: usize, folder: &Path) -> Self {
        let mut desktop = VirtualDesktop::start_sized(width, height);
        let home = folder.join(format!("home-{number}"));
        fs::create_dir_all(&home).expect("there is room for the screens");
        let (text, other) = (TEXTS[number % TEXTS.len()], TEXTS[(number + 2) % TEXTS.len()]);
        let listing = format!("ls -la --color=always src tests; head -40 {other}; exec sleep 600");
        let commands: [&[&str]; 4] = [
            &["mousepad", "--disable-server", text],
            &["xterm", "-geometry", "110x50+900+60", "-e", "sh", "-c", &listing],
            &["galculator"],
            &["mousepad", "--disable-server", other],
        ];
        for (shown, words) in commands.into_iter().enumerate() {
            let mut command = Command::new(words[0]);
            command.args(&words[1..]).env("HOME", &home).env("XDG_CONFIG_HOME", &home);
            command
                .env("GSETTINGS_BACKEND", "memory")
                .env("NO_AT_BRIDGE", "1")
                .env("DBUS_SESSION_BUS_ADDRESS", "disabled:");
            desktop.spawn(command);
            let mut eyes = open_display(desktop.display()).expect("the desktop is there");
            until("the window of an application", || {
                eyes.windows().ok().filter(|windows| windows.len() > shown).map(drop)
            });
        }
        thread::sleep(DRAWN);
        let frame = open_display(desktop.display()).and_then(|mut eyes| eyes.capture()).expect("a picture");
        let look = |kind: Kind| {
            let frame = changed(&frame, kind);
            let file = folder.join(format!("screen-{number}-{kind:?}.png"));
            fs::write(&file, frame.to_png().expect("it encodes")).expect("there is room for the screens");
            (kind, Look { frame, file })
        };
        Self { width, height, folder: folder.to_owned(), looks: Kind::ALL.map(look).into() }
    }

    pub(crate) fn look(&self, kind: Kind) -> &Look {
        &self.looks.iter().find(|(known, _)| *known == kind).expect("every kind was made").1
    }
}
