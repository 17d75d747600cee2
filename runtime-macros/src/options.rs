//! The options of the attributes: `#[wakeful::test(start_paused = true)]`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Error, Ident, LitBool, LitInt, LitStr, Path, Result, Token, token};

/// The attribute that is being expanded.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Main,
    Test,
    /// `main` and `test` of `wakeful-tokio`, which have tokio's keys.
    TokioMain,
    TokioTest,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Main => "wakeful::main",
            Kind::Test => "wakeful::test",
            Kind::TokioMain => "tokio::main",
            Kind::TokioTest => "tokio::test",
        }
    }

    /// Whether the function is a test.
    pub(crate) fn is_test(self) -> bool {
        matches!(self, Kind::Test | Kind::TokioTest)
    }

    /// Whether the attribute is one of `wakeful-tokio`.
    fn is_tokio(self) -> bool {
        matches!(self, Kind::TokioMain | Kind::TokioTest)
    }

    /// Returns the known keys. A new key also needs a branch in `Options::set`.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Kind::Main => &[
                "crate",
                "detect_deadlocks",
                "detect_stalls",
                "host",
                "name",
                "start_paused",
            ],
            Kind::Test => &[
                "crate",
                "detect_deadlocks",
                "detect_stalls",
                "host",
                "max_poll",
                "name",
                "start_paused",
            ],
            Kind::TokioMain | Kind::TokioTest => {
                &["crate", "flavor", "name", "start_paused", "worker_threads"]
            }
        }
    }
}

/// The options that the user has given.
#[derive(Default)]
pub(crate) struct Options {
    krate: Option<Path>,
    host: Option<LitStr>,
    start_paused: Option<LitBool>,
    detect_deadlocks: Option<LitBool>,
    /// `Some(None)` turns the detection off.
    detect_stalls: Option<Option<Nanos>>,
    max_poll: Option<Nanos>,
    name: Option<LitStr>,
}

/// A duration in nanoseconds.
type Nanos = u64;

/// Threshold of the stall detector in tests. High, so that it reports no false stall on a busy
/// machine.
const TEST_THRESHOLD: Nanos = 1_000_000_000;

