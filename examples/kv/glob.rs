//! Matches a key against a pattern: `*`, `?`, `[a-z]`, `[^a]` and `\` before a literal byte.

/// Backtracks only to the last `*`, so that matching takes at most (pattern x key) steps.
pub(crate) fn matches(pattern: &[u8], key: &[u8]) -> bool {
    let (mut p, mut k) = (0, 0);
    // The position after the last star, and the first byte of the key that the star has not
    // matched.
    let mut star: Option<(usize, usize)> = None;
    while k < key.len() {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            star = Some((p, k));
        } else if let Some(length) = match_one(&pattern[p..], key[k]) {
            p += length;
            k += 1;
        } else if let Some((after, swallowed)) = star {
            p = after;
            k = swallowed + 1;
            star = Some((after, k));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

/// Matches one byte with the first element of the pattern. Returns the length of that element.
fn match_one(pattern: &[u8], byte: u8) -> Option<usize> {
    let (matched, length) = match *pattern {
        [] => (false, 0),
        [b'?', ..] => (true, 1),
        [b'[', ref class @ ..] => {
            let (matched, length) = match_class(class, byte);
            (matched, 1 + length)
        }
        [b'\\', literal, ..] => (literal == byte, 2),
        [literal, ..] => (literal == byte, 1),
    };
    matched.then_some(length)
}

/// Matches one byte with the class that follows a `[`. A class without a `]` ends with the pattern.
/// Returns the length of the class with its `]`.
fn match_class(class: &[u8], byte: u8) -> (bool, usize) {
    let negated = class.first() == Some(&b'^');
    let mut at = usize::from(negated);
    let mut found = false;
    loop {
        match class[at..] {
            [] => break,
            [b']', ..] => {
                at += 1;
                break;
            }
            [b'\\', literal, ..] => {
                found |= literal == byte;
                at += 2;
            }
            [first, b'-', last, ..] => {
                found |= (first.min(last)..=first.max(last)).contains(&byte);
                at += 3;
            }
            [literal, ..] => {
                found |= literal == byte;
                at += 1;
            }
        }
    }
    (found != negated, at)
}
