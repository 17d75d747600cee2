//! Rust files with comments, strings and tests separated, by a small lexer.

use std::ops::Range;

/// All copies of the text have the same length, so that an offset means the same line in each.
pub struct Source {
    /// From the repository's root, with `/`.
    pub path: String,
    pub raw: String,
    /// Without comments.
    pub text: String,
    /// Without comments and without what is inside strings.
    pub code: String,
    /// `code` without tests.
    pub product: String,
}

impl Source {
    pub fn new(path: &str, raw: &str) -> Source {
        let (text, code) = strip(raw);
        let mut product = code.clone().into_bytes();
        for range in tests(path, &code) {
            blank(&mut product, range);
        }
        Source {
            path: path.to_string(),
            raw: raw.to_string(),
            text,
            code,
            product: String::from_utf8(product).expect("only whole items were blanked"),
        }
    }

    pub fn line(&self, offset: usize) -> usize {
        self.raw[..offset].matches('\n').count() + 1
    }

    /// Returns a complaint, in the form that editors convert to a link.
    pub fn at(&self, offset: usize, message: &str) -> String {
        format!("{}:{}: {message}", self.path, self.line(offset))
    }

    /// Returns the file's name without its directories.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Returns the path inside the crate: `time::sleep` for `runtime/core/src/time/sleep.rs`.
    pub fn module(&self) -> Vec<String> {
        let inside = self
            .path
            .split_once("/src/")
            .map_or(self.path.as_str(), |(_, rest)| rest);
        let inside = inside.trim_end_matches(".rs");
        let parts = inside
            .split('/')
            .filter(|part| !matches!(*part, "mod" | "lib"));
        parts.map(String::from).collect()
    }

    /// Returns the modules `mod name { .. }` of this file that contain the code at `at`.
    pub fn module_inside(&self, at: usize) -> Vec<String> {
        let mut module = Vec::new();
        for open in find_word(&self.code[..at], "mod") {
            let mut cursor = Cursor(&self.code[open + 3..]);
            let name = cursor.word();
            if cursor.eat("{") && at < item_end(&self.code, open) {
                module.push(name.to_string());
            }
        }
        module
    }
}

/// Returns the offsets of `word` in `text`, where it is not a part of a longer name.
pub fn find_word<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.match_indices(word)
        .map(|(at, _)| at)
        .filter(move |&at| {
            let before = text[..at].chars().next_back();
            let after = text[at + word.len()..].chars().next();
            let goes_on_before = word.starts_with(is_word) && before.is_some_and(is_word);
            let goes_on_after = word.ends_with(is_word) && after.is_some_and(is_word);
            !goes_on_before && !goes_on_after
        })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Returns every path in `code` that begins with `root::`, with its offset. `a::{b, c::d}` is two
/// paths.
pub fn paths(code: &str, root: &str) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    for at in find_word(code, root) {
        let rest = &code[at + root.len()..];
        // `$crate::` in a macro refers to the user's side, `a::super` is not a path.
        if rest.starts_with("::") && !code[..at].ends_with(['$', ':']) {
            let mut leaves = Vec::new();
            tree(&mut Cursor(&rest[2..]), vec![root.to_string()], &mut leaves);
            found.extend(leaves.into_iter().map(|leaf| (at, leaf)));
        }
    }
    found
}

/// One name that a `use` declaration imports.
pub struct Import {
    pub at: usize,
    /// The whole declaration, from `use` to `;`.
    pub range: Range<usize>,
    /// The path as it is written.
    pub path: Vec<String>,
    /// The name in the importing module.
    pub name: String,
}

/// Returns the names that the `use` declarations of `code` import.
pub fn imports(code: &str) -> Vec<Import> {
    let mut found = Vec::new();
    for at in find_word(code, "use") {
        let Some(length) = code[at..].find(';') else {
            continue;
        };
        let body = &code[at + 3..at + length];
        let mut leaves = Vec::new();
        named_tree(&mut Cursor(body), Vec::new(), &mut leaves);
        found.extend(leaves.into_iter().map(|(path, name)| Import {
            at,
            range: at..at + length,
            path,
            name,
        }));
    }
    found
}

