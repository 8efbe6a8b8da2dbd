//! Steps that wait for a person's word.

use super::*;
use crate::{
    agent::runner::{NextStep, Permit},
    wire::job::Category,
};

/// Answers in turn, and takes its time; then lets everything run.
struct Person {
    record: Record,
    answers: VecDeque<Permit>,
    asked: Vec<NextStep>,
    thinks: Duration,
    clock: ManualClock,
}

impl Person {
    fn new(stage: &Stage, answers: impl Into<VecDeque<Permit>>) -> Self {
        let (record, clock) = (Record::default(), stage.clock.clone());
        Self { record, answers: answers.into(), asked: Vec::new(), thinks: Duration::ZERO, clock }
    }

    fn run(&mut self, story: &Play, stage: &mut Stage) -> Ending {
        let plan = story.plan(stage);
        Runner::new(stage, self, &plan).execute()
    }

    fn words(&self) -> Vec<String> {
        self.asked.iter().map(|next| format!("{} {} {}", next.path, next.action, next.words)).collect()
    }
}

impl Observer for Person {
    fn steps_asked(&self) -> bool {
        true
    }

    fn before_step(&mut self, next: &NextStep) -> Permit {
        self.asked.push(next.clone());
        self.clock.advance(self.thinks);
        self.answers.pop_front().unwrap_or(Permit::Run)
    }

    fn step(&mut self, report: StepReport) {
        self.record.step(report);
    }

    fn intent(&mut self, intent: &IntentReport) -> Result<(), NoIntent> {
        self.record.intent(intent)
    }

    fn artifact(&mut self, artifact: &ArtifactRef, bytes: Option<Vec<u8>>) {
        self.record.artifact(artifact, bytes);
    }
}

#[test]
fn each_step_is_told_in_words_with_its_values_and_without_its_secrets() {
    let mut stage = Stage::new();
    stage.screen.open("Clinic", crate::desktop::Rect::new(10, 10, 200, 100));
    let play = Play::workflow(
        r#"
input:
  type: object
  properties: { mrn: { type: string }, name: { type: string, x-sensitive: true } }
steps:
  - { type: "{{ input.mrn }} of {{ input.name }}", when: "input.mrn == '4711'" }
  - { type: { text: "{{ input.mrn }}", secret: true } }
  - { set: { ward: "'north'" } }
  - { set: { later: "'x'" }, when: "false" }
  - { if: "vars.ward == 'north'", then: [ { wait: { file: "/nowhere/{{ vars.ward }}-{{ vars.later }}" }, timeout: 1s } ] }
"#,
    )
    .input(json!({"mrn": "4711", "name": "Ada Lovelace"}));
    let mut person = Person::new(&stage, []);
    let failure = failure_of(person.run(&play, &mut stage));
    assert_eq!(failure.step.unwrap().path, "steps/4/then/0");
    assert_eq!(
        person.words(),
        [
            "steps/0 type \"4711 of •••\", only when `input.mrn == '4711'`",
            "steps/1 type •••",
            "steps/2 set ward",
            "steps/3 set later, only when `false`",
            "steps/4 if `vars.ward == 'north'`",
            "steps/4/then/0 wait for file /nowhere/north-{{ vars.later }}",
        ]
    );
}

#[test]
fn a_skipped_step_is_reported_so_and_a_skipped_commit_has_not_happened() {
    let mut stage = Stage::new();
    stage.screen.open("Clinic", crate::desktop::Rect::new(10, 10, 200, 100));
    let play = Play::steps(
        "  - { id: save, key: ctrl+s, commit: true }\n  - { if: 'true', then: [ { key: a } ] }\n  - key: b\n  - fail: at the end\n",
    );
    let mut person = Person::new(&stage, [Permit::Skip, Permit::Skip]);
    let failure = failure_of(person.run(&play, &mut stage));
    assert_eq!(person.asked.len(), 4, "the step inside a skipped one is not asked for");
    assert!(person.asked[0].commit && !person.asked[1].commit);
    let story = ["steps/0 Skipped", "steps/1 Skipped", "steps/2 Succeeded", "steps/3 Failed"];
    assert_eq!(person.record.story(), story);
    assert!(person.record.intents.is_empty());
    assert_eq!(failure.message, "at the end", "nothing is said to be done");
    assert_eq!(stage.screen.inputs(), ["key b"]);
}

#[test]
fn a_stop_ends_the_run_before_the_step_as_a_cancel_does() {
    let mut stage = Stage::new();
    stage.screen.open("Clinic", crate::desktop::Rect::new(10, 10, 200, 100));
    let play = Play::steps(
        "  - try:\n      steps: [ { key: a }, { key: b } ]\n      catch: [ { key: c } ]\n      finally: [ { key: d } ]\n",
    );
    let stop = Permit::Stop(Stop::Cancelled);
    let mut person = Person::new(&stage, [Permit::Run, Permit::Run, stop]);
    assert_eq!(person.run(&play, &mut stage), Ending::Stopped(Stop::Cancelled));
    assert_eq!(stage.screen.inputs(), ["key a"]);
    assert!(stage.screen.log.iter().any(|line| line.contains("release")), "{:?}", stage.screen.log);
    assert_eq!(person.record.story(), ["steps/0/steps/0 Succeeded", "steps/0 Failed"]);
}

#[test]
fn thinking_takes_no_time_from_a_step_or_from_the_attempt() {
    let mut stage = Stage::new();
    let mut play = Play::steps("  - { wait: { file: /tmp/there }, timeout: 5s }\n  - { sleep: 20s }\n");
    play.timeout = Duration::from_secs(30);
    let hour = 3_600_000;
    stage.at_ms(hour + 3_000, |stage| stage.files.push("/tmp/there".into()));
    let mut person = Person::new(&stage, []);
    person.thinks = Duration::from_millis(hour);
    let ending = person.run(&play, &mut stage);
    assert!(matches!(ending, Ending::Succeeded { .. }), "{ending:?}");
    let waited = person.record.ended("steps/0");
    assert_eq!(waited.finished_at.unwrap().as_ms() - waited.started_at.as_ms(), 3_000);

    // The same time without a thought is too long.
    let mut stage = Stage::new();
    let mut play = Play::steps("  - sleep: 31s\n");
    play.timeout = Duration::from_secs(30);
    let failure = failure_of(Person::new(&stage, []).run(&play, &mut stage));
    assert_eq!(failure.category, Category::Timeout);
}
