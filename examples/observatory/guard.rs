//! Who may ask. The server shows what runs in this process, so it is for this machine, and for its
//! own page: not for other pages that a browser on this machine has open. Those can send requests
//! to loopback, and with a name of their own that leads to 127.0.0.1 (DNS rebinding) they could
//! read the answers.

use std::net::SocketAddr;

/// The fields of a request that tell who asks.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Asker {
    /// `None` if there is none, or more than one, or one that is no text; the same below.
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
            host: all("host").pop().flatten(),
            origins: all("origin"),
            sites: all("sec-fetch-site"),
            navigates: all("sec-fetch-mode") == [Some("navigate".to_owned())],
        }
    }
}

/// Knows the names under which the server may be asked.
pub(crate) struct Guard {
    hosts: Vec<String>,
}

impl Guard {
    pub(crate) fn new(address: SocketAddr) -> Guard {
        let port = address.port();
        let mut hosts = vec![address.to_string(), format!("localhost:{port}")];
        if port == 80 {
            // A browser leaves it out.
            let short = |host: &String| host.trim_end_matches(":80").to_owned();
            hosts.extend(hosts.iter().map(short).collect::<Vec<_>>());
        }
        Guard { hosts }
    }

    /// Is this a request of the page itself, or of somebody who is not a page?
    ///
    /// # Errors
    /// A sentence that says why not, and what to do.
    pub(crate) fn admits(&self, asker: &Asker, path: &str) -> Result<(), String> {
        let here = format!("open http://{}/", self.hosts[0]);
        let Some(host) = asker.host.as_ref().filter(|host| self.hosts.contains(host)) else {
            let host = asker.host.as_deref().unwrap_or_default();
            return Err(format!("the host '{host}' is not this server's; {here}"));
        };
        let own = format!("http://{host}");
        for origin in &asker.origins {
            let origin = origin.as_deref().unwrap_or_default();
            if origin != own {
                return Err(format!("the origin '{origin}' may not ask here; {here}"));
            }
        }
        // Without an origin, as pictures and scripts of other pages are fetched. Links to the page
        // are welcome.
        let welcome = asker.navigates && path == "/";
        for site in &asker.sites {
            let site = site.as_deref().unwrap_or_default();
            if !welcome && !matches!(site, "same-origin" | "none") {
                return Err(format!("a page of another origin ({site}) asks; {here}"));
            }
        }
        Ok(())
    }
}

/// The address to listen at, if all that were found are addresses of loopback.
///
/// # Errors
/// A sentence that says which is not, and what to give.
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
    fn only_the_hosts_own_names_are_answered() {
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
    fn only_the_own_origin_is_answered() {
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
    fn one_of_two_origins_is_not_enough() {
        let host = ("host", "localhost:7070");
        let (own, other) = ("http://localhost:7070", "http://evil.example");
        assert!(!asks(&[host, ("origin", own), ("origin", other)], "/hello"));
        assert!(!asks(&[host, ("origin", other), ("origin", own)], "/hello"));
    }

    #[test]
    fn pictures_of_other_pages_are_refused_and_links_are_followed() {
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
    fn a_page_at_the_usual_port_has_no_port_in_its_name() {
        let guard = Guard::new("[::1]:80".parse().unwrap());
        assert_eq!(
            guard.hosts,
            ["[::1]:80", "localhost:80", "[::1]", "localhost"]
        );
    }

    #[test]
    fn only_loopback_is_listened_at() {
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
