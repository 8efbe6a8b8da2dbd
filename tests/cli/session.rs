//! What the agent's commands say of a session, without a controller.

use super::{code, command, deskfleet, folder, stderr, stdout};

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

#[test]
fn what_starts_an_agent_later_finds_its_data_from_wherever_it_starts() {
    let folder = folder();
    let install = |flags: &[&str]| {
        let args = [&["agent", "install", "--dry-run", "--"], flags].concat();
        let mut command = command(folder.path(), &args);
        command.env_remove("DESKFLEET_DATA_DIR").env("DISPLAY", ":7").output().expect("it starts")
    };
    let unit = install(&["--label", "site=north"]);
    assert_eq!(code(&unit), 0, "{}", stderr(&unit));
    let here = folder.path().canonicalize().expect("it is there").join("deskfleet-data").join("agent");
    let flags = format!(r#""--label" "site=north" "--data-dir" "{}""#, here.display());
    assert!(stdout(&unit).contains(&flags), "{}", stdout(&unit));
    let told = install(&["--data-dir", "/srv/agent"]);
    assert!(stdout(&told).contains(r#""--agent" "--data-dir" "/srv/agent""#), "{}", stdout(&told));
    for relative in [["--data-dir", "data"], ["--join-token-file", "join.token"], ["--log-file", "agent.log"]] {
        let refused = install(&relative);
        assert_eq!(code(&refused), 2, "{relative:?}");
        assert!(stderr(&refused).contains("give the whole path"), "{}", stderr(&refused));
    }
    let unknown = install(&["--no-such-flag"]);
    assert_eq!(code(&unknown), 2);
    assert!(stderr(&unknown).contains("the agent would not start"), "{}", stderr(&unknown));
    let service = deskfleet(folder.path(), &["agent", "install", "--service", "--user", "bot"]);
    assert_eq!(code(&service), 2);
    assert!(stderr(&service).contains("--service is for Windows"), "{}", stderr(&service));
}
