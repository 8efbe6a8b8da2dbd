//! OpenCV in a process of its own, asked question by question.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde::Deserialize;
use serde_json::json;

/// Where `assets/install-needs.sh opencv` puts it.
const PYTHON: &str = "target/tools/opencv/bin/python3";

pub(crate) struct OpenCv {
    pub(crate) version: String,
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    pub(crate) score: f64,
    pub(crate) x: i32,
    pub(crate) y: i32,
    pub(crate) gray_ms: f64,
    pub(crate) match_ms: f64,
}

#[derive(Deserialize)]
struct Hello {
    version: String,
}

impl OpenCv {
    pub(crate) fn start() -> Self {
        let mut process = Command::new(PYTHON)
            .arg("benches/opencv/match.py")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("OpenCV is installed: assets/install-needs.sh opencv");
        let questions = process.stdin.take().expect("it is piped");
        let answers = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut opencv = Self { version: String::new(), process, questions, answers };
        opencv.version = serde_json::from_str::<Hello>(&opencv.line()).expect("it says its version").version;
        opencv
    }

    /// The template is read anew, the screen only once.
    pub(crate) fn ask(&mut self, screen: &Path, template: &Path) -> Answer {
        writeln!(self.questions, "{}", json!({ "screen": screen, "template": template })).expect("OpenCV still runs");
        serde_json::from_str(&self.line()).expect("an answer")
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("OpenCV still runs");
        assert!(!line.is_empty(), "OpenCV ended; see its error above");
        line
    }
}

impl Drop for OpenCv {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
