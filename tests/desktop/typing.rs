//! Texts that arrive: typed into a real editor by every way there is and read back. Each is there as it was given, or the answer is an
//! error that says why it is not.

use std::{collections::BTreeMap, process::Command, time::Duration};

use deskfleet::desktop::{Desktop, DesktopError, TypeOptions, TypeVia, Typed, WindowId};

use crate::{
    press,
    support::{Session, until},
};

/// Without `make typing`.
const FEW_RUNS: usize = 16;

const NOTHING: &str = "nothing was copied";

const KANJI: &str = "漢字日本語東京大学病院患者受付番号保険証診察室薬局会計済領収書";
const EMOJI: &str = "🎉😀👍🏽👩‍⚕️🇩🇪❤️🩺💊🚑✅";
const GERMAN: &str = "abcxyzXYZäöüÄÖÜß€@{}[]\\|µ°§!\"$%&/()=?+*#',;.:-_<>0123456789 \n";
const FRENCH: &str = "abcqwmAQZWMéèçà&\"'(-_)=$*ù!:;,?./§%µ£+°1234567890@#{[|\\]}€<> \n";
const AMERICAN: &str = "abcxyzXYZ`~!@#$%^&*()-_=+[]{}\\|;:'\",.<>/?0123456789 \n";

/// What is tried in one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Case {
    Kanji,
    Emoji,
    German,
    French,
    ByCodes,
    CapsLock,
    StoppedKeys,
    StoppedPaste,
}

const CASES: [Case; 8] = [
    Case::Kanji,
    Case::Emoji,
    Case::German,
    Case::French,
    Case::ByCodes,
    Case::CapsLock,
    Case::StoppedKeys,
    Case::StoppedPaste,
];

/// The same numbers for the same run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below
    }

    fn text(&mut self, alphabet: &str, chars: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        (0..chars).map(|_| letters[self.roll(letters.len())]).collect()
    }
}

struct Desk {
    session: Session,
    desktop: Box<dyn Desktop>,
    editor: WindowId,
    pid: u32,
    layout: &'static str,
}

impl Desk {
    fn new() -> Self {
        let mut session = Session::start();
        let mut desktop = session.desktop();
        let editor = session.editor(&mut *desktop);
        let windows = desktop.windows().unwrap();
        let pid = windows.iter().find(|window| window.id == editor).and_then(|window| window.pid).unwrap();
        Self { session, desktop, editor, pid, layout: "us" }
    }

    fn layout(&mut self, name: &'static str) {
        if self.layout != name {
            self.session.layout(name);
            self.layout = name;
        }
    }

    fn empty(&mut self) {
        press(&mut *self.desktop, "ctrl+a");
        press(&mut *self.desktop, "Delete");
    }

    /// What stands in the editor. A mark that is typed behind it says when the editor has come to the end of it.
    fn text(&mut self) -> String {
        press(&mut *self.desktop, "ctrl+End");
        let mark = TypeOptions { via: TypeVia::Keys, ..TypeOptions::default() };
        self.desktop.type_text("z", &mark).unwrap();
        self.desktop.write_clipboard(NOTHING).unwrap();
        press(&mut *self.desktop, "ctrl+a");
        press(&mut *self.desktop, "ctrl+c");
        let copied =
            until(Duration::from_secs(20), || self.desktop.read_clipboard().unwrap().filter(|text| text != NOTHING));
        let mut copied = copied.expect("the editor gives what stands in it");
        assert_eq!(copied.pop(), Some('z'), "the mark is the last");
        copied
    }

    fn type_text(&mut self, text: &str, via: TypeVia) -> Result<Typed, DesktopError> {
        let options = TypeOptions { via, window: Some(self.editor), ..TypeOptions::default() };
        self.desktop.type_text(text, &options)
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.pid.to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// One run: whether the text was typed, or why not. What stands in the editor must agree.
    fn run(&mut self, case: Case, dice: &mut Dice) -> Result<TypeVia, &'static str> {
        self.empty();
        let chars = 1 + dice.roll(60);
        let by_keys = [TypeVia::Auto, TypeVia::Keys, TypeVia::Scancode];
        let (layout, text, via) = match case {
            Case::Kanji => ("us", dice.text(KANJI, 200), TypeVia::Auto),
            Case::Emoji => ("us", EMOJI.repeat(1 + dice.roll(5)), TypeVia::Auto),
            // One letter in so many that no key of this keyboard has.
            Case::German => ("de", dice.text(&format!("{GERMAN}é"), chars), by_keys[dice.roll(3)]),
            Case::French => ("fr", dice.text(&format!("{FRENCH}ß"), chars), by_keys[dice.roll(3)]),
            Case::ByCodes => ("us", dice.text(AMERICAN, 200), TypeVia::Scancode),
            Case::CapsLock => ("de", dice.text(GERMAN, chars), by_keys[dice.roll(2)]),
            Case::StoppedKeys => ("us", dice.text(AMERICAN, chars), TypeVia::Keys),
            Case::StoppedPaste => ("us", dice.text(KANJI, chars), TypeVia::Auto),
        };
        self.layout(layout);
        if case == Case::CapsLock {
            press(&mut *self.desktop, "CapsLock");
        }
        let stopped = matches!(case, Case::StoppedKeys | Case::StoppedPaste);
        if stopped {
            self.signal("-STOP");
        }
        let result = self.type_text(&text, via);
        if stopped {
            self.signal("-CONT");
        }
        if case == Case::CapsLock {
            let was_on = result.as_ref().is_ok_and(|typed| typed.caps_lock_was_on || typed.via == TypeVia::Paste);
            assert!(was_on, "{result:?}: {text:?}");
            press(&mut *self.desktop, "CapsLock");
        }
        match result {
            Ok(typed) => {
                assert_eq!(self.text(), text, "typed with {via:?} on {layout}");
                Ok(typed.via)
            }
            Err(DesktopError::Untypable(named)) => {
                assert!(
                    via != TypeVia::Auto && text.contains(['é', 'ß']),
                    "{named} of {text:?} with {via:?} on {layout}"
                );
                assert_eq!(self.text(), "", "nothing of it is typed");
                Err("a character without a key")
            }
            Err(DesktopError::Clipboard(_)) if case == Case::StoppedPaste => Err("not taken in time"),
            Err(error) => panic!("{error}: {text:?} with {via:?} on {layout}"),
        }
    }
}

#[test]
fn texts_arrive_as_they_are_or_it_is_said_why_not() {
    let runs = std::env::var("RUNS").map_or(FEW_RUNS, |text| text.parse().expect("RUNS is a number"));
    let mut desk = Desk::new();
    let mut told: BTreeMap<(Case, String), usize> = BTreeMap::new();
    for run in 0..runs {
        let case = CASES[run % CASES.len()];
        let mut dice = Dice(u64::try_from(run).unwrap());
        dice.roll(2);
        let outcome = match desk.run(case, &mut dice) {
            Ok(via) => format!("right, by {via:?}"),
            Err(reason) => format!("an error: {reason}"),
        };
        *told.entry((case, outcome)).or_default() += 1;
    }
    for ((case, outcome), times) in &told {
        println!("{case:?}: {times} {outcome}");
    }
    let right: usize =
        told.iter().filter(|((_, outcome), _)| outcome.starts_with("right")).map(|(_, times)| times).sum();
    println!("{right} of {runs} right, the others an error that says why");
    assert!(told.keys().any(|(case, outcome)| *case == Case::StoppedKeys && outcome.starts_with("right")));
}
