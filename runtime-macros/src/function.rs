//! Parser of the function under the attribute.
//!
//! The compiler has parsed the function before. Here its tokens are taken apart into attributes,
//! qualifiers, name, arguments and return type. The body stays a token stream, so that an error in
//! it is reported at the user's own tokens and an editor can still complete in a body that does not
//! parse.

use proc_macro::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};

use crate::input::{first_span, without_groups};
use crate::template::{Error, Result, is_joint, is_mark, is_word, tokens};

/// A function, with an unparsed body.
pub(crate) struct Function {
    /// The attributes above the function and, converted to outer ones, those at the top of its
    /// body.
    pub(crate) attributes: Vec<TokenStream>,
    pub(crate) visibility: TokenStream,
    /// The qualifiers except `async`: `const`, `unsafe`, `extern "C"`.
    pub(crate) qualifiers: TokenStream,
    pub(crate) is_async: bool,
    pub(crate) fn_token: Ident,
    pub(crate) name: Ident,
    pub(crate) generics: TokenStream,
    pub(crate) arguments: Group,
    /// With the arrow; empty if the function has no return type.
    pub(crate) output: TokenStream,
    pub(crate) where_clause: TokenStream,
    pub(crate) body: Group,
}

/// The tokens of the function that are not taken yet, the next one last.
struct Rest(Vec<TokenTree>);

impl Rest {
    fn new(tokens: TokenStream) -> Rest {
        let mut tokens: Vec<TokenTree> = tokens.into_iter().collect();
        tokens.reverse();
        Rest(tokens)
    }

    /// Returns the next token. One that a `macro_rules!` macro has put in a group without
    /// delimiters, such as a `$visibility:vis`, is taken out of it.
    fn peek(&mut self) -> Option<&TokenTree> {
        while let Some(TokenTree::Group(group)) = self.0.last()
            && group.delimiter() == Delimiter::None
        {
            let contents = Rest::new(group.stream());
            self.0.pop();
            self.0.extend(contents.0);
        }
        self.0.last()
    }

    fn next(&mut self) -> Option<TokenTree> {
        self.peek();
        self.0.pop()
    }

    fn next_group(&mut self, delimiter: Delimiter, message: &str) -> Result<Group> {
        match self.next() {
            Some(TokenTree::Group(group)) if group.delimiter() == delimiter => Ok(group),
            other => Err(Error::new(
                other.map_or_else(Span::call_site, |token| token.span()),
                message,
            )),
        }
    }

    fn next_ident(&mut self, message: &str) -> Result<Ident> {
        match self.next() {
            Some(TokenTree::Ident(ident)) => Ok(ident),
            other => Err(Error::new(
                other.map_or_else(Span::call_site, |token| token.span()),
                message,
            )),
        }
    }

    /// Takes attributes: `#[..]`, or `#![..]` if they are inner ones. Returns them as outer ones.
    fn attributes(&mut self, inner: bool) -> Vec<TokenStream> {
        let mut attributes = Vec::new();
        while is_mark(self.peek(), '#') {
            let at = self.0.len() - 1;
            let skipped = usize::from(inner);
            if inner && !is_mark(at.checked_sub(1).map(|next| &self.0[next]), '!') {
                break;
            }
            let Some(TokenTree::Group(_)) = at.checked_sub(1 + skipped).map(|next| &self.0[next])
            else {
                break;
            };
            let mut taken = self.0.split_off(at - 1 - skipped);
            if inner {
                taken.remove(1);
            }
            attributes.push(taken.into_iter().rev().collect());
        }
        attributes
    }

    fn visibility(&mut self) -> TokenStream {
        let mut visibility = TokenStream::new();
        if is_word(self.peek(), "pub") {
            visibility.extend(self.next());
            // `pub(crate)`
            if let Some(TokenTree::Group(group)) = self.peek()
                && group.delimiter() == Delimiter::Parenthesis
            {
                visibility.extend(self.next());
            }
        }
        visibility
    }

    /// Takes the qualifiers. Returns them without `async`, and whether it is one of them.
    fn qualifiers(&mut self) -> (TokenStream, bool) {
        let mut rest = TokenStream::new();
        let mut is_async = false;
        loop {
            let token = self.peek();
            if is_word(token, "async") {
                self.next();
                is_async = true;
            } else if is_word(token, "const") || is_word(token, "unsafe") {
                rest.extend(self.next());
            } else if is_word(token, "extern") {
                rest.extend(self.next());
                if let Some(TokenTree::Literal(_)) = self.peek() {
                    rest.extend(self.next());
                }
            } else {
                return (rest, is_async);
            }
        }
    }

    /// Takes `<..>`, if it is next.
    fn generics(&mut self) -> TokenStream {
        let mut generics = TokenStream::new();
        let mut depth = 0;
        let mut arrow = false;
        while depth > 0 || is_mark(self.peek(), '<') {
            let Some(token) = self.0.pop() else { break };
            if is_mark(Some(&token), '<') {
                depth += 1;
            } else if is_mark(Some(&token), '>') && !arrow {
                depth -= 1;
            }
            arrow = is_joint(&token, '-');
            generics.extend([token]);
            if depth == 0 {
                break;
            }
        }
        generics
    }