/// Returns the leaves of a use tree, each with the name that it gets.
fn named_tree(
    cursor: &mut Cursor<'_>,
    mut path: Vec<String>,
    leaves: &mut Vec<(Vec<String>, String)>,
) {
    cursor.eat("::");
    if cursor.eat("{") {
        while !cursor.eat("}") && !cursor.0.is_empty() {
            named_tree(cursor, path.clone(), leaves);
            if !cursor.eat(",") && !cursor.0.trim_start().starts_with('}') {
                return; // not a use tree
            }
        }
        return;
    }
    if cursor.eat("*") {
        return leaves.push((path, "*".to_string()));
    }
    let word = cursor.word();
    if word != "self" || path.is_empty() {
        path.push(word.to_string());
    }
    if cursor.eat("::") {
        return named_tree(cursor, path, leaves);
    }
    let name = match cursor.eat("as ") {
        true => cursor.word().to_string(),
        false => path.last().cloned().unwrap_or_default(),
    };
    leaves.push((path, name));
}

struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    fn eat(&mut self, token: &str) -> bool {
        self.0 = self.0.trim_start();
        let rest = self.0.strip_prefix(token);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn word(&mut self) -> &'a str {
        self.0 = self.0.trim_start();
        let end = self.0.find(|c| !is_word(c)).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        self.0 = rest;
        word
    }
}

fn tree(cursor: &mut Cursor<'_>, mut path: Vec<String>, leaves: &mut Vec<Vec<String>>) {
    if cursor.eat("{") {
        while !cursor.eat("}") && !cursor.0.is_empty() {
            tree(cursor, path.clone(), leaves);
            if cursor.eat("as ") {
                cursor.word();
            }
            if !cursor.eat(",") && !cursor.0.starts_with('}') {
                return; // not a use tree after all
            }
        }
        return;
    }
    match cursor.word() {
        "" | "self" => {}
        word => {
            path.push(word.to_string());
            // In an expression a path ends at the first word without `::`; `::<` ends it too.
            if cursor.0.starts_with("::") && !cursor.0.starts_with("::<") {
                cursor.eat("::");
                return tree(cursor, path, leaves);
            }
        }
    }
    cursor.eat("*");
    leaves.push(path);
}

