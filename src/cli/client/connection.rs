//! Which controller, with which token, trusting which CA: flags over variables over what lies on the controller's own machine.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::{
    cli::exit::{Exit, Stop, usage},
    config::{HttpsUrl, default_data_dir},
};

const DEFAULT_URL: &str = "https://127.0.0.1:8443";
const MOST_FILE_BYTES: u64 = 1 << 20;

#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionFlags {
    #[arg(
        long,
        global = true,
        value_name = "URL",
        help = "The controller [env: DESKFLEET_URL] [default: https://127.0.0.1:8443]"
    )]
    pub(crate) url: Option<String>,
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help = "File with the API token [env: DESKFLEET_TOKEN_FILE, or DESKFLEET_TOKEN with the token itself]"
    )]
    pub(crate) token_file: Option<PathBuf>,
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help = "The controller's CA certificate; nothing else is trusted then [env: DESKFLEET_CA]"
    )]
    pub(crate) ca: Option<PathBuf>,
    /// Say on stderr where the address, the token and the CA came from
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

/// A controller to talk to, resolved.
pub(crate) struct Connection {
    pub(crate) base: HttpsUrl,
    pub(crate) token: Option<String>,
    /// PEM; the system's roots are trusted where there is none.
    pub(crate) ca: Option<Vec<u8>>,
    /// Where each came from, for `-v` and for errors.
    pub(crate) notes: Vec<String>,
}

/// The environment as the client sees it: an empty variable counts as absent.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

impl Connection {
    pub(crate) fn resolve(flags: &ConnectionFlags) -> anyhow::Result<Self> {
        let data_dir = || variable("DESKFLEET_DATA_DIR").map_or_else(default_data_dir, PathBuf::from);
        Self::resolve_with(flags, variable, data_dir)
    }

    fn resolve_with(
        flags: &ConnectionFlags,
        env: impl Fn(&str) -> Option<String>,
        data_dir: impl Fn() -> PathBuf,
    ) -> anyhow::Result<Self> {
        let mut notes = Vec::new();
        let given = flags.url.clone().or_else(|| env("DESKFLEET_URL"));
        let base = HttpsUrl::parse(given.as_deref().unwrap_or(DEFAULT_URL))
            .map_err(|reason| usage(format!("--url or DESKFLEET_URL: {reason}")))?;
        notes.push(format!("controller {base}{}", if given.is_none() { " (default)" } else { "" }));

        let ca_path = flags.ca.clone().or_else(|| env("DESKFLEET_CA").map(PathBuf::from));
        let token = given_token(flags, &env, &mut notes)?;
        let mut connection = Self { base, token, ca: None, notes };
        match ca_path {
            Some(path) => {
                connection.ca = Some(read(&path, "the CA certificate")?);
                connection.notes.push(format!("trusting {} alone", path.display()));
            }
            None if connection.token.is_none() && is_local(&connection.base) => connection.fall_back_on(&data_dir()),
            None => connection.notes.push("trusting the system's CAs".to_owned()),
        }
        Ok(connection)
    }

    /// On the controller's own machine its own files do. The CA goes along with the token, so that it reaches no one else.
    fn fall_back_on(&mut self, data_dir: &Path) {
        let Ok(ca) = read(&data_dir.join("ca.pem"), "the CA certificate") else {
            self.notes.push(format!("nothing readable in {}; trusting the system's CAs", data_dir.display()));
            return;
        };
        self.ca = Some(ca);
        self.notes.push(format!("trusting {} alone", data_dir.join("ca.pem").display()));
        let token_path = data_dir.join("admin.token");
        if let Ok(token) = read_token(&token_path) {
            self.token = Some(token);
            self.notes.push(format!("token from {}", token_path.display()));
        }
    }
}

