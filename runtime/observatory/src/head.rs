//! Parses the head of a request.

use super::guard::Asker;

/// The largest head, with its request line and the empty line at its end.
const MAX_HEAD: usize = 16 * 1024;
const MAX_FIELDS: usize = 64;

/// Why a request is refused: the status, and what is wrong.
pub(crate) type Refusal = (&'static str, &'static str);

const TOO_LARGE: Refusal = (
    "431 Request Header Fields Too Large",
    "a head may have no more than 16 KiB and 64 fields",
);
const BAD: Refusal = ("400 Bad Request", "this request is malformed");
const NOT_ALLOWED: Refusal = ("405 Method Not Allowed", "only GET is supported");

/// A request.
#[derive(Debug)]
pub(crate) struct Head {
    /// The target: path and query.
    pub(crate) target: String,
    /// Whether another request may follow on this connection.
    pub(crate) keep_alive: bool,
    pub(crate) asker: Asker,
    /// Why it is refused, after its origin has been checked.
    pub(crate) refusal: Option<Refusal>,
}

impl Head {
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// Parses a head from the start of `input`. Returns it with its length, or `None` if its end has
/// not arrived.
pub(crate) fn parse(input: &[u8]) -> Result<Option<(Head, usize)>, Refusal> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut head = httparse::Request::new(&mut fields);
    let length = match head.parse(input) {
        Ok(httparse::Status::Complete(length)) if length <= MAX_HEAD => length,
        Ok(httparse::Status::Partial) if input.len() < MAX_HEAD => return Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(TOO_LARGE),
        Err(_) => return Err(BAD),
    };
    let target = head.path.filter(|path| path.starts_with('/')).ok_or(BAD)?;
    let mut keep_alive = head.version == Some(1);
    let mut has_body = false;
    for field in head.headers.iter() {
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        if is("connection") {
            let words = field.value.split(|byte| *byte == b',');
            let mut words = words.map(<[u8]>::trim_ascii);
            keep_alive &= !words.any(|word| word.eq_ignore_ascii_case(b"close"));
        }
        has_body |= is("transfer-encoding");
        has_body |= is("content-length") && field.value.trim_ascii() != b"0";
    }
    let is_get = head.method == Some("GET");
    let head = Head {
        target: target.to_owned(),
        // The bytes of a body are not read.
        keep_alive: keep_alive && !has_body,
        asker: Asker::of(head.headers),
        refusal: (has_body || !is_get).then_some(NOT_ALLOWED),
    };
    Ok(Some((head, length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_taken_when_its_end_has_arrived() {
        let text = b"GET /a?b=c HTTP/1.1\r\nHost: here\r\n\r\nGET";
        assert!(parse(&text[..30]).unwrap().is_none());
        let (head, length) = parse(text).unwrap().unwrap();
        assert_eq!((head.path(), &*head.target), ("/a", "/a?b=c"));
        assert_eq!(length, text.len() - 3);
        assert!(head.keep_alive && head.refusal.is_none());
    }

    #[test]
    fn bodies_and_other_methods_are_refused_and_end_the_connection() {
        for more in ["Content-Length: 3", "Transfer-Encoding: chunked"] {
            let text = format!("GET / HTTP/1.1\r\n{more}\r\n\r\n");
            let (head, _) = parse(text.as_bytes()).unwrap().unwrap();
            assert_eq!(head.refusal.unwrap().0, "405 Method Not Allowed");
            assert!(!head.keep_alive);
        }
        let (head, _) = parse(b"PUT / HTTP/1.1\r\n\r\n").unwrap().unwrap();
        assert!(head.refusal.is_some());
    }

    #[test]
    fn a_head_that_is_too_large_or_malformed_is_an_error() {
        let long = format!("GET / HTTP/1.1\r\nA: {}", "a".repeat(MAX_HEAD));
        assert_eq!(parse(long.as_bytes()).unwrap_err(), TOO_LARGE);
        let many = "A: b\r\n".repeat(MAX_FIELDS + 1);
        let many = format!("GET / HTTP/1.1\r\n{many}\r\n");
        assert_eq!(parse(many.as_bytes()).unwrap_err(), TOO_LARGE);
        assert_eq!(parse(b"GET http://a/ HTTP/1.1\r\n\r\n").unwrap_err(), BAD);
        assert_eq!(parse(b"\0\0").unwrap_err(), BAD);
    }
}
