//! The network fails between the controller and everybody else.

use std::time::Duration;

use crate::{
    dice::Dice,
    fleet::{Agent, Controller},
    load::{Load, SETTINGS, Size},
    proxy::{Proxy, Weather},
    scripted::Mishaps,
    xvfb::{VirtualDesktop, until, until_within},
};

/// Unless `FOUL_SECONDS` says more.
const FEW_SECONDS: u64 = 6;
/// Longer than a lease.
const OUTAGE: Duration = Duration::from_secs(7);
/// An agent notices a connection that swallows everything after 20 s, then it pauses for 15 s at most before it knocks.
const BACK_WITHIN: Duration = Duration::from_secs(60);

fn foul() -> Duration {
    let seconds =
        std::env::var("FOUL_SECONDS").map_or(FEW_SECONDS, |text| text.parse().expect("FOUL_SECONDS is a number"));
    Duration::from_secs(seconds)
}

#[test]
fn nothing_is_lost_and_nothing_done_twice_behind_a_network_that_drops_delays_and_cuts() {
    let dice = Dice::from_environment("a failing network");
    let controller = Controller::start_with(SETTINGS);
    let proxy = Proxy::start(controller.port(), dice.split());
    let desktop = VirtualDesktop::start();
    let _agent = Agent::join_by(&proxy.url(), &controller, &desktop, "real-0");
    let size = Size { clients: 8, agents: 8, mishaps: Mishaps::SOME, ballast: 0 };
    let load = Load::start(&controller, &proxy.url(), size, &dice);
    until("the load to begin", || (load.acknowledged() > 20).then_some(()));

    proxy.turn(Weather::Foul);
    std::thread::sleep(foul() / 2);
    proxy.turn(Weather::Down);
    std::thread::sleep(OUTAGE);
    proxy.turn(Weather::Foul);
    std::thread::sleep(foul() / 2);
    proxy.turn(Weather::Fair);
    let (figures, seen) = load.finish();
    let (connections, doomed) = proxy.connections();
    println!(
        "network: {doomed} of {connections} connections cut, half closed or swallowed, {figures}, {} calls without an answer, {} \
         reports repeated, {} leases lapsed at their agents, {} late successes refused",
        seen.unanswered,
        seen.repeated_reports,
        seen.lapsed,
        seen.refused_successes.len(),
    );
    assert!(doomed > 0 && seen.unanswered > 0, "the network did not fail");
    until_within(BACK_WITHIN, "the real agent to be back", || {
        (controller.get("/v1/machines/real-0")["status"] == "idle").then_some(())
    });
}
