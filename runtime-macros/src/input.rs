//! The input of the expansions of `select!`, `join!` and `try_join!`.
//!
//! The macros of the package `wakeful` have parsed what the user wrote, with the compiler's own
//! parser, and pass it on in groups. So nothing has to be parsed here but these groups.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use quote::quote_spanned;

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
    let Some(first) = tokens.clone().into_iter().next().map(inner_span) else {
        return site;
    };
    // Without a nightly compiler, spans can't be joined: the first token stands for all.
    site.located_at(first)
}

/// Returns the span of a token, or of the first one inside of a group that has no delimiters.
fn inner_span(token: TokenTree) -> Span {
    match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
            let first = group.stream().into_iter().next();
            first.map_or(group.span(), inner_span)
        }
        token => token.span(),
    }
}

/// Returns the path of the hidden items of `wakeful`, so that errors about them point to `span`.
pub(crate) fn support(krate: &TokenStream, span: Span) -> TokenStream {
    let located = krate.clone().into_iter().map(|mut token| {
        token.set_span(token.span().located_at(span));
        token
    });
    let krate: TokenStream = located.collect();
    quote_spanned!(span=> #krate::__private)
}
