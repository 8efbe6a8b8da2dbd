//! Text off the screen, by what the reader answers. What it really reads is for `tests/runner_x11/text.rs`.

use std::fmt::Write as _;

use serde_json::json;

use super::{Play, Stage, done, failed, failure_of, finished, output_of};
use crate::{
    desktop::{
        Color, Rect,
        process::{Finished, ProcessError},
    },
    wire::job::Category,
};

/// As tesseract answers for a picture whose corner is at `origin`: lines of words, each with its place on the screen.
fn answer(origin: (i32, i32), lines: &[&[(&str, i32, i32)]]) -> Finished {
    let mut rows =
        String::from("level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n");
    for (line, words) in lines.iter().enumerate() {
        for (word, (text, x, y)) in words.iter().enumerate() {
            let [left, top] = [x - origin.0, y - origin.1].map(|at| 2 * (at + 8));
            let width = 2 * 6 * text.chars().count();
            let _ = writeln!(rows, "5\t1\t1\t1\t{line}\t{word}\t{left}\t{top}\t{width}\t20\t93\t{text}");
        }
    }
    finished(0, &rows, "")
}

const FORM: &[&[(&str, i32, i32)]] = &[
    &[("Patient:", 20, 40), ("Ada", 100, 40), ("Lovelace", 124, 40)],
    &[("MRN", 20, 80), ("4711", 100, 80), ("Edit", 300, 80)],
    &[("Save", 20, 120), ("as...", 50, 120), ("Save", 300, 120), ("Edit", 340, 120)],
];

fn stage(answers: &[Finished]) -> Stage {
    let mut stage = Stage::new();
    stage.answers.extend(answers.iter().cloned().map(Ok::<_, ProcessError>));
    stage
}

#[test]
fn a_text_is_clicked_in_its_middle() {
    let mut stage = stage(&[answer((0, 0), FORM)]);
    let inputs = done(&mut stage, "  - click: { text: \"{{ 'ada' }} lovelace\", offset: [0, 3] }");
    // `Ada Lovelace` is 100,40 to 172,50.
    assert_eq!(inputs.last().unwrap(), "click 135,47 Left x1 []");
    let program = stage.started[0].join(" ");
    assert_eq!(program, "tesseract stdin stdout -l eng --psm 11 tsv");
}

#[test]
fn what_is_there_twice_is_told_and_chosen_by_number_pattern_case_or_neighbour() {
    let failure = failed(&mut stage(&[answer((0, 0), FORM)]), "  - click: { text: save }");
    assert_eq!(failure.category, Category::TargetNotFound);
    for part in ["20,120", "300,120", "2 times"] {
        assert!(failure.message.contains(part), "{part} in {}", failure.message);
    }
    for (target, click) in [
        ("{ text: save, index: 1 }", "click 311,124"),
        ("{ text: { regex: 'Save as' } }", "click 49,124"),
        ("{ text: { text: save as, case: false } }", "click 49,124"),
    ] {
        let inputs = done(&mut stage(&[answer((0, 0), FORM)]), &format!("  - click: {target}"));
        assert!(inputs.last().unwrap().starts_with(click), "{target}: {inputs:?}");
    }
    let failure = failed(&mut stage(&[]), "  - { click: { text: { text: SAVE, case: true } }, timeout: 0ms }");
    assert!(failure.message.contains("0 words were read there"), "{}", failure.message);
}

#[test]
fn of_several_beside_something_the_nearest_is_meant() {
    // The anchor is read off the whole screen, the target off its line: from its right edge on, half its height around it.
    let line = answer((38, 76), &[&[("4711", 100, 80), ("Edit", 300, 80), ("Edit", 340, 80)]]);
    let mut stage = stage(&[answer((0, 0), FORM), line]);
    let inputs = done(&mut stage, "  - click: { text: Edit, right_of: { text: MRN } }");
    assert_eq!(inputs.last().unwrap(), "click 311,84 Left x1 []");
    // Nothing was read twice: the second click is answered from what is known.
    let mut again = self::stage(&[answer((0, 0), FORM)]);
    done(&mut again, "  - click: { text: Patient }\n  - click: { text: MRN }\n  - wait: { text: Edit }");
    assert_eq!(again.started.len(), 1);
}

