//! Under which names and addresses the controller's own certificate is good.

use std::{collections::BTreeSet, net::IpAddr};

use crate::config::HttpsUrl;

/// More than any host has in earnest; a certificate must stay small enough for a handshake.
const MAX_LOCAL_ADDRESSES: usize = 64;

/// `localhost`, the host's name, its addresses now, the public address, and what the settings add.
pub(super) fn wanted(public_url: Option<&HttpsUrl>, server_names: &[String]) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    names.extend(host_name());
    names.extend(local_addresses().into_iter().map(|address| address.to_string()));
    names.extend(public_url.and_then(|url| host_of(url.as_str())));
    names.extend(server_names.iter().map(|name| canonical(name)));
    names
}

/// Addresses in one spelling, names in lower case, so that what is wanted can be compared with what a certificate has.
pub(super) fn canonical(name: &str) -> String {
    let name = name.trim().trim_start_matches('[').trim_end_matches(']');
    name.parse::<IpAddr>().map_or_else(|_| name.to_ascii_lowercase(), |address| address.to_string())
}

fn host_of(url: &str) -> Option<String> {
    let url: axum::http::Uri = url.parse().ok()?;
    url.host().map(canonical)
}

#[cfg(unix)]
pub(crate) fn host_name() -> Option<String> {
    let name = rustix::system::uname().nodename().to_str().ok()?.to_ascii_lowercase();
    is_host_name(&name).then_some(name)
}

#[cfg(not(unix))]
pub(crate) fn host_name() -> Option<String> {
    let name = std::env::var("COMPUTERNAME").ok()?.to_ascii_lowercase();
    is_host_name(&name).then_some(name)
}

fn is_host_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

fn local_addresses() -> BTreeSet<IpAddr> {
    let interfaces = match if_addrs::get_if_addrs() {
        Ok(interfaces) => interfaces,
        Err(error) => {
            tracing::warn!(%error, "cannot list this host's addresses; name them in controller.server_names");
            return BTreeSet::new();
        }
    };
    let useful = interfaces.into_iter().filter(|interface| !interface.is_link_local());
    useful.map(|interface| interface.ip()).take(MAX_LOCAL_ADDRESSES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_address_and_the_settings_add_names_in_one_spelling() {
        let url = HttpsUrl::parse("https://Fleet.Example.org:8443").unwrap();
        let names = wanted(Some(&url), &["[2001:DB8::0:1]".to_owned(), " Vm.Local ".to_owned()]);
        for name in ["localhost", "127.0.0.1", "::1", "fleet.example.org", "2001:db8::1", "vm.local"] {
            assert!(names.contains(name), "{name} in {names:?}");
        }
    }
}
