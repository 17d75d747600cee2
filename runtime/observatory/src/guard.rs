//! Checks the origin of requests. The server shows the tasks of this process, so it answers only
//! this machine and its own page, not other pages that are open in a browser on this machine. Those
//! can send requests to loopback, and with a host name of theirs that resolves to 127.0.0.1 (DNS
//! rebinding) they could read the responses.

use std::net::SocketAddr;

/// The fields of a request that identify its origin.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Asker {
    /// `None` if it is absent, or given twice, or not UTF-8; the same for the others.
    pub(crate) host: Option<String>,
    pub(crate) origins: Vec<Option<String>>,
    pub(crate) sites: Vec<Option<String>>,
    pub(crate) navigates: bool,
}

impl Asker {
    pub(crate) fn of(headers: &[httparse::Header<'_>]) -> Asker {
        let all = |name: &str| {
            let named = headers
                .iter()
                .filter(move |header| header.name.eq_ignore_ascii_case(name));
            let text = |value| Some(std::str::from_utf8(value).ok()?.to_ascii_lowercase());
            named
                .map(move |header| text(header.value))
                .collect::<Vec<_>>()
        };
        Asker {
            host: match &*all("host") {
                [host] => host.clone(),
                _ => None,
            },
            origins: all("origin"),
            sites: all("sec-fetch-site"),
            navigates: all("sec-fetch-mode") == [Some("navigate".to_owned())],
        }
    }
}

/// The host names of the server that a request may contain.
pub(crate) struct Guard {
    hosts: Vec<String>,
}

impl Guard {
    pub(crate) fn new(address: SocketAddr) -> Guard {
        let port = address.port();
        let mut hosts = vec![address.to_string(), format!("localhost:{port}")];
        if port == 80 {
            // A browser leaves the default port out.
            let short = |host: &String| host.trim_end_matches(":80").to_owned();
            hosts.extend(hosts.iter().map(short).collect::<Vec<_>>());
        }
        Guard { hosts }
    }