fn given_token(
    flags: &ConnectionFlags,
    env: impl Fn(&str) -> Option<String>,
    notes: &mut Vec<String>,
) -> anyhow::Result<Option<String>> {
    if let (None, Some(token)) = (&flags.token_file, env("DESKFLEET_TOKEN")) {
        notes.push("token from DESKFLEET_TOKEN".to_owned());
        return Ok(Some(token.trim().to_owned()));
    }
    let Some(path) = flags.token_file.clone().or_else(|| env("DESKFLEET_TOKEN_FILE").map(PathBuf::from)) else {
        return Ok(None);
    };
    notes.push(format!("token from {}", path.display()));
    read_token(&path).map(Some)
}

fn read_token(path: &Path) -> anyhow::Result<String> {
    let text = String::from_utf8_lossy(&read(path, "the token")?).trim().to_owned();
    if text.is_empty() || text.contains(char::is_whitespace) {
        let message = format!("{}: this is no token; the file must hold one token and nothing else", path.display());
        return Err(Stop::new(Exit::Usage, message).into());
    }
    Ok(text)
}

fn read(path: &Path, what: &str) -> anyhow::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).and_then(|file| file.take(MOST_FILE_BYTES).read_to_end(&mut bytes));
    match file {
        Ok(_) => Ok(bytes),
        Err(error) => {
            Err(Stop::new(Exit::Usage, format!("{what} can't be read from {}: {error}", path.display())).into())
        }
    }
}

/// The loopback, where no proxy stands between and the controller's own files may be near.
pub(super) fn is_local(url: &HttpsUrl) -> bool {
    let host = reqwest::Url::parse(url.as_str()).ok().and_then(|url| url.host_str().map(str::to_owned));
    host.is_some_and(|host| {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn controller_dir() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), "CA").unwrap();
        std::fs::write(dir.path().join("admin.token"), "dft_admin\n").unwrap();
        dir
    }

    fn resolve(flags: &ConnectionFlags, env: &[(&str, &str)], dir: &Path) -> anyhow::Result<Connection> {
        let find = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Connection::resolve_with(flags, find, || dir.to_owned())
    }

    #[test]
    fn on_the_controllers_machine_its_own_files_do_and_v_says_so() {
        let dir = controller_dir();
        let connection = resolve(&ConnectionFlags::default(), &[], dir.path()).unwrap();
        assert_eq!(connection.base.as_str(), DEFAULT_URL);
        assert_eq!(connection.token.as_deref(), Some("dft_admin"));
        assert_eq!(connection.ca.as_deref(), Some(&b"CA"[..]));
        assert!(connection.notes.iter().any(|note| note.contains("admin.token")));
    }

    #[test]
    fn the_admin_token_never_goes_to_another_host_or_under_another_ca() {
        let dir = controller_dir();
        let away = resolve(&ConnectionFlags::default(), &[("DESKFLEET_URL", "https://fleet.example.org")], dir.path());
        assert_eq!(away.unwrap().token, None);
        let ca = dir.path().join("ca.pem");
        let other_ca = ConnectionFlags { ca: Some(ca), ..ConnectionFlags::default() };
        assert_eq!(resolve(&other_ca, &[], dir.path()).unwrap().token, None);
    }

    #[test]
    fn a_flag_wins_over_a_variable() {
        let dir = controller_dir();
        let flags = ConnectionFlags { token_file: Some(dir.path().join("admin.token")), ..ConnectionFlags::default() };
        let env = [("DESKFLEET_TOKEN", "dft_env"), ("DESKFLEET_URL", "https://localhost:9")];
        assert_eq!(resolve(&flags, &env, dir.path()).unwrap().token.as_deref(), Some("dft_admin"));
        let without = resolve(&ConnectionFlags::default(), &env, dir.path()).unwrap();
        assert_eq!(without.token.as_deref(), Some("dft_env"));
    }

    #[test]
    fn what_was_named_must_be_there() {
        let dir = tempfile::tempdir().unwrap();
        for env in
            [("DESKFLEET_CA", "/absent/ca.pem"), ("DESKFLEET_TOKEN_FILE", "/absent"), ("DESKFLEET_URL", "http://x")]
        {
            let error = resolve(&ConnectionFlags::default(), &[env], dir.path()).err().unwrap();
            assert_eq!(crate::cli::exit::code(&error), Exit::Usage, "{error}");
        }
    }
}