/// Returns the two copies: without comments, and also without the contents of strings.
fn strip(raw: &str) -> (String, String) {
    let mut text = raw.as_bytes().to_vec();
    let mut code = text.clone();
    let mut at = 0;
    while at < raw.len() {
        let rest = &raw[at..];
        let after_word = raw[..at].ends_with(is_word);
        if let Some(length) = comment(rest) {
            blank(&mut text, at..at + length);
            blank(&mut code, at..at + length);
            at += length;
        } else if let Some((open, length, close)) = string(rest, after_word) {
            blank(&mut code, at + open..at + length - close);
            at += length;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    let whole =
        |bytes| String::from_utf8(bytes).expect("comments and strings end between characters");
    (whole(text), whole(code))
}

fn blank(bytes: &mut [u8], range: Range<usize>) {
    for byte in &mut bytes[range] {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
}

/// Returns the length of the comment that begins here.
fn comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if !rest.starts_with("/*") {
        return None;
    }
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    Some(rest.len())
}

/// Returns the lengths of the string or character that begins here: of its opening, of the whole,
/// and of its closing.
fn string(rest: &str, after_word: bool) -> Option<(usize, usize, usize)> {
    if let Some(body) = rest.strip_prefix('\'') {
        // `'a'` and `'\n'` are characters, `'a` is a lifetime.
        let length = match body.strip_prefix('\\') {
            Some(escaped) => 2 + escaped.get(1..)?.find('\'')?,
            None => {
                let c = body.chars().next()?;
                body[c.len_utf8()..]
                    .starts_with('\'')
                    .then_some(c.len_utf8())?
            }
        };
        return Some((1, length + 2, 1));
    }
    if let Some(body) = rest.strip_prefix('"') {
        let mut escaped = false;
        let end = body.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        return Some((
            1,
            end.map_or(rest.len(), |end| end + 2),
            end.map_or(0, |_| 1),
        ));
    }
    let raw = rest
        .strip_prefix('r')
        .filter(|_| !after_word || rest.starts_with("r\""))?;
    let hashes = raw.len() - raw.trim_start_matches('#').len();
    let body = raw[hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let open = hashes + 2;
    let end = body.find(&close);
    Some((
        open,
        end.map_or(rest.len(), |end| open + end + close.len()),
        end.map_or(0, |_| close.len()),
    ))
}

/// Returns the parts of `code` that are compiled for tests only.
fn tests(path: &str, code: &str) -> Vec<Range<usize>> {
    if path.ends_with("/tests.rs")
        || path.ends_with("/models.rs")
        || path.contains("/tests/")
        || path.contains("/models/")
    {
        return std::iter::once(0..code.len()).collect();
    }
    let attributes = code.match_indices("#[cfg(").map(|(at, _)| at);
    attributes
        .filter(|&at| {
            let end = code[at..].find(']').map_or(code.len(), |end| at + end);
            let condition = &code[at..end];
            find_word(condition, "test").next().is_some() && !condition.contains("not(test)")
        })
        .map(|at| at..item_end(code, at))
        .collect()
}

/// Returns the end of the item whose attribute begins at `start`: its `;`, or its closing brace.
fn item_end(code: &str, start: usize) -> usize {
    let mut depth = 0;
    for (at, c) in code[start..].char_indices() {
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => {
                depth -= 1;
                if depth == 0 && c == '}' {
                    return start + at + 1;
                }
            }
            ';' if depth == 0 => return start + at + 1,
            _ => {}
        }
    }
    code.len()
}

#[test]
fn comments_and_strings_are_distinguished() {
    let source = Source::new(
        "a.rs",
        "let a = \"// no\"; // yes \"\n/* /* b */ c */ let d = r#\"\"e\"#;",
    );
    assert_eq!(
        source.code,
        "let a = \"     \";         \n                let d = r#\"  \"#;"
    );
    assert!(source.text.contains("// no") && !source.text.contains("yes"));
    let source = Source::new(
        "a.rs",
        r"let quote = '\''; let c = '/'; fn f<'a>(_: &'a str) {} // gone",
    );
    assert!(source.code.contains("fn f<'a>(_: &'a str) {}") && !source.code.contains("gone"));
}

#[test]
fn tests_are_not_in_the_product() {
    let source = Source::new(
        "a.rs",
        "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { {} } }\nfn c() {}",
    );
    assert!(source.product.contains("fn a") && source.product.contains("fn c"));
    assert!(!source.product.contains("fn b"));
    let source = Source::new(
        "a.rs",
        "#[cfg(not(test))] fn a() {}\n#[cfg(test)] use b;\nfn c() {}",
    );
    assert!(source.product.contains("fn a") && source.product.contains("fn c"));
    assert!(!source.product.contains("use b"));
    assert_eq!(Source::new("runtime/core/src/models.rs", "x").product, " ");
}

#[test]
fn use_trees_are_expanded() {
    let joined = |code| -> Vec<String> {
        paths(code, "crate")
            .iter()
            .map(|(_, path)| path.join("::"))
            .collect()
    };
    assert_eq!(
        joined("use crate::a::{self, b as x, c::{d, e::*}}; f"),
        [
            "crate::a",
            "crate::a::b",
            "crate::a::c::d",
            "crate::a::c::e"
        ]
    );
    assert_eq!(
        joined("crate::a::b(crate::c::<u8>())"),
        ["crate::a::b", "crate::c"]
    );
    assert_eq!(joined("$crate::a; my_crate::b"), [""; 0]);
}
