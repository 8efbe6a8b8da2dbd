//! The asynchronous runtimes: many threads for the controller and the agent, the calling one for a client command.

use anyhow::Context as _;
use tokio::runtime::{Builder, Runtime};

/// For a controller or an agent; `name` is what a debugger and `top -H` show.
pub(crate) fn server(name: &'static str) -> anyhow::Result<Runtime> {
    install_crypto();
    Builder::new_multi_thread().thread_name(name).enable_all().build().context("no threads to run on")
}

pub(crate) fn client() -> anyhow::Result<Runtime> {
    install_crypto();
    Builder::new_current_thread().enable_all().build().context("no runtime")
}

/// The one provider of this process. A second call finds the first one's and is no error.
fn install_crypto() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}
