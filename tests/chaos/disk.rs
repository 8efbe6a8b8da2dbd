//! The disk fills up under a controller at work, and has room again.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    dice::Dice,
    fleet::Controller,
    line::Answer,
    load::{Load, SETTINGS, Size},
    scripted::Mishaps,
    xvfb::until_within,
};

const LIMIT: Duration = Duration::from_secs(30);

/// A small disk of its own.
struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// None where this process may not mount one.
    fn mount(mib: u32) -> Option<Self> {
        let folder = TempDir::new().expect("a folder for the test");
        let mut mount = Command::new("mount");
        let mount = mount.args(["-t", "tmpfs", "-o", &format!("size={mib}m,mode=0700"), "tmpfs"]).arg(folder.path());
        let mounted = mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success());
        mounted.then_some(Self { folder })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn filler(&self) -> PathBuf {
        self.folder.path().join("filler")
    }

    /// To the last byte.
    fn fill(&self) {
        let mut filler =
            File::options().create(true).append(true).open(self.filler()).expect("the filler can be opened");
        for size in [1 << 20, 1 << 12, 1] {
            while filler.write_all(&vec![7; size]).is_ok() {}
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.filler()).expect("the filler can be removed");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that is being killed may still have a file open.
        Command::new("umount").arg("-l").arg(self.folder.path()).status().ok();
    }
}

/// The smallest marks there are, so that the disk itself is what refuses, and nothing to give up.
const WITHOUT_BALLAST: &str = "[disk]\nlow_bytes = \"64KiB\"\nfloor_bytes = \"64KiB\"\nballast_bytes = \"0\"\n";
const WITH_BALLAST: &str = "[disk]\nlow_bytes = \"16MiB\"\nfloor_bytes = \"6MiB\"\nballast_bytes = \"6MiB\"\n";

#[test]
fn a_full_disk_is_told_survived_and_left_behind_without_a_loss() {
    fill_and_make_room(32, WITHOUT_BALLAST);
}

#[test]
fn with_marks_and_a_ballast_too() {
    fill_and_make_room(80, WITH_BALLAST);
}

fn fill_and_make_room(mib: u32, settings: &str) {
    let Some(disk) = SmallDisk::mount(mib) else {
        println!("NOT TESTED: a full disk. Mounting a small tmpfs needs root: run this test as root");
        return;
    };
    let dice = Dice::from_environment("a full disk");
    let folder = TempDir::new().expect("a folder for the test");
    let mut controller = Controller::start_in(folder, disk.path().join("data"), &format!("{SETTINGS}{settings}"));
    let size = Size { clients: 4, agents: 4, mishaps: Mishaps::SOME, ballast: 2_000 };
    let load = Load::start(&controller, &controller.url(), size, &dice);
    until_within(LIMIT, "the load to begin", || (load.acknowledged() > 20).then_some(()));

    for round in 0..3 {
        disk.fill();
        until_refused(&load, round);
        assert_reads_go_on(&load);
        if round == 2 {
            controller.kill();
            controller.spawn();
            until_within(LIMIT, "a controller started on a full disk to answer", || {
                load.block_on(load.line().get("/healthz")).filter(Answer::is_success)
            });
            assert_reads_go_on(&load);
        }
        assert!(controller.is_running(), "round {round}: it stands a full disk");
        disk.make_room();
        let before = load.acknowledged();
        until_within(LIMIT, "submissions to be taken again", || (load.acknowledged() > before + 5).then_some(()));
    }
    assert!(controller.is_running(), "it went through all of it in one process");
    let (figures, seen) = load.finish();
    println!("full disk: 3 times full, {figures}, {} calls refused or unanswered", seen.unanswered);
}

fn until_refused(load: &Load, round: u32) {
    let mut number = 0;
    until_within(LIMIT, "what needs room to be refused", || {
        number += 1;
        let refused = load.block_on(load.line().put("/v1/workflows/large", &large(round, number)))?;
        (refused.status == 503 && refused.code() == "storage_full" && refused.retry_after).then_some(())
    });
}

fn assert_reads_go_on(load: &Load) {
    for path in ["/healthz", "/v1/jobs", "/v1/events", "/v1/machines", "/v1/fleet"] {
        let read = load.block_on(load.line().get(path)).expect("reads are answered");
        assert_eq!(read.status, 200, "{path} on a full disk: {}", read.body);
    }
}

/// A document with a content of its own, so that each is a new version.
fn large(round: u32, number: u32) -> Value {
    let text = format!("{round}/{number} {}", "y".repeat(30_000));
    json!({ "kind": "workflow", "name": "large", "description": text, "steps": [{ "set": { "n": "1" } }] })
}