    /// Checks that the request comes from the server's own page, or not from a page.
    ///
    /// # Errors
    /// Returns the reason and what to do.
    pub(crate) fn admits(&self, asker: &Asker, path: &str) -> Result<(), String> {
        let here = format!("open http://{}/", self.hosts[0]);
        let Some(host) = asker.host.as_ref().filter(|host| self.hosts.contains(host)) else {
            let host = asker.host.as_deref().unwrap_or_default();
            return Err(format!(
                "the host '{host}' is not a name of this server; {here}"
            ));
        };
        let own = format!("http://{host}");
        for origin in &asker.origins {
            let origin = origin.as_deref().unwrap_or_default();
            if origin != own {
                return Err(format!(
                    "requests of the origin '{origin}' are refused; {here}"
                ));
            }
        }
        // Without an origin, as for pictures and scripts in other pages. Links to the page are
        // allowed.
        let welcome = asker.navigates && path == "/";
        for site in &asker.sites {
            let site = site.as_deref().unwrap_or_default();
            if !welcome && !matches!(site, "same-origin" | "none") {
                return Err(format!(
                    "requests of other pages ({site}) are refused; {here}"
                ));
            }
        }
        Ok(())
    }
}

/// Returns the address to listen on, if all found addresses are addresses of loopback.
///
/// # Errors
/// Returns which address is not, and what to give.
pub(crate) fn loopback(asked: &str, found: &[SocketAddr]) -> Result<SocketAddr, String> {
    if let Some(other) = found.iter().find(|address| !address.ip().is_loopback()) {
        return Err(format!(
            "'{asked}' is {other}, which others can reach: the observatory listens on loopback \
             only; give 127.0.0.1:{port} or [::1]:{port}",
            port = other.port()
        ));
    }
    let first = found.first().copied();
    first.ok_or_else(|| format!("'{asked}' has no address; give 127.0.0.1:7070"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(fields: &[(&str, &str)], path: &str) -> bool {
        let headers: Vec<_> = fields
            .iter()
            .map(|(name, value)| httparse::Header {
                name,
                value: value.as_bytes(),
            })
            .collect();
        let guard = Guard::new("127.0.0.1:7070".parse().unwrap());
        let answer = guard.admits(&Asker::of(&headers), path);
        if let Err(sentence) = &answer {
            assert!(
                sentence.contains("open http://127.0.0.1:7070/"),
                "{sentence}"
            );
        }
        answer.is_ok()
    }

    #[test]
    fn only_the_servers_own_hosts_are_answered() {
        for own in ["127.0.0.1:7070", "localhost:7070", "LocalHost:7070"] {
            assert!(asks(&[("Host", own)], "/hello"), "{own}");
        }
        let others = [
            "",
            "evil.example",
            "evil.example:7070",
            "127.0.0.1",
            "127.0.0.1:7071",
            "127.0.0.1:70700",
            "127.0.0.1:7070.evil.example",
            "localhost.evil.example:7070",
            "user@127.0.0.1:7070",
            "[::1]:7070",
        ];
        for other in others {
            assert!(!asks(&[("Host", other)], "/hello"), "{other}");
        }
        assert!(!asks(&[], "/hello"), "without a host");
    }

    #[test]
    fn only_the_servers_own_origin_is_answered() {
        let asks = |origin| {
            let fields = [("host", "localhost:7070"), ("ORIGIN", origin)];
            asks(&fields, "/hello")
        };
        assert!(asks("http://localhost:7070"));
        let others = [
            "null",
            "",
            "http://evil.example",
            "https://localhost:7070",
            "http://localhost:7071",
            "http://localhost",
            "http://127.0.0.1:7070",
            "http://localhost:7070.evil.example",
            "http://localhost:7070, http://evil.example",
        ];
        for other in others {
            assert!(!asks(other), "{other}");
        }
    }

    #[test]
    fn two_origins_of_which_one_is_right_are_refused() {
        let host = ("host", "localhost:7070");
        let (own, other) = ("http://localhost:7070", "http://evil.example");
        assert!(!asks(&[host, ("origin", own), ("origin", other)], "/hello"));
        assert!(!asks(&[host, ("origin", other), ("origin", own)], "/hello"));
    }

    #[test]
    fn pictures_in_other_pages_are_refused_and_links_are_answered() {
        let asks = |site, mode, path| {
            let host = ("host", "localhost:7070");
            asks(
                &[host, ("sec-fetch-site", site), ("sec-fetch-mode", mode)],
                path,
            )
        };
        assert!(asks("same-origin", "cors", "/events"));
        assert!(asks("none", "navigate", "/hello"));
        assert!(asks("cross-site", "navigate", "/"));
        assert!(!asks("cross-site", "navigate", "/block"));
        for site in ["cross-site", "same-site", ""] {
            assert!(!asks(site, "no-cors", "/block"), "{site}");
            assert!(!asks(site, "no-cors", "/"), "{site}");
        }
    }

    #[test]
    fn the_host_at_the_default_port_has_no_port() {
        let guard = Guard::new("[::1]:80".parse().unwrap());
        assert_eq!(
            guard.hosts,
            ["[::1]:80", "localhost:80", "[::1]", "localhost"]
        );
    }

    #[test]
    fn only_loopback_addresses_are_accepted() {
        let at = |address: &str| loopback("asked", &[address.parse().unwrap()]);
        for own in ["127.0.0.1:0", "127.8.9.10:7070", "[::1]:7070"] {
            assert_eq!(at(own).unwrap(), own.parse().unwrap());
        }
        let others = [
            "0.0.0.0:7070",
            "192.168.0.1:7070",
            "[::]:7070",
            "[::ffff:10.0.0.1]:7070",
        ];
        for other in others {
            let sentence = at(other).unwrap_err();
            assert!(sentence.contains(other), "{sentence}");
            assert!(sentence.contains("give 127.0.0.1:7070"), "{sentence}");
        }
        let both = ["127.0.0.1:7070", "10.0.0.1:7070"].map(|one| one.parse().unwrap());
        assert!(loopback("asked", &both).is_err(), "one of two");
        assert!(loopback("asked", &[]).is_err());
    }
}
