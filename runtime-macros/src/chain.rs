//! The futures of an expansion: a chain of pairs, which is pinned as a whole.

use proc_macro::{Ident, Span, TokenStream};

use crate::input::{site_of, support};
use crate::template::tokens;

pub(crate) struct Chain {
    /// Statements that evaluate the expressions, in order.
    pub(crate) bind: TokenStream,
    /// The chain, made of their values.
    pub(crate) futures: TokenStream,
    /// Statements that take the pinned chain `futures` apart, into `places`.
    pub(crate) split: TokenStream,
    /// The names of the pinned futures. Their spans are those of the expressions.
    pub(crate) places: Vec<Ident>,
}

impl Chain {
    /// Makes a chain of these expressions. `wrap` is a hidden function of
    /// `wakeful` for each of the futures.
    pub(crate) fn new<'a>(
        krate: &TokenStream,
        expressions: impl Iterator<Item = &'a TokenStream>,
        wrap: Option<&Ident>,
    ) -> Chain {
        let site = Span::mixed_site();
        let mut bind = TokenStream::new();
        let mut split = tokens!(site, "let rest = futures.as_mut();");
        let mut places = Vec::new();
        for (at, expression) in expressions.enumerate() {
            let place = Ident::new(&format!("future_{at}"), site_of(expression));
            // A `let` each: a temporary value in `&mut temporary()` lives until the end of the
            // block, and a value that is moved into the chain takes no second place in the task.
            bind.extend(tokens!(
                site,
                "let #place = #expression;",
                place,
                expression
            ));
            split.extend(tokens!(
                site,
                "let (mut #place, rest) = rest.split();",
                place
            ));
            places.push(place);
        }
        let end = tokens!(site, "()");
        let futures = places.iter().rev().fold(end, |rest, place| {
            let at = place.span();
            let future = tokens!(at, "::core::future::IntoFuture::into_future(#place)", place);
            let support = support(krate, at);
            let future = match wrap {
                Some(wrap) => tokens!(at, "#support::#wrap(#future)", support, wrap, future),
                None => future,
            };
            tokens!(
                at,
                "#support::Pair::new(#future, #rest)",
                support,
                future,
                rest
            )
        });
        Chain {
            bind,
            futures,
            split,
            places,
        }
    }
}