    /// Takes the tokens before the last one, which is the body: the return type with its arrow, and
    /// the `where` clause.
    fn signature(&mut self) -> (TokenStream, TokenStream) {
        let mut output = TokenStream::new();
        let mut where_clause = TokenStream::new();
        let mut in_clause = false;
        while self.0.len() > 1 {
            in_clause |= is_word(self.0.last(), "where");
            let part = if in_clause {
                &mut where_clause
            } else {
                &mut output
            };
            part.extend(self.0.pop());
        }
        (output, where_clause)
    }
}

impl Function {
    pub(crate) fn parse(tokens: TokenStream) -> Result<Function> {
        let mut rest = Rest::new(tokens);
        let mut attributes = rest.attributes(false);
        let visibility = rest.visibility();
        let (qualifiers, is_async) = rest.qualifiers();
        let expected = "expected a function: this attribute applies to an `async fn`";
        let fn_token = rest.next_ident(expected)?;
        if fn_token.to_string() != "fn" {
            return Err(Error::new(fn_token.span(), expected));
        }
        let name = rest.next_ident("expected the name of the function")?;
        let generics = rest.generics();
        let arguments = rest.next_group(Delimiter::Parenthesis, "expected the arguments")?;
        let (output, where_clause) = rest.signature();
        if is_mark(rest.peek(), ';') {
            let message = "expected a body: this attribute needs a function with a body";
            let span = rest.peek().map_or_else(Span::call_site, TokenTree::span);
            return Err(Error::new(span, message));
        }
        let body = rest.next_group(Delimiter::Brace, "expected the body")?;
        let body = split_inner_attributes(&body, &mut attributes);
        Ok(Function {
            attributes,
            visibility,
            qualifiers,
            is_async,
            fn_token,
            name,
            generics,
            arguments,
            output,
            where_clause,
            body,
        })
    }
}

/// Moves inner attributes such as `#![allow(..)]` above the function: they are allowed at the top
/// of a function's body, but not at the top of the block that the body becomes.
fn split_inner_attributes(body: &Group, attributes: &mut Vec<TokenStream>) -> Group {
    let mut rest = Rest::new(body.stream());
    let inner = rest.attributes(true);
    if inner.is_empty() {
        return body.clone();
    }
    attributes.extend(inner);
    let mut group = Group::new(Delimiter::Brace, rest.0.into_iter().rev().collect());
    group.set_span(body.span());
    group
}

impl Function {
    /// Returns the `self` of a method.
    pub(crate) fn receiver(&self) -> Option<Ident> {
        let mut tokens = self.arguments.stream().into_iter().peekable();
        while let Some(token) = tokens.next() {
            let followed_by_path = tokens.peek().is_some_and(|next| is_joint(next, ':'));
            match token {
                TokenTree::Ident(word) if word.to_string() == "self" && !followed_by_path => {
                    return Some(word);
                }
                // The end of the first pattern.
                TokenTree::Punct(mark) if mark.as_char() == ':' || mark.as_char() == ',' => {
                    return None;
                }
                _ => {}
            }
        }
        None
    }

    pub(crate) fn has_arguments(&self) -> bool {
        !self.arguments.stream().is_empty()
    }

    /// Returns the attribute that already makes this function a test: `#[test]`, also by its full
    /// path.
    pub(crate) fn test_attribute(&self) -> Option<&TokenStream> {
        self.attributes.iter().find(|attribute| {
            let path = path_of(attribute);
            let path: Vec<_> = path.iter().map(String::as_str).collect();
            matches!(path[..], ["test"] | ["core" | "std", "prelude", _, "test"])
        })
    }

    /// Returns the return type; empty if there is none.
    fn return_type(&self) -> TokenStream {
        self.output.clone().into_iter().skip(2).collect()
    }

    /// Whether the return type is `!`.
    pub(crate) fn never_returns(&self) -> bool {
        let mut tokens = without_groups(self.return_type()).into_iter();
        is_mark(tokens.next().as_ref(), '!') && tokens.next().is_none()
    }

    /// Returns the type of the output if a `let` can name it: not `!` and not `impl Trait`.
    pub(crate) fn nameable_output(&self) -> Option<TokenStream> {
        if self.never_returns() {
            return None;
        }
        if self.output.is_empty() {
            return Some(tokens!(Span::call_site(), "()"));
        }
        let output = self.return_type();
        (!contains_impl(output.clone())).then_some(output)
    }

    /// Returns the position of the return type.
    pub(crate) fn output_span(&self) -> Span {
        first_span(self.return_type()).unwrap_or_else(Span::call_site)
    }
}

/// Returns the path of an attribute: `#[a::b(..)]`.
fn path_of(attribute: &TokenStream) -> Vec<String> {
    let mut path = Vec::new();
    let Some(TokenTree::Group(group)) = attribute.clone().into_iter().nth(1) else {
        return path;
    };
    for token in without_groups(group.stream()) {
        match token {
            TokenTree::Ident(word) => path.push(word.to_string()),
            TokenTree::Punct(mark) if mark.as_char() == ':' => {}
            _ => break,
        }
    }
    path
}

fn contains_impl(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(word) => word.to_string() == "impl",
        TokenTree::Group(group) => contains_impl(group.stream()),
        _ => false,
    })
}
