//! Parses the head of a request. Uses neither sockets nor files.

use std::time::SystemTime;

use super::status::Status;

/// The largest head, with its request line and the empty line at its end.
const MAX_HEAD: usize = 16 * 1024;
const MAX_FIELDS: usize = 64;
const MAX_TARGET: usize = 8 * 1024;

#[derive(Debug, PartialEq)]
pub(crate) enum Method {
    Get,
    Head,
    /// Another method, with the status to answer.
    Other(Status),
}

#[derive(Debug, PartialEq)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// The path of the target as it was sent, without the query.
    pub(crate) path: String,
    pub(crate) version: Version,
    /// Whether another request may follow on this connection.
    pub(crate) keep_alive: bool,
    /// The number of bytes of the body that follows the head.
    pub(crate) body: u64,
    /// The client waits for a `100 Continue` before it sends the body.
    pub(crate) expects_continue: bool,
    pub(crate) if_modified_since: Option<SystemTime>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Version {
    Http10,
    Http11,
}

/// Parses a head from the start of `input`. Returns it with its length, or `None` if its end has
/// not arrived. After an error the connection cannot continue, as the start of the next request is
/// not known.
pub(crate) fn parse(input: &[u8]) -> Result<Option<(Request, usize)>, Status> {
    let parsed = parse_with(input, |_, _| ())?;
    Ok(parsed.map(|(request, length, ())| (request, length)))
}

/// Like [`parse`], but calls `look` with the target as it was sent, and the fields.
pub(crate) fn parse_with<T>(
    input: &[u8],
    look: impl FnOnce(&str, &[httparse::Header<'_>]) -> T,
) -> Result<Option<(Request, usize, T)>, Status> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut head = httparse::Request::new(&mut fields);
    let length = match head.parse(input) {
        Ok(httparse::Status::Complete(length)) if length > MAX_HEAD => {
            return Err(Status::HeadTooLarge);
        }
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return unfinished(input),
        Err(httparse::Error::TooManyHeaders) => return Err(Status::HeadTooLarge),
        Err(httparse::Error::Version) => return Err(Status::VersionNotSupported),
        Err(_) => return Err(Status::BadRequest),
    };
    let target = head.path.ok_or(Status::BadRequest)?;
    if target.len() > MAX_TARGET {
        return Err(Status::TargetTooLong);
    }
    let version = match head.version {
        Some(0) => Version::Http10,
        _ => Version::Http11,
    };
    let method = method(head.method.unwrap_or_default());
    let fields = Fields::read(head.headers, version)?;
    let more = look(target, head.headers);
    let request = Request {
        path: path(target, &method)?.to_string(),
        method,
        version,
        keep_alive: match version {
            Version::Http10 => fields.keep_alive && !fields.close,
            Version::Http11 => !fields.close,
        },
        body: fields.length.unwrap_or(0),
        expects_continue: fields.expects_continue && version == Version::Http11,
        if_modified_since: fields.if_modified_since,
    };
    Ok(Some((request, length, more)))
}

fn unfinished<T>(input: &[u8]) -> Result<Option<T>, Status> {
    if input.len() > MAX_TARGET + 32 && !input.contains(&b'\n') {
        Err(Status::TargetTooLong)
    } else if input.len() >= MAX_HEAD {
        Err(Status::HeadTooLarge)
    } else {
        Ok(None)
    }
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" | "PUT" | "DELETE" | "PATCH" | "OPTIONS" | "TRACE" | "CONNECT" => {
            Method::Other(Status::MethodNotAllowed)
        }
        _ => Method::Other(Status::NotImplemented),
    }
}

/// Returns the path of a target such as `/a?b`, `http://host/a?b`, or `*` (in other methods).
fn path<'a>(target: &'a str, method: &Method) -> Result<&'a str, Status> {
    let end = target.find(['?', '#']).unwrap_or(target.len());
    let before_query = &target[..end];
    if before_query.starts_with('/') || matches!(method, Method::Other(_)) {
        return Ok(before_query);
    }
    let scheme = before_query.get(..7).unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("http://") {
        return Err(Status::BadRequest);
    }
    let authority = &before_query[7..];
    Ok(authority.find('/').map_or("/", |at| &authority[at..]))
}

/// The fields of a head that the server uses.
#[derive(Default)]
struct Fields {
    hosts: usize,
    length: Option<u64>,
    encoded: bool,
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
    if_modified_since: Option<SystemTime>,
}

impl Fields {
    fn read(headers: &[httparse::Header<'_>], version: Version) -> Result<Fields, Status> {
        let mut fields = Fields::default();
        for header in headers {
            fields.field(header.name, header.value)?;
        }
        // Two lengths of one body would allow to smuggle requests past a proxy.
        if fields.encoded && (fields.length.is_some() || version == Version::Http10) {
            return Err(Status::BadRequest);
        }
        if fields.encoded {
            return Err(Status::NotImplemented);
        }
        if fields.hosts > 1 || (fields.hosts == 0 && version == Version::Http11) {
            return Err(Status::BadRequest);
        }
        Ok(fields)
    }

    fn field(&mut self, name: &str, value: &[u8]) -> Result<(), Status> {
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
        if is("host") {
            self.hosts += 1;
        } else if is("connection") {
            for word in value.split(|byte| *byte == b',') {
                let word = word.trim_ascii();
                self.close |= word.eq_ignore_ascii_case(b"close");
                self.keep_alive |= word.eq_ignore_ascii_case(b"keep-alive");
            }
        } else if is("content-length") {
            let length = decimal(value).ok_or(Status::BadRequest)?;
            if self.length.is_some_and(|before| before != length) {
                return Err(Status::BadRequest);
            }
            self.length = Some(length);
        } else if is("transfer-encoding") {
            self.encoded = true;
        } else if is("expect") {
            if !value.eq_ignore_ascii_case(b"100-continue") {
                return Err(Status::ExpectationFailed);
            }
            self.expects_continue = true;
        } else if is("if-modified-since") {
            // A date that cannot be parsed is ignored.
            let text = std::str::from_utf8(value).ok();
            self.if_modified_since = text.and_then(|text| httpdate::parse_http_date(text).ok());
        }
        Ok(())
    }
}

/// Parses digits only: `parse` would accept a plus sign.
fn decimal(text: &[u8]) -> Option<u64> {
    if !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}
