//! `wait_idle` on a real desktop: a program that computes for a while, and a pointer that asks to wait.

use std::{process::Command, time::Duration};

use deskfleet::{
    desktop::Point,
    wire::{job::Category, step::StepState},
};
use serde_json::json;
use x11rb::{
    connection::Connection as _,
    protocol::{
        xfixes::ConnectionExt as _,
        xproto::{ChangeWindowAttributesAux, ConnectionExt as _, CreateWindowAux, WindowClass},
    },
    rust_connection::RustConnection,
};

use crate::{Ending, Place, Record, output, xvfb::until};

const LIMIT: Duration = Duration::from_secs(20);

/// A terminal in which a shell carries this out, in front.
fn terminal(place: &mut Place, line: &str) {
    let mut xterm = Command::new("xterm");
    xterm.args(["-e", "sh", "-c", line]);
    place.desktop.spawn(xterm);
    let mut desktop = place.look();
    until("the terminal to have the focus", || {
        desktop.focused_window().unwrap().filter(|window| window.class.contains("XTerm"))
    });
}

fn workflow(place: &Place, step: &str) {
    place.write(
        "workflow.yaml",
        &format!("kind: workflow\nname: rest\nsteps:\n  - {step}\noutput: {{ rested: true }}\n"),
    );
}

fn took(record: &Record) -> Duration {
    let step = record.reports.iter().find(|report| report.state == StepState::Succeeded).unwrap();
    Duration::from_millis(step.finished_at.unwrap().as_ms() - step.started_at.as_ms())
}

#[test]
fn a_program_that_computes_is_waited_for_until_it_rests() {
    let mut place = Place::new();
    let rests = place.folder.path().join("rests");
    let burn = format!("timeout 3 sh -c 'while :; do :; done'; touch {}; sleep 600", rests.display());
    terminal(&mut place, &burn);
    workflow(&place, "{ wait_idle: {}, timeout: 20s }");
    let (ending, record) = place.run(&json!({}));
    assert_eq!(output(ending), json!({"rested": true}));
    assert!(rests.exists(), "it still computed");
    assert!(took(&record) < LIMIT);
}

#[test]
fn a_program_that_never_rests_is_named_with_its_share_of_a_processor() {
    let mut place = Place::new();
    terminal(&mut place, "while :; do :; done");
    workflow(&place, "{ wait_idle: { process: xterm }, timeout: 2s }");
    let Ending::Failed(failure) = place.run(&json!({})).0 else { panic!("it never rests") };
    assert_eq!(failure.category, Category::Timeout);
    assert!(failure.message.contains("sh (process "), "{}", failure.message);
    assert!(failure.message.contains("% of a processor"), "{}", failure.message);
}

/// Gives a window a cursor with a name, as libraries of cursor themes do.
fn point_with(connection: &RustConnection, window: u32, name: &str) {
    connection.xfixes_query_version(4, 0).unwrap().reply().unwrap();
    let (font, cursor) = (connection.generate_id().unwrap(), connection.generate_id().unwrap());
    connection.open_font(font, b"cursor").unwrap().check().unwrap();
    connection
        .create_glyph_cursor(cursor, font, font, 150, 151, 0, 0, 0, 65_535, 65_535, 65_535)
        .unwrap()
        .check()
        .unwrap();
    connection.xfixes_set_cursor_name(cursor, name.as_bytes()).unwrap().check().unwrap();
    let with_cursor = ChangeWindowAttributesAux::new().cursor(cursor);
    connection.change_window_attributes(window, &with_cursor).unwrap().check().unwrap();
}

#[test]
fn a_pointer_that_asks_to_wait_is_waited_for_and_told() {
    let place = Place::new();
    let (connection, screen) = x11rb::connect(Some(place.desktop.display())).unwrap();
    let screen = &connection.setup().roots[screen];
    // In the middle of the screen, where the pointer is.
    let window = connection.generate_id().unwrap();
    let unmanaged = CreateWindowAux::new().override_redirect(1).background_pixel(screen.white_pixel);
    let kind = WindowClass::INPUT_OUTPUT;
    connection.create_window(0, window, screen.root, 440, 200, 400, 400, 0, kind, 0, &unmanaged).unwrap();
    connection.map_window(window).unwrap().check().unwrap();
    point_with(&connection, window, "left_ptr_watch");
    workflow(&place, "{ wait_idle: {}, timeout: 1s }");
    let Ending::Failed(failure) = place.run(&json!({})).0 else { panic!("the pointer asks to wait") };
    assert_eq!(failure.category, Category::Timeout);
    assert!(failure.message.contains("`left_ptr_watch`"), "{}", failure.message);

    point_with(&connection, window, "left_ptr");
    assert_eq!(output(place.run(&json!({})).0), json!({"rested": true}));
}

#[test]
fn a_terminal_that_shows_the_watch_of_the_cursor_font_is_seen_as_busy_and_one_with_a_caret_is_not() {
    let mut place = Place::new();
    let mut desktop = place.look();
    let mut show = |shape: &str| {
        let mut xterm = Command::new("xterm");
        let shape = format!("XTerm*pointerShape: {shape}");
        xterm.args(["-title", "shown", "-geometry", "200x60+0+0", "-xrm", &shape, "-e", "sleep", "600"]);
        place.desktop.spawn(xterm);
    };
    show("watch");
    let shown = until("the pointer to show a watch", || {
        desktop.move_pointer(Point::new(200, 200)).unwrap();
        desktop.busy_pointer().unwrap()
    });
    assert_eq!(shown, "watch");

    show("xterm");
    until("the pointer to show something else", || {
        desktop.move_pointer(Point::new(200, 200)).unwrap();
        desktop.busy_pointer().unwrap().is_none().then_some(())
    });
}
