//! The parser of heads and addresses of the example `http`, on any bytes.

#[path = "../../examples/http/head.rs"]
mod head;
#[path = "../../examples/http/status.rs"]
mod status;
#[path = "../../examples/http/target.rs"]
mod target;

use std::path::{Component, Path};

use head::{Method, Request, Version};
use status::Status;

/// Words that random bytes would rarely contain.
pub const WORDS: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\n",
    b"GET /a%2e/b?c HTTP/1.0\r\n",
    b"HEAD http://a/b#c HTTP/1.1\r\n",
    b"POST /x HTTP/1.1\r\n",
    b"OPTIONS * HTTP/1.1\r\n",
    b"GET /",
    b"../",
    b"%2e%2e/",
    b".well-known/",
    b" HTTP/1.1\r\n",
    b"Host: a\r\n",
    b"Content-Length: 3\r\n\r\nabc",
    b"Content-Length: +3\r\n",
    b"Content-Length: 18446744073709551616\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close, keep-alive\r\n",
    b"Expect: 100-continue\r\n",
    b"If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
    b"If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"A: ",
    b"\xfea",
    b"\xfe\r",
    b"\0",
];

/// Represents a thousand times the byte after it in a script, as the limits are large.
const MANY: u8 = 0xfe;
const MAX_BYTES: usize = 64 * 1024;
/// The longest body that a server accepts.
const MAX_BODY: u64 = 64 * 1024;
/// A longer head may be refused for its length before its end is seen.
const LONG: usize = 8 * 1024;

pub fn run(data: &[u8]) {
    addresses(data);
    let data = expand(data);
    if data.len() > MAX_BYTES {
        return;
    }
    let whole = conversation(&data, [data.len()]);
    let sum = data.iter().map(|&byte| usize::from(byte)).sum::<usize>();
    let cut = sum % (data.len() + 1);
    same(&data, &whole, &conversation(&data, [cut, data.len()]));
    let step = if data.len() <= 600 { 1 } else { 599 };
    let ends = (0..data.len()).step_by(step).chain([data.len()]);
    same(&data, &whole, &conversation(&data, ends));
}

fn expand(data: &[u8]) -> Vec<u8> {
    let mut bytes = data.iter();
    let mut expanded = Vec::new();
    while let Some(&byte) = bytes.next() {
        match byte {
            MANY if expanded.len() <= MAX_BYTES => {
                let repeated = bytes.next().copied().unwrap_or_default();
                expanded.extend(std::iter::repeat_n(repeated, 1000));
            }
            byte => expanded.push(byte),
        }
    }
    expanded
}

type Events = Vec<Result<Request, Status>>;

fn same(data: &[u8], whole: &Events, pieces: &Events) {
    match (whole.last(), pieces.last()) {
        (Some(Err(_)), Some(Err(_))) if data.len() > LONG => {
            assert_eq!(whole[..whole.len() - 1], pieces[..pieces.len() - 1]);
        }
        _ => assert_eq!(whole, pieces),
    }
}

/// Returns the requests in pieces that end at `ends`, until the first malformed one.
fn conversation(data: &[u8], ends: impl IntoIterator<Item = usize>) -> Events {
    let mut events = Vec::new();
    let mut input = Vec::new();
    let mut body = 0;
    let mut from = 0;
    for end in ends {
        input.extend_from_slice(&data[from..end]);
        from = end;
        loop {
            let here = input.len().min(body);
            input.drain(..here);
            body -= here;
            if body > 0 {
                break;
            }
            match head::parse_with(&input, look) {
                Ok(Some((request, length, hosts))) => {
                    assert!(0 < length && length <= input.len() && length <= 16 * 1024);
                    assert!(hosts <= 1 && (hosts == 1 || request.version == Version::Http10));
                    input.drain(..length);
                    check(&request);
                    let last = !request.keep_alive || request.body > MAX_BODY;
                    body = request.body as usize;
                    events.push(Ok(request));
                    if last {
                        return events;
                    }
                }
                Ok(None) => {
                    // The server reads at most this much before it parses again.
                    assert!(input.len() < 16 * 1024, "an unfinished head has a limit");
                    break;
                }
                Err(status) => {
                    events.push(Err(status));
                    return events;
                }
            }
        }
    }
    events
}

/// Counts the hosts; an accepted request has at most one length.
fn look(target: &str, fields: &[httparse::Header<'_>]) -> usize {
    assert!(!target.is_empty() && !target.contains([' ', '\r', '\n', '\0']));
    let named = |name: &'static str| {
        fields
            .iter()
            .filter(move |field| field.name.eq_ignore_ascii_case(name))
    };
    assert_eq!(named("transfer-encoding").count(), 0);
    let lengths: Vec<_> = named("content-length").map(|field| field.value).collect();
    assert!(
        lengths
            .iter()
            .all(|value| value.iter().all(u8::is_ascii_digit))
    );
    named("host").count()
}

fn check(request: &Request) {
    assert!(!request.path.contains(['?', '#', '\r', '\n']));
    if !matches!(request.method, Method::Other(_)) {
        assert!(request.path.starts_with('/'));
    }
    safe(&request.path);
}

/// Checks that the path stays below the folder.
fn safe(path: &str) {
    let Ok(found) = target::resolve(path) else {
        return;
    };
    let names = found.path.components();
    for name in names {
        let Component::Normal(name) = name else {
            panic!("{path:?} leads to {:?}", found.path);
        };
        let name = name.to_str().expect("it was a text");
        assert!(!name.contains('\0') && (!name.starts_with('.') || name == ".well-known"));
    }
    let root = Path::new("/root");
    assert!(root.join(&found.path).starts_with(root));
    // The location of a redirection is one line, and resolves to the same name.
    let location = target::with_slash(&found);
    assert!(location.bytes().all(|byte| byte.is_ascii_graphic()));
    let again = target::resolve(&location).expect("it is an address");
    assert!(again.is_folder && again.path.file_name() == found.path.file_name());
}

/// Returns the bytes as an address: unchanged, and with each byte escaped.
fn addresses(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        safe(text);
    }
    let escaped: String = data.iter().map(|byte| format!("%{byte:02x}")).collect();
    safe(&escaped);
    let plain = std::str::from_utf8(data)
        .ok()
        .filter(|text| !text.contains('\0'));
    let names = plain.map(|text| text.split('/').filter(|name| !["", "."].contains(name)));
    let names = names.filter(|names| {
        names
            .clone()
            .all(|name| name == ".well-known" || !name.starts_with('.'))
    });
    let expected = names.map(|names| names.collect::<std::path::PathBuf>());
    assert_eq!(
        target::resolve(&escaped).ok().map(|found| found.path),
        expected
    );
}
