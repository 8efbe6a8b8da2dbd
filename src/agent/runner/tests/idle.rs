//! `wait_idle`: pointer, processor and window, each busy for a while.

use super::*;
use crate::{desktop::Rect, wire::job::Category};

/// The window of the stage's application belongs to this process.
const CLINIC: u32 = 77;

fn stage() -> Stage {
    let mut stage = Stage::new();
    stage.screen.open("Clinic", Rect::new(10, 10, 200, 100));
    stage.screen.answers = Some(true);
    stage
}

#[test]
fn an_idle_application_takes_no_longer_than_the_stretch() {
    let mut stage = stage();
    stage.loads.insert(CLINIC, 4);
    done(&mut stage, "  - wait_idle: {}\n");
    assert_eq!(stage.elapsed_ms(), 500);
}

#[test]
fn each_of_pointer_processor_and_window_is_waited_for() {
    let mut stage = stage();
    stage.screen.busy_pointer = Some("watch");
    stage.at_ms(1_000, |stage| stage.screen.busy_pointer = None);
    done(&mut stage, "  - wait_idle: { for: 300ms }\n");
    assert_eq!(stage.elapsed_ms(), 1_200, "the last look at a busy pointer was at 900 ms");

    let mut stage = self::stage();
    stage.loads.insert(CLINIC, 100);
    stage.at_ms(2_000, |stage| stage.loads.clear());
    done(&mut stage, "  - wait_idle: {}\n");
    assert!((2_400..=2_600).contains(&stage.elapsed_ms()), "{}", stage.elapsed_ms());

    let mut stage = self::stage();
    stage.screen.answers = Some(false);
    stage.at_ms(3_000, |stage| stage.screen.answers = Some(true));
    done(&mut stage, "  - wait_idle: {}\n");
    assert!((3_000..=3_600).contains(&stage.elapsed_ms()), "{}", stage.elapsed_ms());
}

#[test]
fn a_failure_names_what_was_still_busy() {
    let mut stage = stage();
    stage.loads.insert(CLINIC, 80);
    stage.screen.busy_pointer = Some("left_ptr_watch");
    let failure = failed(&mut stage, "  - { wait_idle: {}, timeout: 3s }\n");
    assert_eq!(failure.category, Category::Timeout);
    assert!(failure.message.contains("(`left_ptr_watch`)"), "{}", failure.message);
    assert!(failure.message.contains("clinic (process 77) used 80 % of a processor"), "{}", failure.message);
    assert!(failure.message.contains("after 3 s"), "{}", failure.message);

    let mut stage = self::stage();
    stage.screen.answers = Some(false);
    let failure = failed(&mut stage, "  - { wait_idle: {}, timeout: 3s }\n");
    assert!(failure.message.contains("the window \"Clinic\" does not answer"), "{}", failure.message);
    assert_eq!(failure.category, Category::AppNotReady, "a window that hangs is what any wait blames");
}

#[test]
fn a_process_may_be_named_and_must_be_there() {
    let mut stage = stage();
    // The window in front is another's.
    stage.loads.insert(CLINIC, 100);
    stage.processes.insert("import".to_owned(), 4_711);
    done(&mut stage, "  - wait_idle: { process: import, for: 1s }\n");
    assert_eq!(stage.elapsed_ms(), 1_000);
    let failure = failed(&mut stage, "  - { wait_idle: { process: export }, timeout: 2s }\n");
    assert!(failure.message.contains("there is no process export"), "{}", failure.message);
}
