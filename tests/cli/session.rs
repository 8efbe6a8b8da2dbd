//! What the agent's commands say of a session, without a controller.

use super::{code, deskfleet, folder, stderr, stdout};

#[test]
fn a_session_without_a_desktop_is_unfit_and_told_why() {
    let folder = folder();
    let told = deskfleet(folder.path(), &["agent", "doctor", "-o", "json", "--controller", "https://127.0.0.1:9"]);
    assert_eq!(code(&told), 1, "{}", stderr(&told));
    let told: serde_json::Value = serde_json::from_str(&stdout(&told)).expect("JSON");
    assert_eq!(told["fit"], false);
    let checks = told["checks"].as_array().expect("a list");
    let result = |name: &str| {
        let check = checks.iter().find(|check| check["check"] == name).expect(name);
        (check["result"].as_str().expect("a word"), check["detail"].as_str().expect("a text"))
    };
    assert_eq!(result("desktop").0, "unfit");
    assert!(result("desktop").1.contains("DISPLAY"), "{told}");
    assert_eq!(result("identity").0, "lacks");
    assert!(result("controller").1.contains("cannot be reached"), "{told}");
}

#[test]
fn an_agent_is_installed_from_inside_its_session_only() {
    let folder = folder();
    let refused = deskfleet(folder.path(), &["agent", "install", "--dry-run"]);
    assert_eq!(code(&refused), 2, "{}", stderr(&refused));
    assert!(stderr(&refused).contains("inside the desktop session"), "{}", stderr(&refused));
    let absent = deskfleet(folder.path(), &["agent", "uninstall"]);
    assert_eq!(code(&absent), 3, "{}", stderr(&absent));
}
