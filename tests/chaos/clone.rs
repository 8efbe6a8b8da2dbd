//! The data directory of an agent on a second desktop: one identity, alive twice.

use std::{fs, path::Path};

use crate::{
    fleet::{Agent, Controller},
    xvfb::{VirtualDesktop, until},
};

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("the data is there") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

#[test]
fn a_copied_agent_puts_its_machine_out_of_work() {
    let controller = Controller::start();
    let desktops = [VirtualDesktop::start(), VirtualDesktop::start()];
    let original = Agent::join(&controller, &desktops[0], "desk-1");
    // On the same computer for the same user: nothing the agent could know itself by differs.
    let _copied = Agent::with_data(&controller, &desktops[1], "desk-1", |data| copy(&original.data(), data));
    let machine = until("the machine to be quarantined", || {
        let machine = controller.get("/v1/machines/desk-1");
        (machine["mode"] == "quarantined").then_some(machine)
    });
    assert_eq!(machine["mode_reason"], "duplicate_identity", "{machine:#}");
}
