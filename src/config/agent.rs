//! The agent's settings.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    HttpsUrl, LogSettings, ProxyUrl,
    reader::Reader,
    value::{boolean, bytes_between, duration_between, https_url, labels, path, proxy_url, text},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentSettings {
    /// Needed for the first join only; the identity remembers it.
    pub controller: Option<HttpsUrl>,
    /// May hold `{host}` and `{user}`; `{host}` unless set.
    pub name: Option<String>,
    /// The join token's pool unless set.
    pub pool: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub data_dir: PathBuf,
    pub join_token_file: Option<PathBuf>,
    pub spool_bytes: u64,
    pub probe_interval: Duration,
    /// After it a thread on the desktop that gives no sign of life is given up.
    pub hang_limit: Duration,
    /// Whether attempts are recorded; what has not failed is not kept.
    pub recording: bool,
    /// The environment's proxy unless set.
    pub proxy: Option<ProxyUrl>,
    pub log: LogSettings,
}

impl AgentSettings {
    /// By default an agent keeps to a folder of its own within the data directory, so that a controller may live beside it.
    pub(super) fn read(reader: &mut Reader<'_>, default_data_dir: &Path, log: &LogSettings) -> Self {
        Self {
            controller: reader.take_optional("agent.controller", https_url),
            name: reader.take_optional("agent.name", text),
            pool: reader.take_optional("agent.pool", text),
            labels: reader.take("agent.labels", labels),
            data_dir: reader.take_optional("agent.data_dir", path).unwrap_or_else(|| default_data_dir.join("agent")),
            join_token_file: reader.take_optional("agent.join_token_file", path),
            spool_bytes: reader.take("agent.spool_bytes", bytes_between("16MiB", "1TiB")),
            probe_interval: reader.take("agent.probe_interval", duration_between(500, 600_000)),
            hang_limit: reader.take("agent.hang_limit", duration_between(30_000, 3_600_000)),
            recording: reader.take("agent.recording", boolean),
            proxy: reader.take_optional("agent.proxy", proxy_url),
            log: log.clone(),
        }
    }
}