impl Options {
    pub(crate) fn parse(kind: Kind, tokens: TokenStream) -> Result<Self> {
        let parser = |input: ParseStream<'_>| {
            let mut options = Options::default();
            let mut seen: Vec<Ident> = Vec::new();
            while !input.is_empty() {
                let key = parse_key(kind, input)?;
                if seen.contains(&key) {
                    return Err(Error::new(
                        key.span(),
                        format!("the key `{key}` is given twice"),
                    ));
                }
                parse_equals(&key, input)?;
                options.set(&key, input)?;
                seen.push(key);
                parse_comma(input)?;
            }
            Ok(options)
        };
        let options = parser.parse2(tokens)?;
        options.check()?;
        Ok(options)
    }

    /// Reads the value of a key that `Kind::keys` lists.
    fn set(&mut self, key: &Ident, input: ParseStream<'_>) -> Result<()> {
        if key == "crate" {
            self.krate = Some(parse_path(input)?);
        } else if key == "detect_deadlocks" {
            self.detect_deadlocks = Some(parse_bool(key, input)?);
        } else if key == "detect_stalls" {
            self.detect_stalls = Some(parse_threshold(key, input)?);
        } else if key == "host" {
            self.host = Some(parse_host(key, input)?);
        } else if key == "max_poll" {
            self.max_poll = Some(parse_duration(key, input)?);
        } else if key == "name" {
            self.name = Some(parse_name(key, input)?);
        } else if key == "flavor" {
            check_flavor(input)?;
        } else if key == "worker_threads" {
            check_worker_threads(input)?;
        } else {
            self.start_paused = Some(parse_bool(key, input)?);
        }
        Ok(())
    }

    /// Checks that the options can be combined.
    fn check(&self) -> Result<()> {
        let wanted = |option: &Option<LitBool>| {
            let option = option.as_ref();
            option
                .filter(|option| option.value && self.host.is_some())
                .map(LitBool::span)
        };
        if let Some(span) = wanted(&self.start_paused) {
            return Err(Error::new(
                span,
                "`start_paused` stops the clock of the runtime, but that of its `host` goes on: \
                 leave one of the two keys out",
            ));
        }
        if let Some(span) = wanted(&self.detect_deadlocks) {
            return Err(Error::new(
                span,
                "`detect_deadlocks` searches before the loop waits, but under a `host` the host \
                 waits: leave one of the two keys out",
            ));
        }
        Ok(())
    }

    /// Whether tokio drives the loop.
    pub(crate) fn is_hosted(&self) -> bool {
        self.host.is_some()
    }

    /// Returns the path of the runtime crate.
    pub(crate) fn krate(&self) -> TokenStream {
        match &self.krate {
            Some(path) => path.to_token_stream(),
            None => quote!(::wakeful),
        }
    }

    /// Returns the path of the builder.
    pub(crate) fn builder(&self, kind: Kind) -> TokenStream {
        if kind.is_tokio() {
            // Not `::tokio`: as in tokio, the name may be one that the user has imported.
            let krate = self.krate.as_ref().map(Path::to_token_stream);
            let krate = krate.unwrap_or_else(|| quote!(tokio));
            return quote!(#krate::__private::Builder);
        }
        let krate = self.krate();
        quote!(#krate::Builder)
    }

    /// Returns the calls of the builder's methods for the options.
    pub(crate) fn builder_calls(&self, kind: Kind) -> TokenStream {
        let start_paused = self.start_paused.iter();
        let default = kind.is_test().then_some(TEST_THRESHOLD);
        let threshold = self.detect_stalls.unwrap_or(default).into_iter();
        let max_poll = self.max_poll.iter();
        let wanted = self.detect_deadlocks.as_ref().map(LitBool::value);
        let default = kind.is_test() && !self.is_hosted();
        let deadlocks = wanted.unwrap_or(default).then(|| match kind.is_test() {
            false => quote!(.detect_deadlocks(true)),
            true => quote!(.fail_on_deadlock()),
        });
        let name = self.name.iter();
        quote! {
            #(.name(#name))*
            #deadlocks
            #(.start_paused(#start_paused))*
            #(.detect_stalls(::core::time::Duration::from_nanos(#threshold)))*
            #(.max_poll(::core::time::Duration::from_nanos(#max_poll)))*
        }
    }
}

fn parse_key(kind: Kind, input: ParseStream<'_>) -> Result<Ident> {
    // `crate` is a keyword, which `Ident` alone would refuse.
    if !input.peek(Ident::peek_any) {
        return Err(input.error(format!("expected a key: {}", known(kind))));
    }
    let key = input.call(Ident::parse_any)?;
    if !kind.keys().iter().any(|known| key == known) {
        let mut message = format!("unknown key `{key}` for `{}`: {}", kind.name(), known(kind));
        if key == "flavor" || key == "worker_threads" {
            message += ". A runtime has one loop, on this thread, so leave the key out; \
                        `wakeful::Shards` has several";
        }
        return Err(Error::new(key.span(), message));
    }
    Ok(key)
}

fn known(kind: Kind) -> String {
    let keys: Vec<_> = kind.keys().iter().map(|key| format!("`{key}`")).collect();
    format!("the known keys are {}", keys.join(", "))
}

fn parse_equals(key: &Ident, input: ParseStream<'_>) -> Result<()> {
    if input.is_empty() || input.peek(Token![,]) {
        return Err(Error::new(
            key.span(),
            format!("`{key}` needs a value: `{key} = ..`"),
        ));
    }
    input.parse::<Token![=]>()?;
    Ok(())
}

fn parse_comma(input: ParseStream<'_>) -> Result<()> {
    if !input.is_empty() {
        input.parse::<Token![,]>()?;
    }
    Ok(())
}

/// Parses a path, bare or in a string: `crate = a::b`, `crate = "a::b"`.
fn parse_path(input: ParseStream<'_>) -> Result<Path> {
    const EXPECTED: &str = "`crate` takes a path: `crate = name` or `crate = \"name\"`";
    if input.peek(LitStr) {
        let text: LitStr = input.parse()?;
        return text
            .parse_with(Path::parse_mod_style)
            .map_err(|_| Error::new(text.span(), EXPECTED));
    }
    let span = input.span();
    input
        .call(Path::parse_mod_style)
        .map_err(|_| Error::new(span, EXPECTED))
}

/// Checks a flavor of tokio. All of them mean the one loop that there is.
fn check_flavor(input: ParseStream<'_>) -> Result<()> {
    let span = input.span();
    let flavor = input.parse::<LitStr>().map(|text| text.value());
    match flavor.as_deref() {
        Ok("current_thread" | "multi_thread" | "local") => Ok(()),
        _ => Err(Error::new(
            span,
            "`flavor` takes \"current_thread\", \"multi_thread\" or \"local\"",
        )),
    }
}

/// Checks a number of worker threads. There are none.
fn check_worker_threads(input: ParseStream<'_>) -> Result<()> {
    let span = input.span();
    let count = input.parse::<LitInt>();
    match count.and_then(|count| count.base10_parse::<usize>()) {
        Ok(1..) => Ok(()),
        _ => Err(Error::new(
            span,
            "`worker_threads` takes a whole number above zero, such as 4",
        )),
    }
}

/// Parses a duration, or `false` for none.
fn parse_threshold(key: &Ident, input: ParseStream<'_>) -> Result<Option<Nanos>> {
    if input.peek(LitBool) {
        let switch: LitBool = input.parse()?;
        return match switch.value {
            false => Ok(None),
            true => Err(Error::new(
                switch.span,
                format!("`{key}` takes a duration, such as \"100ms\", or `false`"),
            )),
        };
    }
    let nanos = parse_duration(key, input)?;
    Ok(Some(nanos))
}

/// Parses a duration above zero, such as `"5ms"`.
fn parse_duration(key: &Ident, input: ParseStream<'_>) -> Result<Nanos> {
    let span = input.span();
    let text = input.parse::<LitStr>().ok();
    let nanos = text.and_then(|text| duration(&text.value()));
    nanos.ok_or_else(|| {
        Error::new(
            span,
            format!(
                "`{key}` takes a duration: a whole number above zero and `ns`, `us`, `ms` or `s`, \
                 such as \"5ms\""
            ),
        )
    })
}

fn duration(text: &str) -> Option<Nanos> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim_start() {
        "ns" => 1,
        "us" | "µs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        _ => return None,
    };
    let nanos = number.parse::<u64>().ok()?.checked_mul(unit)?;
    (nanos > 0).then_some(nanos)
}

/// Parses the name of the executor that drives the loop.
fn parse_host(key: &Ident, input: ParseStream<'_>) -> Result<LitStr> {
    let span = input.span();
    let host = input.parse::<LitStr>().ok();
    host.filter(|host| host.value() == "tokio").ok_or_else(|| {
        let message = format!(
            "`{key}` takes the name of the executor that drives the loop: \"tokio\" is the only one"
        );
        Error::new(span, message)
    })
}

/// Parses the name of a runtime.
fn parse_name(key: &Ident, input: ParseStream<'_>) -> Result<LitStr> {
    let span = input.span();
    let name = input.parse::<LitStr>().ok();
    name.filter(|name| !name.value().trim().is_empty())
        .ok_or_else(|| {
            let message = format!("`{key}` takes a name that is not blank, such as \"metrics\"");
            Error::new(span, message)
        })
}

fn parse_bool(key: &Ident, input: ParseStream<'_>) -> Result<LitBool> {
    let span = input.span();
    let expected = || Error::new(span, format!("`{key}` takes `true` or `false`"));
    // A brace begins a block such as `{ true }`, which is no literal: the same error.
    if input.peek(token::Brace) {
        return Err(expected());
    }
    input.parse().map_err(|_| expected())
}
