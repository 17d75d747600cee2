//! Frames of the Redis protocol (RESP 2).

use std::fmt;
use std::io;

use bytes::{Buf, Bytes, BytesMut};

/// The longest bulk string, and the longest array.
const MAX_BULK: usize = 16 << 20;
const MAX_ARRAY: usize = 1024;
/// The longest line: a simple string, an error or a length.
const MAX_LINE: usize = 64 << 10;
/// How deep arrays may be nested.
const MAX_DEPTH: usize = 8;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    Simple(String),
    Error(String),
    Integer(i64),
    Bulk(Bytes),
    Null,
    Array(Vec<Frame>),
}

/// Bytes that are no frame.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed(pub String);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "protocol error: {}", self.0)
    }
}

impl From<Malformed> for io::Error {
    fn from(error: Malformed) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, error.to_string())
    }
}

impl Frame {
    /// Makes the frame of a request.
    pub fn request<I: IntoIterator<Item: Into<Bytes>>>(parts: I) -> Frame {
        let parts = parts.into_iter().map(|part| Frame::Bulk(part.into()));
        Frame::Array(parts.collect())
    }

    /// Takes the first frame out of the buffer, if all of it is there.
    pub fn take(buffer: &mut BytesMut) -> Result<Option<Frame>, Malformed> {
        let mut rest = &buffer[..];
        let Some(frame) = parse(&mut rest, 0)? else {
            return Ok(None);
        };
        let length = buffer.len() - rest.len();
        buffer.advance(length);
        Ok(Some(frame))
    }

    /// Appends the bytes of the frame.
    pub fn put(&self, out: &mut Vec<u8>) {
        match self {
            Frame::Simple(text) => out.extend(format!("+{}\r\n", line(text)).bytes()),
            Frame::Error(text) => out.extend(format!("-{}\r\n", line(text)).bytes()),
            Frame::Integer(number) => out.extend(format!(":{number}\r\n").bytes()),
            Frame::Null => out.extend(b"$-1\r\n"),
            Frame::Bulk(bytes) => {
                out.extend(format!("${}\r\n", bytes.len()).bytes());
                out.extend_from_slice(bytes);
                out.extend(b"\r\n");
            }
            Frame::Array(frames) => {
                out.extend(format!("*{}\r\n", frames.len()).bytes());
                frames.iter().for_each(|frame| frame.put(out));
            }
        }
    }
}

/// Returns the text without line ends, which would begin another frame.
fn line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}

fn parse(rest: &mut &[u8], depth: usize) -> Result<Option<Frame>, Malformed> {
    let Some(line) = take_line(rest)? else {
        return Ok(None);
    };
    let (kind, text) = match line.split_first() {
        Some((kind, text)) => (*kind, String::from_utf8_lossy(text)),
        None => return Err(Malformed("an empty line".into())),
    };
    let frame = match kind {
        b'+' => Frame::Simple(text.into_owned()),
        b'-' => Frame::Error(text.into_owned()),
        b':' => match text.parse() {
            Ok(number) => Frame::Integer(number),
            Err(_) => return Err(Malformed(format!("`{text}` is no number"))),
        },
        b'$' if text == "-1" => Frame::Null,
        b'$' => {
            let length = length(&text, MAX_BULK)?;
            if rest.len() < length + 2 {
                return Ok(None);
            }
            let (bytes, after) = rest.split_at(length);
            let Some(after) = after.strip_prefix(b"\r\n") else {
                return Err(Malformed("no line end after a bulk string".into()));
            };
            *rest = after;
            Frame::Bulk(Bytes::copy_from_slice(bytes))
        }
        b'*' if depth == MAX_DEPTH => {
            return Err(Malformed(format!("more than {MAX_DEPTH} nested arrays")));
        }
        b'*' => {
            let mut frames = Vec::new();
            for _ in 0..length(&text, MAX_ARRAY)? {
                match parse(rest, depth + 1)? {
                    Some(frame) => frames.push(frame),
                    None => return Ok(None),
                }
            }
            Frame::Array(frames)
        }
        _ => return Err(Malformed(format!("unknown type `{}`", kind.escape_ascii()))),
    };
    Ok(Some(frame))
}

fn take_line<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Malformed> {
    match rest
        .windows(2)
        .take(MAX_LINE)
        .position(|two| two == b"\r\n")
    {
        Some(end) => {
            let line = &rest[..end];
            *rest = &rest[end + 2..];
            Ok(Some(line))
        }
        None if rest.len() > MAX_LINE => Err(Malformed("a line that is too long".into())),
        None => Ok(None),
    }
}

fn length(text: &str, most: usize) -> Result<usize, Malformed> {
    match text.parse() {
        Ok(length) if length <= most => Ok(length),
        _ => Err(Malformed(format!("`{text}` is no length from 0 to {most}"))),
    }
}
