//! Logs go to stderr, so that stdout stays for results.

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::config::{LogFormat, LogSettings};

pub(crate) fn start(settings: &LogSettings) -> anyhow::Result<()> {
    let filter: EnvFilter = settings.level.parse()?;
    let registry = tracing_subscriber::registry().with(filter);
    let writer = std::io::stderr;
    match settings.format {
        LogFormat::Text => {
            let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
            registry.with(fmt::layer().with_writer(writer).with_ansi(ansi)).try_init()?;
        }
        LogFormat::Json => registry.with(fmt::layer().json().with_writer(writer)).try_init()?,
    }
    Ok(())
}
