//! A service of Windows that keeps an agent in each session. [`crate::agent::service`] is what it does.

use std::{ffi::OsString, path::Path, thread, time::Duration};

use anyhow::Context as _;
use windows_service::{
    service::{
        ServiceAccess, ServiceAction, ServiceActionType, ServiceErrorControl, ServiceFailureActions,
        ServiceFailureResetPeriod, ServiceInfo, ServiceStartType, ServiceState, ServiceType,
    },
    service_manager::{ServiceManager, ServiceManagerAccess},
};

use super::{Exit, Stop};
use crate::{
    agent::service::{SERVICE_NAME, command_line},
    cli::output,
    desktop::Stopwatch,
};

/// Before it is started again.
const PAUSE: Duration = Duration::from_secs(5);

/// Failures older than this no longer count.
const FORGET: Duration = Duration::from_secs(24 * 3600);

/// For its agents to end.
const STOPS: Duration = Duration::from_secs(70);

/// What the system says where there is no such service.
const DOES_NOT_EXIST: i32 = 1060;
const ACCESS_DENIED: i32 = 5;

pub(super) fn install(program: &str, users: &[String], flags: &[String], dry_run: bool) -> anyhow::Result<Exit> {
    let users = users.iter().flat_map(|user| ["--user", user]);
    let words: Vec<&str> =
        ["agent", "service"].into_iter().chain(users).chain(["--"]).chain(flags.iter().map(String::as_str)).collect();
    if dry_run {
        let line = command_line(&[&[program], &words[..]].concat());
        output::line(format!("service {SERVICE_NAME}, automatic, as LocalSystem: {line}"))?;
        return Ok(Exit::Done);
    }
    let mut guarded = ["ProgramFiles", "SystemRoot"].iter().filter_map(|name| std::env::var(name).ok());
    if !guarded.any(|folder| Path::new(program).starts_with(folder)) {
        output::remark(format!(
            "{program} becomes the system's own: keep it where administrators alone may write, as in %ProgramFiles%\\deskfleet"
        ));
    }
    let rights = ServiceManagerAccess::CONNECT | ServiceManagerAccess::CREATE_SERVICE;
    let manager = ServiceManager::local_computer(None::<&str>, rights).map_err(refused)?;
    let info = ServiceInfo {
        name: SERVICE_NAME.into(),
        display_name: "deskfleet agents".into(),
        service_type: ServiceType::OWN_PROCESS,
        start_type: ServiceStartType::AutoStart,
        error_control: ServiceErrorControl::Normal,
        executable_path: program.into(),
        launch_arguments: words.iter().map(OsString::from).collect(),
        dependencies: Vec::new(),
        account_name: None,
        account_password: None,
    };
    let rights = ServiceAccess::CHANGE_CONFIG | ServiceAccess::START | ServiceAccess::QUERY_STATUS;
    let service = match manager.open_service(SERVICE_NAME, rights) {
        // Installed before: it gets the new words, and is to be started anew by whoever knows that now is a good time.
        Ok(service) => {
            service.change_config(&info).map_err(refused)?;
            service
        }
        Err(_) => manager.create_service(&info, rights).map_err(refused)?,
    };
    service.set_description("Keeps a deskfleet agent in each session of this host").map_err(refused)?;
    let again = ServiceAction { action_type: ServiceActionType::Restart, delay: PAUSE };
    service
        .update_failure_actions(ServiceFailureActions {
            reset_period: ServiceFailureResetPeriod::After(FORGET),
            reboot_msg: None,
            command: None,
            actions: Some(vec![again.clone(), again.clone(), again]),
        })
        .map_err(refused)?;
    // It says that it has stopped, with an error, where it cannot go on. Wine knows no such setting.
    if let Err(error) = service.set_failure_actions_on_non_crash_failures(true) {
        output::remark(format!("it is started again after a crash only: {:#}", refused(error)));
    }
    let runs = service.query_status().is_ok_and(|status| status.current_state == ServiceState::Running);
    if runs {
        output::line("The service has its new words; it runs with the old ones until it is stopped and started.")?;
        return Ok(Exit::Done);
    }
    service.start(&[] as &[&str]).map_err(refused)?;
    output::line("The service runs, and starts with the system. Its log is in `logs` beside the executable.")?;
    Ok(Exit::Done)
}

/// Whether there was one.
pub(super) fn uninstall() -> anyhow::Result<bool> {
    let manager = ServiceManager::local_computer(None::<&str>, ServiceManagerAccess::CONNECT).map_err(refused)?;
    let rights = ServiceAccess::STOP | ServiceAccess::QUERY_STATUS | ServiceAccess::DELETE;
    let service = match manager.open_service(SERVICE_NAME, rights) {
        Ok(service) => service,
        Err(windows_service::Error::Winapi(error)) if error.raw_os_error() == Some(DOES_NOT_EXIST) => return Ok(false),
        Err(error) => return Err(refused(error)),
    };
    let state = || service.query_status().map(|status| status.current_state);
    if state().map_err(refused)? != ServiceState::Stopped {
        output::remark("waiting for the agents to end");
        service.stop().map_err(refused)?;
        let watch = Stopwatch::start();
        while state().map_err(refused)? != ServiceState::Stopped {
            watch.left(STOPS).with_context(|| format!("the service did not stop within {} s", STOPS.as_secs()))?;
            thread::sleep(Duration::from_millis(200));
        }
    }
    service.delete().map_err(refused)?;
    output::line("The service is gone.")?;
    Ok(true)
}

fn refused(error: windows_service::Error) -> anyhow::Error {
    match &error {
        windows_service::Error::Winapi(why) if why.raw_os_error() == Some(ACCESS_DENIED) => {
            let message = "the service manager refuses: run this as administrator";
            Stop::new(Exit::Usage, message).into()
        }
        windows_service::Error::Winapi(why) => anyhow::anyhow!("the service manager: {why}"),
        _ => error.into(),
    }
}
