//! Expansion of `select!`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote_spanned};
use syn::Error;

use crate::chain::Chain;
use crate::input::{exactly, groups, site_of, support};

/// The most branches: one bit each.
const MOST: usize = 64;

/// A branch: `pattern = future, if precondition => handler`.
struct Branch {
    pattern: TokenStream,
    future: TokenStream,
    precondition: TokenStream,
    handler: TokenStream,
}

/// Expands `(path of wakeful) (biased or nothing) (branches) (else or nothing)`.
///
/// The order of evaluation is that of tokio's macro: all preconditions, then all expressions of
/// futures, also those of disabled branches. The futures are dropped before the handler runs.
pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let [krate, biased, branches, otherwise] = exactly(input);
    let branches = groups(branches).into_iter().map(|branch| {
        let [pattern, future, precondition, handler] = exactly(branch);
        Branch {
            pattern: without_lint(pattern),
            future,
            precondition,
            handler,
        }
    });
    let branches: Vec<Branch> = branches.collect();
    if let Some(branch) = branches.get(MOST) {
        let message = format!(
            "`select!` has {} branches, and takes at most {MOST}: nest another `select!`",
            branches.len()
        );
        return Error::new(site_of(&branch.pattern), message).to_compile_error();
    }
    let site = Span::mixed_site();
    let support = support(&krate, site);
    let names: Vec<Ident> = (0..branches.len())
        .map(|at| Ident::new(&format!("_{at}"), site))
        .collect();
    let mask = format_ident!(
        "u{}",
        branches.len().next_power_of_two().max(8),
        span = site
    );
    let mut disabling = TokenStream::new();
    let mut handlers = TokenStream::new();
    for (at, (branch, name)) in branches.iter().zip(&names).enumerate() {
        let at = at as u32;
        let Branch {
            pattern,
            precondition,
            handler,
            ..
        } = branch;
        if !precondition.is_empty() {
            disabling.extend(quote_spanned! {site=>
                if #precondition {} else { disabled |= 1 << #at; }
            });
        }
        handlers.extend(quote_spanned! {site=>
            __WakefulSelect::#name(#pattern) => #handler,
        });
    }
    let otherwise = if otherwise.is_empty() {
        quote_spanned!(site=> #support::all_disabled())
    } else {
        otherwise
    };
    let chain = Chain::new(&krate, branches.iter().map(|branch| &branch.future), None);
    let Chain {
        bind,
        futures,
        split,
        ..
    } = &chain;
    let polls = polls(&support, &branches, &names, &chain, biased.is_empty());
    quote_spanned! {site=> {
        #[allow(non_camel_case_types)]
        enum __WakefulSelect<#(#names),*> {
            #(#names(#names),)*
            Disabled,
        }
        let mut disabled: #mask = 0;
        #disabling
        #[allow(unused_mut)]
        let mut output = {
            #bind
            let mut futures = ::core::pin::pin!(#futures);
            ::core::future::poll_fn(move |cx| {
                if #support::poll_budget(cx).is_pending() {
                    return ::core::task::Poll::Pending;
                }
                #split
                let mut is_pending = false;
                #polls
                if is_pending {
                    ::core::task::Poll::Pending
                } else {
                    ::core::task::Poll::Ready(__WakefulSelect::Disabled)
                }
            })
            .await
        };
        match output {
            #handlers
            __WakefulSelect::Disabled => #otherwise,
            // An output that did not match its pattern has not got here.
            _ => #support::never_matched(),
        }
    }}
}

/// Returns the pattern, and a `_` as a token of this macro: otherwise the compiler would report an
/// unreachable pattern where the output is `!`.
fn without_lint(pattern: TokenStream) -> TokenStream {
    if pattern.to_string() == "_" {
        let site = site_of(&pattern);
        return quote_spanned!(site=> _);
    }
    pattern
}

/// Returns the code that polls the futures: in order, or from a random one on.
fn polls(
    support: &TokenStream,
    branches: &[Branch],
    names: &[Ident],
    chain: &Chain,
    random: bool,
) -> TokenStream {
    let site = Span::mixed_site();
    let arms = branches.iter().zip(names).zip(&chain.places).enumerate();
    let arms = arms.map(|(at, ((branch, name), place))| {
        let at = at as u32;
        let pattern = &branch.pattern;
        let site_of_future = place.span();
        let poll = quote_spanned! {site_of_future=>
            ::core::future::Future::poll(#place.as_mut(), cx)
        };
        // The guard finds out whether the pattern matches. As it is false, nothing is moved out of
        // the output: the handler's `match` does that.
        quote_spanned! {site=>
            #[allow(unreachable_code, unused_mut, unused_variables)]
            #at => {
                if disabled & (1 << #at) != 0 {
                    continue;
                }
                let mut output = match #poll {
                    ::core::task::Poll::Ready(output) => output,
                    ::core::task::Poll::Pending => {
                        is_pending = true;
                        continue;
                    }
                };
                disabled |= 1 << #at;
                let mut matches = false;
                match output {
                    #pattern if { matches = true; false } => #support::never_matched(),
                    _ => {}
                }
                if matches {
                    return ::core::task::Poll::Ready(__WakefulSelect::#name(output));
                }
            }
        }
    });
    let all = branches.len() as u32;
    let (first, branch) = if random && all > 1 {
        (
            quote_spanned!(site=> let first = #support::first_branch(#all);),
            quote_spanned!(site=> (first + at) % #all),
        )
    } else {
        (TokenStream::new(), quote_spanned!(site=> at))
    };
    quote_spanned! {site=>
        #first
        for at in 0..#all {
            match #branch {
                #(#arms)*
                _ => #support::never_matched(),
            }
        }
    }
}
