//! Expansion of `join!` and `try_join!`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote_spanned;

use crate::chain::Chain;
use crate::input::{exactly, groups, support};

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
    let polls: Vec<_> = places
        .iter()
        .map(|place| {
            let at = place.span();
            let support = support(&krate, at);
            if fallible.is_empty() {
                let poll = quote_spanned!(at=> #support::poll(#place.as_mut(), cx));
                quote_spanned!(site=> is_pending |= #poll.is_pending();)
            } else {
                let poll = quote_spanned!(at=> #support::poll_try(#place.as_mut(), cx));
                quote_spanned! {site=>
                    match #poll {
                        ::core::task::Poll::Pending => is_pending = true,
                        ::core::task::Poll::Ready(::core::option::Option::None) => {}
                        ::core::task::Poll::Ready(::core::option::Option::Some(failed)) => {
                            return ::core::task::Poll::Ready(failed);
                        }
                    }
                }
            }
        })
        .collect();
    let support = support(&krate, site);
    let all = places.len() as u32;
    let rotates = biased.is_empty() && all > 1;
    let (first, polls) = if rotates {
        let numbers = 0..all;
        let polls = quote_spanned! {site=>
            for at in 0..#all {
                match (first + at) % #all {
                    #(#numbers => { #polls })*
                    _ => #support::never_matched(),
                }
            }
            first = (first + 1) % #all;
        };
        (quote_spanned!(site=> let mut first = 0u32;), polls)
    } else {
        (TokenStream::new(), quote_spanned!(site=> #(#polls)*))
    };
    let output = if fallible.is_empty() {
        quote_spanned!(site=> (#(#support::take_output(#places),)*))
    } else {
        quote_spanned!(site=> ::core::result::Result::Ok((#(#support::take_value(#places),)*)))
    };
    quote_spanned! {site=> {
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
            // An output may be uninhabited.
            #[allow(unreachable_code)]
            {
                ::core::task::Poll::Ready(#output)
            }
        })
        .await
    }}
}
