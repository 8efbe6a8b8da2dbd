//! This machine as the runner's world: its desktop behind the watchdog, its clock, its programs and files.
//!
//! It must not know: the controller, leases, sockets. It is the shell around [`super::runner`]; whoever has a desktop can use it.

mod files;
mod hands;
mod programs;
mod session;

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use crate::{
    desktop::{
        Desktop, DesktopHandle,
        image::{Finder, Template},
        ocr::Readings,
        process::{self, ProcessError, Program, RunLimits, Spent},
    },
    ids::Digest,
    time::{Clock, Now},
};

use super::runner::{Ask, Image, NoFile, ProgramRun, Secrets, World};
use hands::Hands;

/// Prepared images kept in memory; the least recently used goes first.
const MAX_IMAGES: usize = 200;

/// Where the bytes of images come from.
pub trait Images: Send {
    /// The error says why they cannot be had.
    fn bytes(&mut self, digest: &Digest) -> Result<Vec<u8>, String>;
}

/// Images at hand, by digest.
impl Images for BTreeMap<Digest, Vec<u8>> {
    fn bytes(&mut self, digest: &Digest) -> Result<Vec<u8>, String> {
        self.get(digest).cloned().ok_or_else(|| "its bytes are not at hand".to_owned())
    }
}

/// One machine with a desktop. Blocking; lives on a thread of its own.
pub struct Host {
    hands: Hands,
    finder: Finder,
    readings: Readings,
    images: Box<dyn Images>,
    /// Most recently used last.
    prepared: Vec<(Digest, Image)>,
    clock: Clock,
    /// The display's name, once it has been asked for.
    display: Option<String>,
    secrets: Secrets,
}

impl Host {
    pub fn new(desktop: DesktopHandle, images: Box<dyn Images>, clock: Clock) -> Self {
        Self {
            hands: Hands::new(desktop),
            finder: Finder::new(),
            readings: Readings::default(),
            images,
            prepared: Vec::new(),
            clock,
            display: None,
            secrets: Secrets::default(),
        }
    }

    /// Windows that are known to hold a secret: shared with whoever looked at this desktop before.
    #[must_use]
    pub fn with_secrets(mut self, secrets: Secrets) -> Self {
        self.secrets = secrets;
        self
    }

    /// From now on input is given under this handle: for the next lease.
    pub fn take_hands(&mut self, desktop: DesktopHandle) {
        self.hands = Hands::new(desktop);
    }

    /// Between leases, for what touches nothing.
    pub fn let_go(&mut self) {
        self.hands = self.hands.without_lease();
    }
}

impl World for Host {
    fn desktop(&mut self) -> &mut dyn Desktop {
        &mut self.hands
    }

    fn finder(&mut self) -> &mut Finder {
        &mut self.finder
    }

    fn readings(&mut self) -> &mut Readings {
        &mut self.readings
    }

    fn now(&self) -> Now {
        self.clock.now()
    }

    fn sleep(&mut self, duration: Duration) {
        std::thread::sleep(duration);
    }

    fn image(&mut self, digest: &Digest) -> Result<Image, String> {
        if let Some(at) = self.prepared.iter().position(|(known, _)| known == digest) {
            let entry = self.prepared.remove(at);
            let image = Arc::clone(&entry.1);
            self.prepared.push(entry);
            return Ok(image);
        }
        let bytes = self.images.bytes(digest)?;
        if Digest::of(&bytes) != *digest {
            return Err("its bytes are not those its digest names".to_owned());
        }
        let image = Arc::new(Template::decode(&bytes).map_err(|error| error.to_string())?);
        if self.prepared.len() >= MAX_IMAGES {
            self.prepared.remove(0);
        }
        self.prepared.push((*digest, Arc::clone(&image)));
        Ok(image)
    }

    fn file_exists(&mut self, path: &Path) -> bool {
        path.exists()
    }

    fn read_file(&mut self, path: &Path, limit_bytes: u64) -> Result<Vec<u8>, NoFile> {
        files::read(path, limit_bytes)
    }

    fn processes(&mut self, name: &str) -> Result<Vec<u32>, ProcessError> {
        let found = process::find(name)?;
        if found.is_empty() {
            return Ok(Vec::new());
        }
        if self.display.is_none() {
            self.display = self.hands.display().ok().map(|display| display.name);
        }
        let here = |pid: &u32| session::is_here(*pid, self.display.as_deref());
        Ok(found.into_iter().map(|found| found.pid).filter(here).collect())
    }

    fn spent(&mut self, pids: &[u32]) -> Result<Vec<Spent>, ProcessError> {
        process::spent(pids)
    }

    fn end_process(&mut self, pid: u32, ask: Ask) {
        programs::end(pid, ask);
    }

    fn start(&mut self, program: &Program) -> Result<(), ProcessError> {
        // Dropping the handle leaves the program running.
        process::start(program, &self.hands.pass()).map(drop)
    }

    fn run(
        &mut self,
        program: &Program,
        stdin: &[u8],
        limits: &RunLimits,
    ) -> Result<Box<dyn ProgramRun>, ProcessError> {
        Ok(Box::new(programs::Run::begin(program, stdin, limits, &self.hands.pass())?))
    }

    fn secrets(&mut self) -> &mut Secrets {
        &mut self.secrets
    }
}
