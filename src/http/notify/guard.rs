//! Where messages may go. What a host name resolves to is checked, and just that address is connected to, so that a name cannot
//! change its meaning in between.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};

use crate::config::NotificationSettings;

/// Where clouds keep what a machine may know of itself, on IPv6.
const CLOUD_METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

#[derive(Debug, Clone, Copy)]
pub(crate) struct Guard {
    allow_local: bool,
    allow_http: bool,
}

impl Guard {
    pub(crate) const fn new(settings: &NotificationSettings) -> Self {
        Self { allow_local: settings.allow_local, allow_http: settings.allow_http }
    }

    /// An address that may be sent to, as far as it says itself. A host name is looked at again when it is resolved.
    pub(crate) fn url(self, text: &str) -> Result<Url, String> {
        let url =
            Url::parse(text).map_err(|_| "is no address: write one such as https://example.org/hook".to_owned())?;
        match url.scheme() {
            "https" => {}
            "http" if self.allow_http => {}
            "http" => {
                return Err("goes without TLS: write https://, or set notifications.allow_http = true".to_owned());
            }
            other => return Err(format!("begins with `{other}:`; only https:// is sent to")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("holds a user or a password: put them into a header of the channel instead".to_owned());
        }
        let host = url.host_str().ok_or_else(|| "names no host".to_owned())?;
        if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            self.address(address)?;
        }
        Ok(url)
    }

    fn address(self, address: IpAddr) -> Result<(), String> {
        match kind(address) {
            Kind::Anywhere => Ok(()),
            Kind::Local if self.allow_local => Ok(()),
            Kind::Local => Err(format!(
                "leads to {address}, which is local to the controller: set notifications.allow_local = true to let \
                 messages go there"
            )),
            Kind::Nobody => Err(format!("leads to {address}, which is no address of one receiver")),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Anywhere,
    /// Loopback, link-local, or what a system takes for itself.
    Local,
    /// Multicast and broadcast.
    Nobody,
}

fn kind(address: IpAddr) -> Kind {
    match address.to_canonical() {
        IpAddr::V4(address) => kind_v4(address),
        IpAddr::V6(address) => kind_v6(address),
    }
}

fn kind_v4(address: Ipv4Addr) -> Kind {
    if address.is_multicast() || address.is_broadcast() {
        Kind::Nobody
    } else if address.octets()[0] == 0 || address.is_loopback() || address.is_link_local() {
        Kind::Local
    } else {
        Kind::Anywhere
    }
}

fn kind_v6(address: Ipv6Addr) -> Kind {
    let segments = address.segments();
    // Of forms that carry an IPv4 address (translated, or compatible), that one counts.
    let carried = || {
        let [high, low] = [segments[6], segments[7]].map(u16::to_be_bytes);
        Ipv4Addr::new(high[0], high[1], low[0], low[1])
    };
    if address.is_multicast() {
        Kind::Nobody
    } else if address.is_loopback()
        || address.is_unspecified()
        || address.is_unicast_link_local()
        || address == CLOUD_METADATA
    {
        Kind::Local
    } else if segments[..6] == [0x64, 0xff9b, 0, 0, 0, 0] || segments[..6] == [0; 6] {
        kind_v4(carried())
    } else {
        Kind::Anywhere
    }
}

/// A name that leads to nobody who may be sent to.
#[derive(Debug, thiserror::Error)]
#[error("`{host}` {reason}")]
pub(super) struct Blocked {
    host: String,
    reason: String,
}

/// Resolves names for the client, and gives it only the addresses that may be connected to.
#[derive(Debug)]
pub(super) struct GuardedNames(pub(super) Guard);

impl Resolve for GuardedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let (mut allowed, mut reason) = (Vec::<SocketAddr>::new(), None);
            for address in found {
                match guard.address(address.ip()) {
                    Ok(()) => allowed.push(address),
                    Err(why) => reason = Some(why),
                }
            }
            if allowed.is_empty() {
                let reason = reason.unwrap_or_else(|| "has no address".to_owned());
                return Err(Blocked { host: name.as_str().to_owned(), reason }.into());
            }
            let addresses: Addrs = Box::new(allowed.into_iter());
            Ok(addresses)
        })
    }
}

pub(super) fn resolver(guard: Guard) -> Arc<GuardedNames> {
    Arc::new(GuardedNames(guard))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: Guard = Guard { allow_local: false, allow_http: false };
    const OPEN: Guard = Guard { allow_local: true, allow_http: true };

    #[test]
    fn what_is_local_is_refused_in_every_spelling_unless_it_is_allowed() {
        let local = [
            "https://127.0.0.1/x",
            "https://127.1/x",
            "https://2130706433/x",
            "https://0x7f.0.0.1/x",
            "https://0.0.0.0/x",
            "https://169.254.169.254/latest",
            "https://[::1]/x",
            "https://[::]/x",
            "https://[fe80::1]/x",
            "https://[::ffff:127.0.0.1]/x",
            "https://[64:ff9b::7f00:1]/x",
            "https://[::7f00:1]/x",
            "https://[fd00:ec2::254]/x",
        ];
        for url in local {
            assert!(STRICT.url(url).unwrap_err().contains("notifications.allow_local"), "{url}");
            OPEN.url(url).unwrap();
        }
        for url in ["https://224.0.0.1/", "https://255.255.255.255/", "https://[ff02::1]/"] {
            assert!(OPEN.url(url).is_err(), "{url}");
        }
        for url in ["https://example.org/hook", "https://10.1.2.3:8443/", "https://[2001:db8::1]/"] {
            STRICT.url(url).unwrap();
        }
    }

    #[test]
    fn without_tls_only_where_it_is_allowed_and_never_with_a_password() {
        assert!(STRICT.url("http://example.org/").unwrap_err().contains("notifications.allow_http"));
        OPEN.url("http://example.org/").unwrap();
        for url in ["ftp://example.org/", "file:///etc/passwd", "https://user:word@example.org/", "example.org"] {
            assert!(OPEN.url(url).is_err(), "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_is_judged_by_what_it_resolves_to() {
        let resolve = |guard: Guard| resolver(guard).resolve("localhost".parse().unwrap());
        let refused = resolve(STRICT).await.err().unwrap().to_string();
        assert!(refused.contains("localhost") && refused.contains("notifications.allow_local"), "{refused}");
        assert!(resolve(OPEN).await.unwrap().all(|address| address.ip().is_loopback()));
    }
}
