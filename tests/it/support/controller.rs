//! A controller of its own for each story: own directory, own port, in this process.

use std::{collections::BTreeMap, path::Path, time::Duration};

use deskfleet::{
    config::{ControllerSettings, Layers, Settings},
    http::{self, Running},
    time::Clock,
};
use tokio::{sync::oneshot, task::JoinHandle};

use super::{Client, documents};

pub(crate) struct Site {
    pub(crate) address: std::net::SocketAddr,
    handle: Option<deskfleet::controller::Handle>,
    dir: tempfile::TempDir,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<()>>,
}

impl Site {
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// Settings by key: `("leases.ttl", "5s")`.
    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let running = http::start(&settings_in(dir.path(), settings), Clock::System).await.unwrap();
        Self::running(dir, running)
    }

    /// On a directory that is there already, and goes with the site.
    pub(crate) async fn start_in(dir: tempfile::TempDir) -> Self {
        let running = http::start(&settings_in(dir.path(), &[]), Clock::System).await.unwrap();
        Self::running(dir, running)
    }

    fn running(dir: tempfile::TempDir, running: Running) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (address, handle) = (running.address(), running.handle().clone());
        let running = tokio::spawn(running.run(async move {
            let _ = stopped.await;
        }));
        Self { address, handle: Some(handle), dir, stop: Some(stop), running: Some(running) }
    }

    /// Stops it as a signal would, and waits for its end.
    pub(crate) async fn stop(&mut self) {
        drop(self.stop.take());
        // The database is closed with the last handle.
        drop(self.handle.take());
        if let Some(running) = self.running.take() {
            tokio::time::timeout(Duration::from_secs(30), running).await.expect("it stops in time").unwrap();
        }
    }

    /// Stops it and starts it again on the same directory, at another port.
    pub(crate) async fn restart(&mut self) {
        self.restart_with(&[]).await;
    }

    pub(crate) async fn restart_with(&mut self, settings: &[(&str, &str)]) {
        self.stop().await;
        let running = http::start(&settings_in(self.dir.path(), settings), Clock::System).await.unwrap();
        let (stop, stopped) = oneshot::channel();
        self.address = running.address();
        self.handle = Some(running.handle().clone());
        self.running = Some(tokio::spawn(running.run(async move {
            let _ = stopped.await;
        })));
        self.stop = Some(stop);
    }

    pub(crate) fn handle(&self) -> &deskfleet::controller::Handle {
        self.handle.as_ref().expect("it runs")
    }

    pub(crate) fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).unwrap().trim().to_owned()
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Who asks without a token.
    pub(crate) fn nobody(&self) -> Client {
        Client::new(&self.url(), &self.file("ca.pem"), None)
    }

    pub(crate) fn with_token(&self, token: &str) -> Client {
        self.nobody().with_token(token)
    }

    pub(crate) fn admin(&self) -> Client {
        self.with_token(&self.file("admin.token"))
    }

    /// A token of a role, made for this.
    pub(crate) async fn role(&self, role: &str) -> Client {
        let request = serde_json::json!({ "name": format!("{role} of a story"), "role": role });
        let made = self.admin().post("/v1/tokens").json(&request).send().await.is(201).json();
        self.with_token(made["token"].as_str().unwrap())
    }

    /// Stores the documents most stories use.
    pub(crate) async fn with_documents(self) -> Self {
        documents::store(&self.admin()).await;
        self
    }
}

fn settings_in(dir: &Path, settings: &[(&str, &str)]) -> ControllerSettings {
    let mut flags: BTreeMap<String, Vec<String>> =
        settings.iter().map(|(key, value)| ((*key).to_owned(), vec![(*value).to_owned()])).collect();
    // Nothing is proved by taking up room for each story.
    flags.entry("disk.ballast_bytes".to_owned()).or_insert_with(|| vec!["0".to_owned()]);
    flags.insert("controller.listen".to_owned(), vec!["127.0.0.1:0".to_owned()]);
    flags.insert("controller.data_dir".to_owned(), vec![dir.to_str().unwrap().to_owned()]);
    Settings::load(&Layers { flags, ..Layers::default() }).unwrap().controller
}
