//! Our search for a picture beside OpenCV's (`TM_CCOEFF_NORMED`, gray, one thread), in one run, on the same screens of real applications.
//!
//! First the times, question by question in turn; then what was found rightly, wrongly and not at all over cases made by dice.
//! `make bench` installs OpenCV; `cargo bench --bench opencv [-- CASES]` needs it installed.

#![cfg(target_os = "linux")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on says why")]
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

#[path = "opencv/cases.rs"]
mod cases;
#[path = "support/dice.rs"]
mod dice;
#[path = "opencv/other.rs"]
mod other;
#[path = "opencv/screens.rs"]
mod screens;
#[path = "opencv/tally.rs"]
mod tally;
#[expect(dead_code, reason = "its screens are of other sizes")]
#[path = "../tests/support/xvfb.rs"]
mod xvfb;

use std::{fs, time::Duration};

use cases::{Case, Kind};
use deskfleet::desktop::{
    Frame, Rect,
    image::{Finder, Hit, Miss, Search, SearchOptions, Template},
};
use dice::Dice;
use other::{Answer, OpenCv};
use screens::Screen;
use tally::Tally;

/// Of each question.
const ROUNDS: usize = 9;

/// Of right and wrong.
const DEFAULT_CASES: usize = 1_200;

/// Tries without a place before a screen counts as showing nothing.
const MOST_IN_VAIN: usize = 50;

/// Small and large.
const TIMED_SIZES: [(u32, u32); 3] = [(64, 24), (120, 40), (400, 300)];

fn main() {
    // cargo bench adds `--bench`.
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let cases = arguments.next().map_or(DEFAULT_CASES, |text| text.parse().expect("a number of cases"));
    let folder = tempfile::tempdir().expect("there is room for the screens");
    let mut opencv = OpenCv::start();
    println!("OpenCV {}, TM_CCOEFF_NORMED, gray, one thread", opencv.version);
    let small: Vec<Screen> = (0..4).map(|number| Screen::take(1920, 1080, number, folder.path())).collect();
    let large = Screen::take(3840, 2160, 4, folder.path());

    println!(
        "\nmilliseconds, median of {ROUNDS}: `one` names every place that could be meant, as a click needs; `any` is enough for a probe"
    );
    println!("{:<34} {:>8} {:>8} {:>8} {:>8}  {:<16} how", "", "one", "any", "OpenCV", "(match)", "OpenCV / ours");
    for screen in [&small[0], &large] {
        for size in TIMED_SIZES {
            for kind in Kind::ALL {
                time(screen, size, kind, &mut opencv);
            }
        }
    }
    count(cases, &small, &mut opencv);
}

/// Ours and theirs in turn, each on a picture it sees for the first time.
fn time(screen: &Screen, size: (u32, u32), kind: Kind, opencv: &mut OpenCv) {
    let mut dice = Dice::new(7);
    let Some(case) = Case::make(screen, size, kind, &mut dice) else {
        println!("no place of {}x{} is distinct enough on this screen", size.0, size.1);
        return;
    };
    let file = screen.folder.join("template.png");
    fs::write(&file, case.template.to_png().expect("it encodes")).expect("it can be written");
    let template = Template::from_frame(&case.template).expect("it is not transparent");
    let look = screen.look(kind);
    let (mut one, mut any, mut gray, mut matched) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut last = None;
    for _ in 0..ROUNDS {
        let unique = fresh(&look.frame, &template, true);
        one.push(milliseconds(unique.elapsed));
        let probe = fresh(&look.frame, &template, false);
        any.push(milliseconds(probe.elapsed));
        let answer = opencv.ask(&look.file, &file);
        gray.push(answer.gray_ms + answer.match_ms);
        matched.push(answer.match_ms);
        last = Some((unique, probe));
    }
    let (unique, probe) = last.expect("there were rounds");
    let how = |search: &Search| search.best.map_or("-", |best| best.how.as_str());
    let [one, any, both, matched] = [one, any, gray, matched].map(median);
    println!(
        "{:<34} {one:>8.2} {any:>8.2} {both:>8.2} {matched:>8.2}  {:>7.1} {:>7.1}  {} {}",
        format!("{}x{} {} {}x{}", screen.width, screen.height, kind.as_str(), size.0, size.1),
        both / one,
        both / any,
        how(&unique),
        how(&probe),
    );
}

fn fresh(frame: &Frame, template: &Template, unique: bool) -> Search {
    Finder::new().find(frame, template, &SearchOptions { unique, ..SearchOptions::default() })
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

/// Right and wrong, over so many cases by dice.
fn count(wanted: usize, screens: &[Screen], opencv: &mut OpenCv) {
    let mut dice = Dice::new(42);
    let options = SearchOptions::default();
    // Asking for a number among several is asking the last stage alone, which looks everywhere.
    let everywhere = SearchOptions { index: Some(0), ..SearchOptions::default() };
    let mut tallies = Kind::ALL.map(Tally::new);
    let mut otherwise = Vec::new();
    let mut finders: Vec<Finder> = screens.iter().flat_map(|_| Kind::ALL).map(|_| Finder::new()).collect();
    let (mut made, mut in_vain) = (0, 0);
    while made < wanted {
        let (screen_at, kind_at) = (made % screens.len(), made / screens.len() % Kind::ALL.len());
        let (screen, kind) = (&screens[screen_at], Kind::ALL[kind_at]);
        let size = cases::size(&mut dice);
        let Some(case) = Case::make(screen, size, kind, &mut dice) else {
            in_vain += 1;
            assert!(in_vain < MOST_IN_VAIN, "screen {screen_at} shows nothing that is distinct enough");
            continue;
        };
        (made, in_vain) = (made + 1, 0);
        let file = screen.folder.join("template.png");
        fs::write(&file, case.template.to_png().expect("it encodes")).expect("it can be written");
        let look = screen.look(kind);
        let template = Template::from_frame(&case.template).expect("it is not transparent");
        let search = finders[screen_at * Kind::ALL.len() + kind_at].find(&look.frame, &template, &options);
        let theirs: Answer = opencv.ask(&look.file, &file);
        let (ours, last) =
            (search.one(&options), Finder::new().find(&look.frame, &template, &everywhere).one(&options));
        if place_of(&ours) != place_of(&last) || Tally::is_wrong(case.place, &ours) {
            otherwise.push(format!(
                "{} {}x{} at {:?}: {}; {}",
                kind.as_str(),
                size.0,
                size.1,
                case.place,
                said(&ours),
                said(&last)
            ));
        }
        tallies[kind_at].add(case.place, ours, &theirs);
    }
    tally::print(&tallies);
    println!("\nwrong, or where the last stage alone says otherwise: what was said; what it says");
    for line in otherwise {
        println!("{line}");
    }
}

/// `None` where no one place is named.
fn place_of(answer: &Result<Hit, Miss>) -> Option<Rect> {
    answer.as_ref().ok().map(|hit| hit.rect)
}

fn said(answer: &Result<Hit, Miss>) -> String {
    match answer {
        Ok(hit) => format!("{} with {:.3} by {}", hit.rect, hit.score, hit.how),
        Err(miss) => miss.to_string(),
    }
}
