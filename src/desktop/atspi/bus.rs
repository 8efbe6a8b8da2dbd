//! The accessibility bus: where it is, and one call on it.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use serde::de::DeserializeOwned;
use tokio::runtime::{Builder, Runtime};
use zbus::{Connection, zvariant::Type};

use crate::desktop::DesktopError;

/// For one call: an application that does not answer is given up.
const CALL: Duration = Duration::from_secs(1);

/// Calls on their way at once.
const AT_ONCE: usize = 64;

/// A connection with a runtime of its own, which runs only while somebody waits for an answer.
pub(super) struct Bus {
    runtime: Runtime,
    connection: Connection,
}

impl Bus {
    /// At the address the display names, else wherever the session says.
    pub(super) fn open(address: Option<&str>) -> Result<Self, DesktopError> {
        let runtime =
            Builder::new_current_thread().enable_all().build().map_err(|error| unavailable(&error.to_string()))?;
        let connection = runtime.block_on(async {
            let of_session = session_address().await;
            let address = match (address, &of_session) {
                (Some(address), _) => address,
                (None, Ok(address)) => address.as_str(),
                (None, Err(error)) => return Err(unavailable(&error.to_string())),
            };
            let built = zbus::connection::Builder::address(address).method_timeout(CALL).build().await;
            built.map_err(|error| unavailable(&error.to_string()))
        })?;
        Ok(Self { runtime, connection })
    }

    /// Runs one question to its end; `None` where it takes longer than that.
    pub(super) fn within<T>(&self, limit: Duration, question: impl Future<Output = T>) -> Option<T> {
        self.runtime.block_on(async { tokio::time::timeout(limit, question).await.ok() })
    }

    /// One call. `None`: refused, no answer, or another answer than was asked for.
    pub(super) async fn call<B, T>(&self, to: (&str, &str), interface: &str, method: &str, body: &B) -> Option<T>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
        T: DeserializeOwned + Type,
    {
        let (owner, object) = to;
        let reply = self.connection.call_method(Some(owner), object, Some(interface), method, body).await.ok()?;
        reply.body().deserialize::<T>().ok()
    }
}

/// The answers to many questions, in the order of the questions, a bounded number of them open at once.
pub(super) async fn all<T>(questions: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    stream::iter(questions).buffered(AT_ONCE).collect().await
}

/// Asks the session for its accessibility bus, and for applications to speak on it.
async fn session_address() -> zbus::Result<String> {
    let session = zbus::connection::Builder::session().method_timeout(CALL).build().await?;
    let (service, object) = ("org.a11y.Bus", "/org/a11y/bus");
    let reply = session.call_method(Some(service), object, Some(service), "GetAddress", &()).await?;
    let address = reply.body().deserialize::<String>()?;
    let enabled = ("org.a11y.Status", "IsEnabled", zbus::Variant::from(true));
    // Programs that look at this start to speak; the others speak anyhow.
    let _ = session.call_method(Some(service), object, Some("org.freedesktop.DBus.Properties"), "Set", &enabled).await;
    Ok(address)
}

fn unavailable(reason: &str) -> DesktopError {
    DesktopError::Unsupported {
        what: format!("the control tree of applications (AT-SPI: {reason})"),
        instead: "install at-spi2-core and run the agent inside a session with a D-Bus, such as `dbus-run-session`; \
            or use `image` or `text`"
            .into(),
    }
}
