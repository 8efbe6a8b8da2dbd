//! `deskfleet find` on pictures of a screen.

use std::path::Path;

use deskfleet::desktop::{Color, Frame, Point, Rect};
use serde_json::Value;

use super::{code, deskfleet, folder, stderr, stdout};

const GREEN: Color = Color::new(0, 166, 81);
const MAGENTA: Color = Color::new(255, 0, 200);

/// A button as no other: bars whose widths are the bits of its number.
fn button(number: u32) -> Frame {
    let mut frame = Frame::filled(48, 18, Color::new(220, 220, 224));
    for bit in 0..8 {
        let width = 2 + 3 * (number >> bit & 1);
        frame.fill(Rect::new(4 + 5 * bit, 4, width, 10), Color::new(30, 40, 60));
    }
    frame
}

/// Buttons on a desktop that is not of one colour.
fn screen(buttons: &[(u32, i32, i32)]) -> Frame {
    let mut frame = Frame::filled(640, 400, Color::new(60, 90, 130));
    for (number, x, y) in buttons {
        let picture = button(*number);
        for row in 0..18 {
            for column in 0..48 {
                let color = picture.pixel(Point::new(column, row)).expect("inside");
                frame.fill(Rect::new(x + column, y + row, 1, 1), color);
            }
        }
    }
    frame
}

fn write(folder: &Path, name: &str, frame: &Frame) {
    std::fs::write(folder.join(name), frame.to_png().expect("PNG")).expect("written");
}

fn json(folder: &Path, arguments: &[&str]) -> (i32, Value) {
    let output = deskfleet(folder, &[&["find"], arguments, &["-o", "json"]].concat());
    (code(&output), serde_json::from_str(&stdout(&output)).unwrap_or_else(|_| panic!("{output:?}")))
}

#[test]
fn an_image_is_found_where_it_is_and_how_sure_that_is_is_told() {
    let folder = folder();
    write(folder.path(), "save.png", &button(0b1011_0010));
    write(folder.path(), "screen.png", &screen(&[(0b1011_0010, 300, 120), (0b0100_1101, 40, 60)]));
    let (exit, told) = json(folder.path(), &["save.png", "--in", "screen.png", "--marked", "marked.webp"]);
    assert_eq!(exit, 0);
    let found = &told["found"];
    assert_eq!([&found["x"], &found["y"], &found["width"], &found["height"]], [300, 120, 48, 18]);
    assert_eq!((&found["score"], &found["how"]), (&1.0.into(), &"exact".into()));
    assert!(told["elapsed_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{told}");
    let marked = Frame::decode(&std::fs::read(folder.path().join("marked.webp")).expect("saved")).expect("a picture");
    assert_eq!(marked.pixel(Point::new(299, 119)), Some(GREEN));

    let output = deskfleet(folder.path(), &["find", "save.png", "--in", "screen.png"]);
    assert_eq!(code(&output), 0);
    assert!(stdout(&output).lines().any(|line| line.contains("300,120") && line.ends_with("found")), "{output:?}");
}

#[test]
fn what_is_not_there_or_there_twice_is_1_with_every_candidate() {
    let folder = folder();
    write(folder.path(), "save.png", &button(0b1011_0010));
    write(folder.path(), "none.png", &screen(&[(0b1010_0010, 300, 120)]));
    let (exit, told) = json(folder.path(), &["save.png", "--in", "none.png", "--score", "0.99"]);
    assert_eq!((exit, &told["found"]), (1, &Value::Null));
    let best = &told["candidates"][0];
    assert_eq!([&best["x"], &best["y"]], [300, 120]);
    assert!(best["score"].as_f64().is_some_and(|score| (0.5..0.99).contains(&score)), "{best}");

    write(folder.path(), "twice.png", &screen(&[(0b1011_0010, 300, 120), (0b1011_0010, 20, 200)]));
    let twice = ["save.png", "--in", "twice.png", "--marked", "marked.png"];
    let (exit, told) = json(folder.path(), &twice);
    assert_eq!((exit, &told["found"]), (1, &Value::Null));
    assert_eq!(told["candidates"].as_array().map(Vec::len), Some(2));
    let marked = Frame::decode(&std::fs::read(folder.path().join("marked.png")).expect("saved")).expect("a picture");
    assert_eq!(marked.pixel(Point::new(19, 199)), Some(MAGENTA));
    let output = deskfleet(folder.path(), &["find", "save.png", "--in", "twice.png"]);
    assert!(stderr(&output).contains("`index`"), "{}", stderr(&output));

    let (exit, told) = json(folder.path(), &["save.png", "--in", "twice.png", "--index", "1"]);
    assert_eq!((exit, &told["found"]["y"]), (0, &200.into()));
    let (exit, told) = json(folder.path(), &["save.png", "--in", "twice.png", "--region", "0,150,200,200"]);
    assert_eq!((exit, &told["found"]["x"]), (0, &20.into()));
}

#[test]
fn what_is_no_picture_and_what_makes_no_sense_is_refused_with_its_name() {
    let folder = folder();
    write(folder.path(), "save.png", &button(1));
    write(folder.path(), "screen.png", &screen(&[]));
    std::fs::write(folder.path().join("half.png"), &button(1).to_png().expect("PNG")[..60]).expect("written");
    std::fs::write(folder.path().join("empty.png"), "").expect("written");
    for (arguments, exit, word) in [
        (["half.png", "--in", "screen.png"].as_slice(), 7, "half.png"),
        (&["save.png", "--in", "empty.png"], 7, "empty.png"),
        (&["save.png", "--in", "absent.png"], 7, "absent.png"),
        (&["save.png", "--in", "screen.png", "--score", "1.5"], 2, "from 0 to 1"),
        (&["save.png", "--in", "screen.png", "--region", "1,2,3"], 2, "X,Y,WIDTH,HEIGHT"),
        (&["save.png", "--in", "screen.png", "--region", "1,2,0,4"], 2, "X,Y,WIDTH,HEIGHT"),
        (&["screen.png", "--in", "save.png"], 1, "larger"),
    ] {
        let output = deskfleet(folder.path(), &[&["find"], arguments].concat());
        assert_eq!(code(&output), exit, "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(word), "{arguments:?}: {}", stderr(&output));
    }
}
