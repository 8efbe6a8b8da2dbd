//! The controller is killed again and again, like by a power cut, while clients submit and agents work.

use std::time::Duration;

use crate::{
    dice::Dice,
    fleet::{Agent, Controller},
    line::Line,
    load::{Load, SETTINGS, Size},
    records::now,
    scripted::Mishaps,
    xvfb::{VirtualDesktop, until_within},
};

/// Unless `KILLS` says more.
const FEW_KILLS: usize = 5;
/// Now and then there is rest enough for leases to lapse: each start gives every lease its full TTL again.
const LAPSE: Duration = Duration::from_secs(7);
/// Of a start after a kill, on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(30);

fn kills() -> usize {
    std::env::var("KILLS").map_or(FEW_KILLS, |text| text.parse().expect("KILLS is a number"))
}

#[test]
fn nothing_is_lost_and_nothing_done_twice_however_often_the_controller_is_killed() {
    let dice = Dice::from_environment("kill -9 of the controller");
    let mut controller = Controller::start_with(SETTINGS);
    let desktop = VirtualDesktop::start();
    let _agent = Agent::join(&controller, &desktop, "real-0");
    let size = Size { clients: 8, agents: 8, mishaps: Mishaps::SOME, ballast: 0 };
    let load = Load::start(&controller, &controller.url(), size, &dice);
    until_within(START_LIMIT, "the load to begin", || (load.acknowledged() > 20).then_some(()));

    let mut to_serving = Vec::new();
    let mut killed_in_start = 0;
    for _ in 0..kills() {
        std::thread::sleep(if dice.percent(4) { LAPSE } else { dice.ms(20, 400) });
        let start = now();
        controller.kill();
        controller.spawn();
        if dice.percent(20) {
            // In the middle of its start.
            std::thread::sleep(dice.ms(0, 150));
            controller.kill();
            controller.spawn();
            killed_in_start += 1;
        } else {
            serves(&load);
            to_serving.push(start.elapsed());
            continue;
        }
        serves(&load);
    }
    let (figures, seen) = load.finish();
    let kills = kills() + killed_in_start;
    println!(
        "kill -9: {kills} kills ({killed_in_start} while starting), {figures}, {} acknowledgements ({} replays), {} calls \
         without an answer, {} reports repeated, {} late successes refused",
        seen.submissions.values().map(|submission| submission.acknowledgements).sum::<u64>(),
        seen.submissions.values().map(|submission| submission.replays).sum::<u64>(),
        seen.unanswered,
        seen.repeated_reports,
        seen.refused_successes.len(),
    );
    to_serving.sort();
    let at = |percent: usize| {
        to_serving.get((to_serving.len() * percent).div_ceil(100).saturating_sub(1)).copied().unwrap_or_default()
    };
    println!("kill -9: from SIGKILL to serving again: p50 {:?}, p99 {:?}, most {:?}", at(50), at(99), at(100));
    assert!(seen.unanswered > 0, "the kills were not noticed");
}

fn serves(load: &Load) {
    let line: &Line = load.line();
    until_within(START_LIMIT, "the controller to serve again", || {
        let answer = load.block_on(line.get("/readyz"))?;
        (answer.status == 200).then_some(())
    });
}
