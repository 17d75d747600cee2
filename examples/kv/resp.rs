//! Parses requests in the Redis protocol (RESP2, and plain lines) from bytes that arrive in pieces.
//!
//! The parser does not own the input. It stores its position in the current request, and the
//! arguments are ranges of the caller's buffer, so nothing is copied and each byte is parsed once.
//! Memory use depends on the received bytes, not on the announced lengths.

use std::borrow::Cow;
use std::ops::{Index, Range};

/// The limits of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes in one argument.
    pub(crate) max_bulk: usize,
    /// Arguments in one request.
    pub(crate) max_args: usize,
    /// Bytes in a request written as a plain line.
    pub(crate) max_inline: usize,
    /// Bytes in a whole request.
    pub(crate) max_request: usize,
}

impl Limits {
    pub(crate) fn with_max_bulk(max_bulk: usize) -> Limits {
        Limits {
            max_bulk,
            max_args: 1024 * 1024,
            max_inline: 64 * 1024,
            max_request: max_bulk.saturating_mul(4).max(64 * 1024 * 1024),
        }
    }
}

/// The bytes are not a request. The connection cannot continue, as the next request is not found.
#[derive(Debug, PartialEq)]
pub(crate) struct ProtocolError(pub(crate) Cow<'static, str>);

const fn broken<T>(what: &'static str) -> Result<T, ProtocolError> {
    Err(ProtocolError(Cow::Borrowed(what)))
}

/// The element that the parser expects next.
#[derive(Clone, Copy)]
enum Expect {
    /// `*3` or the first byte of a plain line.
    Start,
    /// `$5`.
    Length,
    /// An argument of this many bytes, and the line end after it.
    Body(usize),
}

pub(crate) struct Parser {
    limits: Limits,
    expect: Expect,
    /// The number of bytes of the request that are parsed (of a plain line: searched for its end).
    at: usize,
    /// The number of arguments that have not arrived.
    missing: usize,
    args: Vec<Range<usize>>,
    /// The words of a plain line without quotes and escapes; `args` are ranges of this if `plain`.
    words: Vec<u8>,
    plain: bool,
}

impl Parser {
    pub(crate) fn new(limits: Limits) -> Parser {
        Parser {
            limits,
            expect: Expect::Start,
            at: 0,
            missing: 0,
            args: Vec::new(),
            words: Vec::new(),
            plain: false,
        }
    }

    /// Continues to parse `input`, which starts with the first byte of the request. Returns the
    /// length of the request when it is complete, and `None` while bytes are missing.
    pub(crate) fn advance(&mut self, input: &[u8]) -> Result<Option<usize>, ProtocolError> {
        loop {
            match self.expect {
                Expect::Start => match input.first() {
                    None => return Ok(None),
                    Some(b'*') => {
                        let Some((count, next)) = number(input, 1, "mbulk")? else {
                            return Ok(None);
                        };
                        match count {
                            Some(n) if n <= self.limits.max_args as i64 => {
                                self.missing = n.max(0) as usize;
                            }
                            _ => return broken("invalid multibulk length"),
                        }
                        self.at = next;
                        self.expect = Expect::Length;
                    }
                    Some(_) => return self.plain_line(input),
                },
                Expect::Length if self.missing == 0 => return Ok(Some(self.at)),
                Expect::Length => {
                    match input.get(self.at) {
                        None => return Ok(None),
                        Some(b'$') => {}
                        Some(&other) => return Err(not_a_length(other)),
                    }
                    let Some((length, next)) = number(input, self.at + 1, "bulk")? else {
                        return Ok(None);
                    };
                    let length = match length {
                        Some(n) if 0 <= n && n <= self.limits.max_bulk as i64 => n as usize,
                        _ => return broken("invalid bulk length"),
                    };
                    if next + length > self.limits.max_request {
                        return broken("too big request");
                    }
                    self.at = next;
                    self.expect = Expect::Body(length);
                }
                Expect::Body(length) => {
                    let end = self.at + length;
                    match input.get(end..end + 2) {
                        None => return Ok(None),
                        Some(b"\r\n") => {}
                        Some(_) => return broken("expected a line end after the argument"),
                    }
                    self.args.push(self.at..end);
                    self.at = end + 2;
                    self.missing -= 1;
                    self.expect = Expect::Length;
                }
            }
        }
    }

    /// Returns the arguments of the request that `advance` has just completed in `input`.
    pub(crate) fn args<'a>(&'a self, input: &'a [u8]) -> Args<'a> {
        Args {
            bytes: if self.plain { &self.words } else { input },
            ranges: &self.args,
        }
    }

    /// Discards the completed request; the next `advance` starts with the byte after it.
    pub(crate) fn start_over(&mut self) {
        self.expect = Expect::Start;
        self.at = 0;
        self.plain = false;
        self.args.clear();
        self.args.shrink_to(64);
        self.words.clear();
        self.words.shrink_to(64);
    }

    /// Parses a request as a person types it: words with blanks between them.
    fn plain_line(&mut self, input: &[u8]) -> Result<Option<usize>, ProtocolError> {
        let found = input[self.at..].iter().position(|&byte| byte == b'\n');
        let end = found.map_or(input.len(), |offset| self.at + offset);
        if end > self.limits.max_inline {
            return broken("too big inline request");
        }
        self.at = end;
        if found.is_none() {
            return Ok(None);
        }
        let line = input[..end].strip_suffix(b"\r").unwrap_or(&input[..end]);
        self.plain = true;
        if split_words(line, &mut self.words, &mut self.args).is_none() {
            return broken("unbalanced quotes in request");
        }
        Ok(Some(end + 1))
    }
}

/// The arguments of one request; the first is the name of the command.
#[derive(Clone, Copy)]
pub(crate) struct Args<'a> {
    bytes: &'a [u8],
    ranges: &'a [Range<usize>],
}

