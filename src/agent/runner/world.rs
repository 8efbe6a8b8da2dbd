//! What the runner needs of the machine, so that a test can be one.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    desktop::{
        Desktop, Rect, Window, WindowId,
        image::{Finder, Template},
        ocr::Readings,
        process::{Finished, ProcessError, Program, RunLimits, Spent},
    },
    ids::Digest,
    time::Now,
};

/// An image of a document, made ready to be looked for.
pub type Image = Arc<Template>;

/// Why a file was not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoFile {
    #[error("there is no such file")]
    Missing,
    #[error("it is a folder")]
    Folder,
    #[error("it is no ordinary file but a device, pipe or socket")]
    Special,
    #[error("it is larger than {limit_bytes} bytes")]
    TooLarge { limit_bytes: u64 },
    #[error("it can't be read: {0}")]
    Unreadable(String),
}

/// How a process is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Asked to end; it may take its time.
    End,
    /// Ended by the system at once.
    Kill,
}

/// One machine: its desktop, clock, programs and files.
pub trait World {
    fn desktop(&mut self) -> &mut dyn Desktop;

    fn now(&self) -> Now;

    /// Short: the runner sleeps in slices and asks in between whether it may go on.
    fn sleep(&mut self, duration: Duration);

    /// Remembers where things were, for as long as the machine lives.
    fn finder(&mut self) -> &mut Finder;

    /// What was read off the screen, for as long as the machine lives.
    fn readings(&mut self) -> &mut Readings;

    /// The image with this digest. The error says why it cannot be had.
    fn image(&mut self, digest: &Digest) -> Result<Image, String>;

    fn file_exists(&mut self, path: &Path) -> bool;

    /// The whole of an ordinary file.
    fn read_file(&mut self, path: &Path, limit_bytes: u64) -> Result<Vec<u8>, NoFile>;

    /// Numbers of the live processes of a program, by its file name without directory. Not those that show their windows on
    /// another desktop of the same machine.
    fn processes(&mut self, name: &str) -> Result<Vec<u32>, ProcessError>;

    /// Processor time of these processes and of everything they started.
    fn spent(&mut self, pids: &[u32]) -> Result<Vec<Spent>, ProcessError>;

    fn end_process(&mut self, pid: u32, ask: Ask);

    /// Starts a program that is to go on by itself.
    fn start(&mut self, program: &Program) -> Result<(), ProcessError>;

    /// Begins to run a program to its end.
    fn run(&mut self, program: &Program, stdin: &[u8], limits: &RunLimits)
    -> Result<Box<dyn ProgramRun>, ProcessError>;

    /// Windows that hold a secret, whoever typed it. They outlive attempts.
    fn secrets(&mut self) -> &mut Secrets;
}

/// A program on its way to its end.
pub trait ProgramRun {
    /// How it ended, once it has. Waits a moment for that.
    fn poll(&mut self) -> Option<Result<Finished, ProcessError>>;

    /// Ends it with everything it started; `poll` says when that is done.
    fn stop(&mut self);
}

/// Windows a secret was typed into: black in pictures until they close or show something else. Clones are the same list, so that it
/// outlives a thread that hangs.
#[derive(Clone, Debug, Default)]
pub struct Secrets(Arc<Mutex<Vec<(WindowId, String)>>>);

impl Secrets {
    pub fn is_empty(&self) -> bool {
        self.list().is_empty()
    }

    /// From now on this window is hidden, as long as it keeps its title. That its text was changed is no other title.
    pub fn hide(&mut self, window: &Window) {
        let entry = (window.id, without_mark(&window.title).to_owned());
        let mut list = self.list();
        if !list.contains(&entry) {
            list.push(entry);
        }
    }

    /// Where the hidden ones of these windows are. Those that are gone or show something else are forgotten.
    pub fn places(&mut self, windows: &[Window]) -> Vec<Rect> {
        let mut list = self.list();
        list.retain(|entry| windows.iter().any(|window| shows(window, entry)));
        let hidden = windows.iter().filter(|window| list.iter().any(|entry| shows(window, entry)));
        hidden.map(|window| window.rect).collect()
    }

    /// Whether this window is one of them.
    pub fn hides(&self, window: &Window) -> bool {
        self.list().iter().any(|entry| shows(window, entry))
    }

    fn list(&self) -> MutexGuard<'_, Vec<(WindowId, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shows(window: &Window, (id, title): &(WindowId, String)) -> bool {
    window.id == *id && without_mark(&window.title) == title
}

/// A title without what editors put there once something was typed: `*Untitled`, `Untitled •`.
fn without_mark(title: &str) -> &str {
    title.trim_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '•' | '●'))
}
