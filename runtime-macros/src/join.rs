//! Expansion of `join!` and `try_join!`.

use proc_macro::{Ident, Span, TokenStream};

use crate::chain::Chain;
use crate::input::{exactly, groups, support};
use crate::template::tokens;

/// Expands `(path of wakeful) (biased or nothing) (try or nothing) (expressions)`. At least one
/// expression is given.
///
/// Each poll begins with another future, unless the macro is biased, so that each of them makes
/// progress even if one consumes the whole budget.
pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let [krate, biased, fallible, expressions] = exactly(input);
    let expressions = groups(expressions);
    let site = Span::mixed_site();
    let wrap = Ident::new("maybe_done", site);
    let chain = Chain::new(&krate, expressions.iter(), Some(&wrap));
    let Chain {
        bind,
        futures,
        split,
        places,
    } = &chain;
    let polls = places.iter().map(|place| {
        let at = place.span();
        let support = support(&krate, at);
        if fallible.is_empty() {
            let poll = tokens!(at, "#support::poll(#place.as_mut(), cx)", support, place);
            tokens!(site, "is_pending |= #poll.is_pending();", poll)
        } else {
            let poll = tokens!(
                at,
                "#support::poll_try(#place.as_mut(), cx)",
                support,
                place
            );
            tokens!(
                site,
                "match #poll {
                    ::core::task::Poll::Pending => is_pending = true,
                    ::core::task::Poll::Ready(::core::option::Option::None) => {}
                    ::core::task::Poll::Ready(::core::option::Option::Some(failed)) => {
                        return ::core::task::Poll::Ready(failed);
                    }
                }",
                poll
            )
        }
    });
    let polls: Vec<TokenStream> = polls.collect();
    let support = support(&krate, site);
    let all = places.len() as u32;
    let rotates = biased.is_empty() && all > 1;
    let (first, polls) = if rotates {
        let arms = polls.iter().zip(0u32..);
        let arms = arms.map(|(poll, number)| tokens!(site, "#number => { #poll }", number, poll));
        let arms: TokenStream = arms.collect();
        let polls = tokens!(
            site,
            "for at in 0..#all {
                match (first + at) % #all {
                    #arms
                    _ => #support::never_matched(),
                }
            }
            first = (first + 1) % #all;",
            all,
            arms,
            support
        );
        (tokens!(site, "let mut first = 0u32;"), polls)
    } else {
        (TokenStream::new(), polls.into_iter().collect())
    };
    let take = |place: &Ident| match fallible.is_empty() {
        true => tokens!(site, "#support::take_output(#place),", support, place),
        false => tokens!(site, "#support::take_value(#place),", support, place),
    };
    let outputs: TokenStream = places.iter().map(take).collect();
    let output = match fallible.is_empty() {
        true => tokens!(site, "(#outputs)", outputs),
        false => tokens!(site, "::core::result::Result::Ok((#outputs))", outputs),
    };
    // An output may be uninhabited.
    tokens!(
        site,
        "{
            #bind
            let mut futures = ::core::pin::pin!(#futures);
            #first
            ::core::future::poll_fn(move |cx| {
                #split
                let mut is_pending = false;
                #polls
                if is_pending {
                    return ::core::task::Poll::Pending;
                }
                #[allow(unreachable_code)]
                {
                    ::core::task::Poll::Ready(#output)
                }
            })
            .await
        }",
        bind,
        futures,
        first,
        split,
        polls,
        output
    )
}
