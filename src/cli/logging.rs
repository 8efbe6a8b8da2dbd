//! Logs go to stderr, so that stdout stays for results. What an agent does in an attempt also goes onto the attempt's own log.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    EnvFilter, Layer as _, filter::Targets, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::{
    agent::TapeLayer,
    config::{LogFormat, LogSettings},
};

pub(crate) fn start(settings: &LogSettings) -> anyhow::Result<()> {
    let filter: EnvFilter = settings.level.parse()?;
    let own = Targets::new()
        .with_target("deskfleet::agent", LevelFilter::DEBUG)
        .with_target("deskfleet::desktop", LevelFilter::DEBUG);
    let registry = tracing_subscriber::registry().with(TapeLayer.with_filter(own));
    let writer = std::io::stderr;
    match settings.format {
        LogFormat::Text => {
            let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
            registry.with(fmt::layer().with_writer(writer).with_ansi(ansi).with_filter(filter)).try_init()?;
        }
        LogFormat::Json => registry.with(fmt::layer().json().with_writer(writer).with_filter(filter)).try_init()?,
    }
    Ok(())
}