#[test]
fn what_stands_beside_something_is_extracted() {
    let line = || answer((68, 36), &[&[("Ada", 100, 40), ("Lovelace", 124, 40), ("London", 300, 40)]]);
    let play = |extract: &str| {
        let text =
            format!("steps:\n  - {{ extract: {extract}, as: name }}\noutput: {{ name: \"{{{{ vars.name }}}}\" }}");
        let mut stage = stage(&[answer((0, 0), FORM), line()]);
        let (ending, record) = Play::workflow(&text).run(&mut stage);
        (ending, record, stage)
    };
    let (ending, record, _) = play("{ from: { right_of: { text: Patient } } }");
    assert_eq!(output_of(ending), json!({"name": "Ada Lovelace"}), "what is far away is another column");
    let finds = &record.ended("steps/0").finds;
    assert_eq!((finds.len(), finds[1].how.as_deref()), (2, Some("ocr")));
    assert_eq!(finds[1].target, "text right of text \"Patient\"");
    let (ending, ..) = play("{ from: { right_of: { text: Patient } }, regex: '\\w+$' }");
    assert_eq!(output_of(ending), json!({"name": "Lovelace"}));
    let (ending, _, stage) = play("{ from: { right_of: { text: Patient } }, regex: '\\d+' }");
    let failure = failure_of(ending);
    assert_eq!(failure.category, Category::Assertion);
    assert!(failure.message.contains("matches nothing in \"Ada Lovelace\""), "{}", failure.message);
    assert_eq!(stage.elapsed_ms(), 10_000, "it may yet come");
}

#[test]
fn lines_are_read_off_a_window() {
    let mut stage = stage(&[answer((100, 50), &[&[("Total", 110, 80), ("12,50", 150, 80)], &[("EUR", 110, 100)]])]);
    stage.screen.open("Receipt", Rect::new(100, 50, 200, 120));
    let text = "steps:\n  - { extract: { from: { window: Receipt }, how: ocr, lang: deu }, as: all }\noutput: { all: \"{{ vars.all }}\" }";
    assert_eq!(output_of(Play::workflow(text).run(&mut stage).0), json!({"all": "Total 12,50\nEUR"}));
    assert_eq!(stage.started[0].join(" "), "tesseract stdin stdout -l deu --psm 6 tsv");
}

#[test]
fn what_single_words_do_not_show_is_looked_for_in_paragraphs_and_again_when_the_screen_changes() {
    let nothing = || answer((0, 0), &[]);
    let mut stage = stage(&[nothing(), nothing(), nothing(), answer((0, 0), FORM)]);
    stage.at_ms(3_000, |stage| stage.screen.frame.fill(Rect::new(0, 0, 9, 9), Color::default()));
    done(&mut stage, "  - wait: { text: Patient }");
    assert_eq!(stage.elapsed_ms(), 3_000);
    let modes: Vec<&str> = stage.started.iter().map(|words| words[6].as_str()).collect();
    assert_eq!(modes, ["11", "3", "11", "3"]);
}

#[test]
fn a_machine_that_cannot_read_says_what_it_lacks() {
    let mut stage = Stage::new();
    stage.answers.push_back(Err(ProcessError::NotFound { program: "tesseract".to_owned() }));
    let failure = failed(&mut stage, "  - click: { text: Save }");
    assert_eq!(failure.category, Category::Agent);
    assert!(failure.message.contains("apt-get install tesseract-ocr"), "{}", failure.message);
    let no_language =
        finished(1, "", "Error opening data file /usr/share/deu.traineddata\nTesseract couldn't load any languages!");
    let mut stage = self::stage(&[no_language]);
    let failure = failed(&mut stage, "  - click: { text: { text: Save, lang: deu } }");
    assert_eq!(failure.category, Category::Agent);
    assert!(failure.message.contains("install `deu` for tesseract"), "{}", failure.message);
}
