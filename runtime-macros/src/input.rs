//! The input of the expansions of `select!`, `join!` and `try_join!`.
//!
//! The macros of the package `wakeful` have parsed what the user wrote, with the compiler's own
//! parser, and pass it on in groups. So nothing has to be parsed here but these groups.

use proc_macro::{Delimiter, Span, TokenStream, TokenTree};

use crate::template::tokens;

/// Returns the contents of the groups in a stream.
pub(crate) fn groups(tokens: TokenStream) -> Vec<TokenStream> {
    let group = |token| match token {
        TokenTree::Group(group) => group.stream(),
        other => panic!("expected a group from the macros of `wakeful`, found `{other}`"),
    };
    tokens.into_iter().map(group).collect()
}

/// Returns the contents of `N` groups.
pub(crate) fn exactly<const N: usize>(tokens: TokenStream) -> [TokenStream; N] {
    let all = groups(tokens);
    let found = all.len();
    all.try_into()
        .unwrap_or_else(|_| panic!("expected {N} groups, found {found}"))
}

/// Returns the hygiene of generated names, with the position of these tokens: errors point there.
pub(crate) fn site_of(tokens: &TokenStream) -> Span {
    let site = Span::mixed_site();
    // Without a nightly compiler, spans can't be joined: the first token stands for all.
    first_span(tokens.clone()).map_or(site, |first| site.located_at(first))
}

/// Returns the span of the first token, or of the first one inside of a group that has no
/// delimiters.
pub(crate) fn first_span(tokens: TokenStream) -> Option<Span> {
    Some(match tokens.into_iter().next()? {
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
            first_span(group.stream()).unwrap_or(group.span())
        }
        token => token.span(),
    })
}

/// Returns the spans of the first and the last token.
pub(crate) fn ends(tokens: &TokenStream) -> (Span, Span) {
    let mut spans = tokens.clone().into_iter().map(|token| token.span());
    let first = spans.next().unwrap_or_else(Span::call_site);
    (first, spans.last().unwrap_or(first))
}

/// Returns the tokens, with those of groups that have no delimiters in place of the group. A
/// `macro_rules!` macro makes such a group of each `$value:literal` and the like.
pub(crate) fn without_groups(tokens: TokenStream) -> Vec<TokenTree> {
    let flat = tokens.into_iter().flat_map(|token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
            without_groups(group.stream())
        }
        token => vec![token],
    });
    flat.collect()
}

/// Returns the path of the hidden items of `wakeful`, so that errors about them point to `span`.
pub(crate) fn support(krate: &TokenStream, span: Span) -> TokenStream {
    let located = krate.clone().into_iter().map(|mut token| {
        token.set_span(token.span().located_at(span));
        token
    });
    let krate: TokenStream = located.collect();
    tokens!(span, "#krate::__private", krate)
}
