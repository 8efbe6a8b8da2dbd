//! Logs go to stderr, so that stdout stays for results, or to files. What an agent does in an attempt also goes onto the attempt's own log.

use std::path::Path;

use anyhow::Context as _;
use tracing::level_filters::LevelFilter;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::{
    EnvFilter, Layer as _, filter::Targets, fmt, fmt::writer::BoxMakeWriter, layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::{
    agent::TapeLayer,
    config::{LogFormat, LogSettings},
};

/// Of one a day.
const FILES_KEPT: usize = 14;

pub(crate) fn start(settings: &LogSettings) -> anyhow::Result<()> {
    let filter: EnvFilter = settings.level.parse()?;
    let own = Targets::new()
        .with_target("deskfleet::agent", LevelFilter::DEBUG)
        .with_target("deskfleet::desktop", LevelFilter::DEBUG);
    let registry = tracing_subscriber::registry().with(TapeLayer.with_filter(own));
    let writer = match &settings.file {
        Some(path) => BoxMakeWriter::new(daily(path)?),
        None => BoxMakeWriter::new(std::io::stderr),
    };
    match settings.format {
        LogFormat::Text => {
            let ansi = settings.file.is_none() && std::io::IsTerminal::is_terminal(&std::io::stderr());
            registry.with(fmt::layer().with_writer(writer).with_ansi(ansi).with_filter(filter)).try_init()?;
        }
        LogFormat::Json => registry.with(fmt::layer().json().with_writer(writer).with_filter(filter)).try_init()?,
    }
    Ok(())
}

/// `agent.log` becomes `agent.2026-11-25.log`, by UTC.
fn daily(path: &Path) -> anyhow::Result<RollingFileAppender> {
    let text = |part: Option<&std::ffi::OsStr>| part.and_then(std::ffi::OsStr::to_str).unwrap_or_default().to_owned();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let builder = RollingFileAppender::builder().rotation(Rotation::DAILY).max_log_files(FILES_KEPT);
    let builder = builder.filename_prefix(text(path.file_stem())).filename_suffix(text(path.extension()));
    builder.build(folder).with_context(|| format!("log.file: {} cannot be written", path.display()))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_day_has_its_file_and_a_folder_that_cannot_be_is_named() {
        let folder = tempfile::tempdir().unwrap();
        daily(&folder.path().join("logs/agent.log")).unwrap().write_all(b"one\n").unwrap();
        daily(&folder.path().join("logs/agent.log")).unwrap().write_all(b"two\n").unwrap();
        let files: Vec<_> =
            std::fs::read_dir(folder.path().join("logs")).unwrap().map(|file| file.unwrap().path()).collect();
        let [file] = &files[..] else { panic!("{files:?}") };
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with("agent.20") && name.rsplit('.').next() == Some("log"), "{name}");
        assert_eq!(std::fs::read_to_string(file).unwrap(), "one\ntwo\n");
        std::fs::write(folder.path().join("file"), "").unwrap();
        let error = daily(&folder.path().join("file/agent.log")).unwrap_err();
        assert!(error.to_string().contains("agent.log cannot be written"), "{error}");
    }
}
