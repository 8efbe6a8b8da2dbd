//! Text off a real screen: tesseract reads what a real application shows.

use deskfleet::wire::job::Category;
use serde_json::json;

use super::{Ending, Place, output};

const RECEIPT: &str = "Patient: Anna Lovelace\\nMRN 4711\\nReceipt R-20931 paid\\nTotal 1,234.56 EUR";

/// The editor, with the text of a receipt in it.
fn receipt(steps: &str) -> Place {
    let place = Place::new();
    place.editor();
    place.write(
        "workflow.yaml",
        &format!(
            "kind: workflow\nname: receipt\napps: [editor]\nvars: {{ mrn: none, receipt: none, total: none, all: none }}\nsteps:\n  \
             - activate: {{ window: {{ class: mousepad }} }}\n  \
             - type: {{ text: \"{RECEIPT}\", clear: true, read_back: true }}\n  - key: ctrl+End\n{steps}\
             output: {{ mrn: \"{{{{ vars.mrn }}}}\", receipt: \"{{{{ vars.receipt }}}}\", total: \"{{{{ vars.total }}}}\", all: \"{{{{ vars.all }}}}\" }}\n"
        ),
    );
    place
}

#[test]
fn what_stands_on_the_screen_is_waited_for_and_read_and_selected() {
    let place = receipt(
        r"  - wait: { text: Patient, in: { window: { class: mousepad } } }
  - { extract: { from: { right_of: { text: Receipt } }, regex: 'R-\d+' }, as: receipt }
  - { extract: { from: { right_of: { text: Total } }, regex: '[\d.,]+' }, as: total }
  - double_click: { text: '4711', right_of: { text: MRN } }
  - key: ctrl+c
  - { read_clipboard: {}, as: mrn }
  - { extract: { from: { window: { class: mousepad } }, how: ocr, regex: 'Anna \w+' }, as: all }
",
    );
    let (ending, record) = place.run(&json!({}));
    let read = json!({"mrn": "4711", "receipt": "R-20931", "total": "1,234.56", "all": "Anna Lovelace"});
    assert_eq!(output(ending), read);
    let how: Vec<_> =
        record.reports.iter().flat_map(|report| &report.finds).filter_map(|find| find.how.clone()).collect();
    assert!(how.iter().any(|how| how == "ocr"), "{how:?}");
}

#[test]
fn a_menu_is_opened_by_its_words() {
    let place = receipt(
        r"  - click: { text: Edit, in: { window: { class: mousepad } } }
  - click: { text: Select All }
  - key: ctrl+c
  - { read_clipboard: { regex: '(?s)Patient.*EUR' }, as: all }
",
    );
    let all = output(place.run(&json!({})).0)["all"].clone();
    assert_eq!(all, RECEIPT.replace("\\n", "\n"));
}

#[test]
fn words_that_are_not_there_are_not_found_in_others() {
    for (target, part) in [
        ("{ text: Patients }", "no text \"Patients\" on the screen"),
        ("{ text: 471 }", "no text \"471\" on the screen"),
        ("{ text: Anna, left_of: { text: Patient } }", "no text \"Anna\" left of text \"Patient\""),
        ("{ text: Anna, right_of: { text: Nobody } }", "beside which to look, is not there"),
    ] {
        let place = receipt(&format!("  - {{ click: {target}, timeout: 1s }}\n").replace("471 }", "'471' }"));
        let (ending, _) = place.run(&json!({}));
        let Ending::Failed(failure) = ending else { panic!("{target}: {ending:?}") };
        assert_eq!(failure.category, Category::TargetNotFound, "{target}: {}", failure.message);
        assert!(failure.message.contains(part), "{target}: {}", failure.message);
    }
}