impl<'a> Args<'a> {
    pub(crate) fn len(&self) -> usize {
        self.ranges.len()
    }

    pub(crate) fn get(&self, at: usize) -> Option<&'a [u8]> {
        let range = self.ranges.get(at)?;
        Some(&self.bytes[range.clone()])
    }

    /// Returns the arguments from number `from` on.
    pub(crate) fn skip(&self, from: usize) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let bytes = self.bytes;
        let ranges = self.ranges.get(from..).unwrap_or_default();
        ranges.iter().map(move |range| &bytes[range.clone()])
    }
}

impl Index<usize> for Args<'_> {
    type Output = [u8];

    fn index(&self, at: usize) -> &[u8] {
        &self.bytes[self.ranges[at].clone()]
    }
}

/// Parses a decimal number as Redis does: without plus sign, leading zeros and blanks.
pub(crate) fn parse_integer(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    match digits {
        [b'0'] if digits.len() == text.len() => return Some(0),
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The largest length of a number in a frame, with its sign and line end.
const MAX_NUMBER: usize = 32;

/// Parses the number on the line at `at`, and returns it with the start of the next line. The inner
/// `None` is for a line that is not a number, the outer for a line that has not ended.
type NumberLine = Option<(Option<i64>, usize)>;

fn number(input: &[u8], at: usize, what: &str) -> Result<NumberLine, ProtocolError> {
    let rest = &input[at.min(input.len())..];
    let rest = &rest[..rest.len().min(MAX_NUMBER)];
    match rest.iter().position(|&byte| byte == b'\n') {
        Some(end) => {
            let line = rest[..end].strip_suffix(b"\r");
            Ok(Some((line.and_then(parse_integer), at + end + 1)))
        }
        None if rest.len() == MAX_NUMBER => {
            Err(ProtocolError(format!("too big {what} count string").into()))
        }
        None => Ok(None),
    }
}

fn not_a_length(byte: u8) -> ProtocolError {
    // The reply is one line of text, so only a printable byte is shown.
    let shown = if byte.is_ascii_graphic() {
        byte as char
    } else {
        '?'
    };
    ProtocolError(format!("expected '$', got '{shown}'").into())
}

/// Splits a line into words. Words may be quoted: `"a\tb\x00"` with escapes, `'a b'` without.
/// Returns `None` if a quote is not closed or a word continues after its closing quote.
fn split_words(line: &[u8], words: &mut Vec<u8>, ranges: &mut Vec<Range<usize>>) -> Option<()> {
    let mut rest = line.trim_ascii_start();
    while let Some(&first) = rest.first() {
        let start = words.len();
        rest = match first {
            b'"' | b'\'' => quoted_word(first, &rest[1..], words)?,
            _ => plain_word(rest, words)?,
        };
        ranges.push(start..words.len());
        rest = rest.trim_ascii_start();
    }
    Some(())
}

fn plain_word<'a>(line: &'a [u8], words: &mut Vec<u8>) -> Option<&'a [u8]> {
    let end = line
        .iter()
        .position(|byte| byte.is_ascii_whitespace() || *byte == 0)
        .unwrap_or(line.len());
    words.extend_from_slice(&line[..end]);
    // A zero byte ends the word and is removed, as in Redis.
    let rest = &line[end..];
    Some(rest.strip_prefix(b"\0").unwrap_or(rest))
}

/// Parses up to the closing quote, and returns the rest.
fn quoted_word<'a>(quote: u8, mut rest: &'a [u8], words: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (byte, after) = rest.split_first()?;
        rest = after;
        match *byte {
            b'\\' if quote == b'"' => {
                let (byte, after) = unescape(rest)?;
                words.push(byte);
                rest = after;
            }
            b'\\' if rest.first() == Some(&b'\'') => {
                words.push(b'\'');
                rest = &rest[1..];
            }
            byte if byte == quote => break,
            byte => words.push(byte),
        }
    }
    match rest.first() {
        Some(byte) if !byte.is_ascii_whitespace() => None,
        _ => Some(rest),
    }
}

/// Returns the byte for an escape, and the rest; `rest` starts after the backslash.
fn unescape(rest: &[u8]) -> Option<(u8, &[u8])> {
    if let [b'x', high, low, after @ ..] = rest
        && let (Some(high), Some(low)) = (hex(*high), hex(*low))
    {
        return Some((high * 16 + low, after));
    }
    let (&byte, after) = rest.split_first()?;
    let byte = match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'a' => 7,
        other => other,
    };
    Some((byte, after))
}

fn hex(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).map(|value| value as u8)
}
