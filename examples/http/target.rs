//! Converts the path of an address to a path below the served folder.

use std::path::PathBuf;

use super::status::Status;

/// The path that a request names.
#[derive(Debug, PartialEq)]
pub(crate) struct Target {
    /// Relative, and made of plain names only, so that it stays in the folder it is joined to,
    /// except through links.
    pub(crate) path: PathBuf,
    /// Whether the address ends with a slash, which means a folder.
    pub(crate) is_folder: bool,
}

/// Decodes the path of an address. A `..` in any spelling is refused, not resolved. Names that
/// begin with a dot are hidden, except the public `.well-known`.
pub(crate) fn resolve(path: &str) -> Result<Target, Status> {
    let decoded = decode(path).ok_or(Status::BadRequest)?;
    if decoded.contains(&0) {
        return Err(Status::BadRequest);
    }
    let decoded = String::from_utf8(decoded).map_err(|_| Status::NotFound)?;
    let mut target = Target {
        path: PathBuf::new(),
        is_folder: true,
    };
    for name in decoded.split('/') {
        target.is_folder = matches!(name, "" | ".");
        match name {
            "" | "." => {}
            ".." => return Err(Status::BadRequest),
            ".well-known" => target.path.push(name),
            _ if name.starts_with('.') || is_special(name) => return Err(Status::NotFound),
            _ => target.path.push(name),
        }
    }
    Ok(target)
}

/// Whether a name has a special meaning. On Windows `a\b`, `C:` and `file:stream` do.
fn is_special(name: &str) -> bool {
    cfg!(windows) && name.contains(['\\', ':'])
}

/// Replaces `%41` by `A`. Returns `None` if two hexadecimal digits do not follow a `%`.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => hex(bytes.next()?)? * 16 + hex(bytes.next()?)?,
            other => other,
        };
        decoded.push(byte);
    }
    Some(decoded)
}

fn hex(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).map(|value| value as u8)
}

/// Returns the address of a folder relative to its address without the slash: `./name/`. Without
/// the `./` a name such as `a:b` would be parsed as a scheme.
pub(crate) fn with_slash(target: &Target) -> String {
    let mut location = "./".to_string();
    let name = target.path.file_name().unwrap_or_default();
    for byte in name.to_string_lossy().bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' => location.push(byte as char),
            _ if byte.is_ascii_alphanumeric() => location.push(byte as char),
            _ => location += &format!("%{byte:02X}"),
        }
    }
    location.push('/');
    location
}
