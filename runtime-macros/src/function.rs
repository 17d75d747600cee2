//! Parser of the function under the attribute.
//!
//! Only attributes, qualifiers, name, arguments and return type are parsed. The body stays a token
//! stream, so that an error in it is reported at the user's own tokens and an editor can still
//! complete in a body that does not parse.

use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream, Parser};
use syn::{
    AttrStyle, Attribute, Generics, Ident, LitStr, Result, ReturnType, Token, Type, Visibility,
    WhereClause, token,
};

/// A function, with an unparsed body.
pub(crate) struct Function {
    /// The attributes above the function and, converted to outer ones, those at the top of its
    /// body.
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    /// The qualifiers except `async`: `const`, `unsafe`, `extern "C"`.
    pub(crate) qualifiers: TokenStream,
    pub(crate) is_async: bool,
    pub(crate) fn_token: Token![fn],
    pub(crate) name: Ident,
    pub(crate) generics: Generics,
    pub(crate) arguments: Group,
    pub(crate) output: ReturnType,
    pub(crate) where_clause: Option<WhereClause>,
    pub(crate) body: Group,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let (qualifiers, is_async) = parse_qualifiers(input)?;
        if !input.peek(Token![fn]) {
            return Err(input.error("expected a function: this attribute applies to an `async fn`"));
        }
        let fn_token = input.parse()?;
        let name = input.parse()?;
        let generics = input.parse()?;
        let arguments = parse_group(input, input.peek(token::Paren), "expected the arguments")?;
        let output = input.parse()?;
        let where_clause = input.parse()?;
        if input.peek(Token![;]) {
            return Err(input.error("expected a body: this attribute needs a function with a body"));
        }
        let body = parse_group(input, input.peek(token::Brace), "expected the body")?;
        let body = split_inner_attributes(&body, &mut attributes)?;
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

fn parse_qualifiers(input: ParseStream<'_>) -> Result<(TokenStream, bool)> {
    let mut rest = TokenStream::new();
    let mut is_async = false;
    loop {
        if input.peek(Token![async]) {
            input.parse::<Token![async]>()?;
            is_async = true;
        } else if input.peek(Token![const]) {
            input.parse::<Token![const]>()?.to_tokens(&mut rest);
        } else if input.peek(Token![unsafe]) {
            input.parse::<Token![unsafe]>()?.to_tokens(&mut rest);
        } else if input.peek(Token![extern]) {
            input.parse::<Token![extern]>()?.to_tokens(&mut rest);
            input.parse::<Option<LitStr>>()?.to_tokens(&mut rest);
        } else {
            return Ok((rest, is_async));
        }
    }
}

fn parse_group(input: ParseStream<'_>, is_next: bool, expected: &str) -> Result<Group> {
    if is_next {
        input.parse()
    } else {
        Err(input.error(expected))
    }
}

/// Moves inner attributes such as `#![allow(..)]` above the function: they are allowed at the top
/// of a function's body, but not at the top of the block that the body becomes.
fn split_inner_attributes(body: &Group, attributes: &mut Vec<Attribute>) -> Result<Group> {
    let split = |input: ParseStream<'_>| {
        let inner = input.call(Attribute::parse_inner)?;
        Ok((inner, input.parse::<TokenStream>()?))
    };
    let (inner, statements) = split.parse2(body.stream())?;
    attributes.extend(inner.into_iter().map(|attribute| Attribute {
        style: AttrStyle::Outer,
        ..attribute
    }));
    let mut group = Group::new(Delimiter::Brace, statements);
    group.set_span(body.span());
    Ok(group)
}

impl Function {
    /// Returns the `self` of a method.
    pub(crate) fn receiver(&self) -> Option<Ident> {
        let mut tokens = self.arguments.stream().into_iter().peekable();
        while let Some(token) = tokens.next() {
            let followed_by_path = is_path_separator(tokens.peek());
            match token {
                TokenTree::Ident(word) if word == "self" && !followed_by_path => return Some(word),
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
    pub(crate) fn test_attribute(&self) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| {
            let path: Vec<_> = attribute
                .path()
                .segments
                .iter()
                .map(|segment| segment.ident.to_string())
                .collect();
            let path: Vec<_> = path.iter().map(String::as_str).collect();
            matches!(path[..], ["test"] | ["core" | "std", "prelude", _, "test"])
        })
    }

    /// Whether the return type is `!`.
    pub(crate) fn never_returns(&self) -> bool {
        matches!(&self.output, ReturnType::Type(_, ty) if matches!(**ty, Type::Never(_)))
    }

    /// Returns the type of the output if a `let` can name it: not `!` and not `impl Trait`.
    pub(crate) fn nameable_output(&self) -> Option<TokenStream> {
        match &self.output {
            _ if self.never_returns() => None,
            ReturnType::Default => Some(quote!(())),
            ReturnType::Type(_, ty) => {
                let tokens = ty.to_token_stream();
                (!contains_impl(tokens.clone())).then_some(tokens)
            }
        }
    }
}

/// Whether the token is the first colon of `::`.
fn is_path_separator(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Punct(mark))
        if mark.as_char() == ':' && mark.spacing() == Spacing::Joint)
}

fn contains_impl(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(word) => word == "impl",
        TokenTree::Group(group) => contains_impl(group.stream()),
        _ => false,
    })
}
