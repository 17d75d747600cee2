//! Expansion of `select!`.

use proc_macro::{Ident, Span, TokenStream};

use crate::chain::Chain;
use crate::input::{exactly, groups, site_of, support};
use crate::template::{Error, tokens};

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
        return Error::new(site_of(&branch.pattern), message).into_tokens();
    }
    let site = Span::mixed_site();
    let support = support(&krate, site);
    let names: Vec<Ident> = (0..branches.len())
        .map(|at| Ident::new(&format!("_{at}"), site))
        .collect();
    let bits = branches.len().next_power_of_two().max(8);
    let mask = Ident::new(&format!("u{bits}"), site);
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
            disabling.extend(tokens!(
                site,
                "if #precondition {} else { disabled |= 1 << #at; }",
                precondition,
                at
            ));
        }
        handlers.extend(tokens!(
            site,
            "__WakefulSelect::#name(#pattern) => #handler,",
            name,
            pattern,
            handler
        ));
    }
    let otherwise = if otherwise.is_empty() {
        tokens!(site, "#support::all_disabled()", support)
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
    let variants = names.iter();
    let variants: TokenStream = variants
        .map(|name| tokens!(site, "#name(#name),", name))
        .collect();
    let types: TokenStream = names
        .iter()
        .map(|name| tokens!(site, "#name,", name))
        .collect();
    // An output that does not match its pattern does not get to the last `match`.
    tokens!(
        site,
        "{
            #[allow(non_camel_case_types)]
            enum __WakefulSelect<#types> {
                #variants
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
                _ => #support::never_matched(),
            }
        }",
        types,
        variants,
        mask,
        disabling,
        bind,
        futures,
        support,
        split,
        polls,
        handlers,
        otherwise
    )
}

/// Returns the pattern, and a `_` as a token of this macro: otherwise the compiler would report an
/// unreachable pattern where the output is `!`.
fn without_lint(pattern: TokenStream) -> TokenStream {
    if pattern.to_string() == "_" {
        let site = site_of(&pattern);
        return tokens!(site, "_");
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
    let arms = branches.iter().zip(names).zip(&chain.places).zip(0u32..);
    let arms = arms.map(|(((branch, name), place), at)| {
        let pattern = &branch.pattern;
        let poll = tokens!(
            place.span(),
            "::core::future::Future::poll(#place.as_mut(), cx)",
            place
        );
        // The guard finds out whether the pattern matches. As it is false, nothing is moved out of
        // the output: the handler's `match` does that.
        tokens!(
            site,
            "#[allow(unreachable_code, unused_mut, unused_variables)]
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
            }",
            at,
            poll,
            pattern,
            support,
            name
        )
    });
    let arms: TokenStream = arms.collect();
    let all = branches.len() as u32;
    let (first, branch) = if random && all > 1 {
        (
            tokens!(
                site,
                "let first = #support::first_branch(#all);",
                support,
                all
            ),
            tokens!(site, "(first + at) % #all", all),
        )
    } else {
        (TokenStream::new(), tokens!(site, "at"))
    };
    tokens!(
        site,
        "#first
        for at in 0..#all {
            match #branch {
                #arms
                _ => #support::never_matched(),
            }
        }",
        first,
        all,
        branch,
        arms,
        support
    )
}
