//! Writes replies in the Redis protocol to the end of a buffer.

pub(crate) fn status(out: &mut Vec<u8>, text: &str) {
    out.push(b'+');
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Writes an error, which is one line: line ends in `text` are replaced by blanks.
pub(crate) fn error(out: &mut Vec<u8>, text: &str) {
    out.push(b'-');
    out.extend(text.bytes().map(|byte| match byte {
        b'\r' | b'\n' => b' ',
        other => other,
    }));
    out.extend_from_slice(b"\r\n");
}

pub(crate) fn integer(out: &mut Vec<u8>, value: i64) {
    out.push(b':');
    decimal(out, value);
    out.extend_from_slice(b"\r\n");
}

/// Writes a number as a reply.
pub(crate) fn count(out: &mut Vec<u8>, value: usize) {
    integer(out, value as i64);
}

pub(crate) fn bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'$');
    decimal(out, bytes.len() as i64);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// Writes a value, or the reply for no value.
pub(crate) fn value(out: &mut Vec<u8>, value: Option<&[u8]>) {
    match value {
        Some(bytes) => bulk(out, bytes),
        None => out.extend_from_slice(b"$-1\r\n"),
    }
}

/// Writes the head of an array. `length` replies must follow.
pub(crate) fn array(out: &mut Vec<u8>, length: usize) {
    out.push(b'*');
    decimal(out, length as i64);
    out.extend_from_slice(b"\r\n");
}

/// Writes a number in digits. Not with `write!`, as every reply has a number, and `write!` takes
/// longer than the command.
pub(crate) fn decimal(out: &mut Vec<u8>, value: i64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}
