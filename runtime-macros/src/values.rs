//! Parser of the keys and values of an attribute.

use proc_macro::{Ident, Literal, Span, TokenStream, TokenTree};

use crate::input::without_groups;
use crate::template::{Error, Part, Result, is_joint, is_mark};

/// The tokens that are not taken yet, the next one last.
pub(crate) struct Values(Vec<TokenTree>);

/// `true` or `false`.
pub(crate) struct Bool {
    pub(crate) word: Ident,
    pub(crate) value: bool,
}

impl Values {
    pub(crate) fn new(tokens: TokenStream) -> Values {
        let mut tokens = without_groups(tokens);
        tokens.reverse();
        Values(tokens)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the position of the next token.
    pub(crate) fn span(&self) -> Span {
        self.0.last().map_or_else(Span::call_site, TokenTree::span)
    }

    /// Returns an error at the next token.
    pub(crate) fn error(&self, message: &str) -> Error {
        match self.is_empty() {
            true => Error::new(self.span(), format!("unexpected end of input, {message}")),
            false => Error::new(self.span(), message),
        }
    }

    pub(crate) fn is_mark(&self, mark: char) -> bool {
        is_mark(self.0.last(), mark)
    }

    /// Takes this character.
    pub(crate) fn mark(&mut self, mark: char) -> Result<()> {
        if !self.is_mark(mark) {
            return Err(self.error(&format!("expected `{mark}`")));
        }
        self.0.pop();
        Ok(())
    }

    /// Takes a word, if it is next. It may be a keyword.
    pub(crate) fn word(&mut self) -> Option<Ident> {
        let Some(TokenTree::Ident(word)) = self.0.last() else {
            return None;
        };
        let word = word.clone();
        self.0.pop();
        Some(word)
    }

    pub(crate) fn literal(&mut self) -> Option<Literal> {
        let Some(TokenTree::Literal(literal)) = self.0.last() else {
            return None;
        };
        let literal = literal.clone();
        self.0.pop();
        Some(literal)
    }

    pub(crate) fn bool(&mut self) -> Option<Bool> {
        let Some(TokenTree::Ident(word)) = self.0.last() else {
            return None;
        };
        let value = match word.to_string().as_str() {
            "true" => true,
            "false" => false,
            _ => return None,
        };
        self.word().map(|word| Bool { word, value })
    }

    /// Takes a path without arguments: `a`, `a::b`, `::a`.
    pub(crate) fn path(&mut self) -> Option<TokenStream> {
        let mut path = self.separator().unwrap_or_default();
        loop {
            path.extend(self.word()?.tokens());
            let Some(separator) = self.separator() else {
                return Some(path);
            };
            path.extend(separator);
        }
    }

    /// Takes `::`, if it is next.
    fn separator(&mut self) -> Option<TokenStream> {
        if !self.0.last().is_some_and(|token| is_joint(token, ':')) {
            return None;
        }
        let taken = self.0.split_off(self.0.len().checked_sub(2)?);
        Some(taken.into_iter().rev().collect())
    }
}

/// Returns the path in a string. Its tokens get the span of the string.
pub(crate) fn path_in_string(literal: &Literal) -> Option<TokenStream> {
    let tokens: TokenStream = string(literal)?.parse().ok()?;
    let tokens = tokens.into_iter().map(|mut token| {
        token.set_span(literal.span());
        token
    });
    let mut values = Values::new(tokens.collect());
    values.path().filter(|_| values.is_empty())
}

/// Returns the text of a string. Escapes stay as they are written: no value that an option takes
/// needs one.
pub(crate) fn string(literal: &Literal) -> Option<String> {
    let text = literal.to_string();
    let quoted = match text.strip_prefix('r') {
        Some(raw) => raw.trim_matches('#'),
        None => &text,
    };
    Some(quoted.strip_prefix('"')?.strip_suffix('"')?.to_owned())
}

/// Returns a whole number, which may have a suffix such as `usize`.
pub(crate) fn whole(literal: &Literal) -> Option<usize> {
    let text = literal.to_string().replace('_', "");
    let (digits, radix) = match text.get(..2) {
        Some("0x") => (&text[2..], 16),
        Some("0o") => (&text[2..], 8),
        Some("0b") => (&text[2..], 2),
        _ => (text.as_str(), 10),
    };
    let end = digits.find(['i', 'u']).unwrap_or(digits.len());
    usize::from_str_radix(&digits[..end], radix).ok()
}
