//! The options of the attributes: `#[wakeful::test(start_paused = true)]`.

use proc_macro::{Ident, Literal, Span, TokenStream};

use crate::template::{Error, Result, tokens};
use crate::values::{self, Bool, Values};

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
    krate: Option<TokenStream>,
    host: bool,
    start_paused: Option<Bool>,
    detect_deadlocks: Option<Bool>,
    /// `Some(None)` turns the detection off.
    detect_stalls: Option<Option<Nanos>>,
    max_poll: Option<Nanos>,
    name: Option<Literal>,
}

/// A duration in nanoseconds.
type Nanos = u64;

/// Threshold of the stall detector in tests. High, so that it reports no false stall on a busy
/// machine.
const TEST_THRESHOLD: Nanos = 1_000_000_000;

impl Options {
    pub(crate) fn parse(kind: Kind, tokens: TokenStream) -> Result<Self> {
        let mut input = Values::new(tokens);
        let mut options = Options::default();
        let mut seen: Vec<String> = Vec::new();
        while !input.is_empty() {
            let key = parse_key(kind, &mut input)?;
            let word = key.to_string();
            if seen.contains(&word) {
                let message = format!("the key `{word}` is given twice");
                return Err(Error::new(key.span(), message));
            }
            if input.is_empty() || input.is_mark(',') {
                let message = format!("`{word}` needs a value: `{word} = ..`");
                return Err(Error::new(key.span(), message));
            }
            input.mark('=')?;
            options.set(&word, &mut input)?;
            seen.push(word);
            if !input.is_empty() {
                input.mark(',')?;
            }
        }
        options.check()?;
        Ok(options)
    }

    /// Reads the value of a key that `Kind::keys` lists.
    fn set(&mut self, key: &str, input: &mut Values) -> Result<()> {
        match key {
            "crate" => self.krate = Some(parse_path(input)?),
            "detect_deadlocks" => self.detect_deadlocks = Some(parse_bool(key, input)?),
            "detect_stalls" => self.detect_stalls = Some(parse_threshold(key, input)?),
            "host" => self.host = parse_host(key, input)?,
            "max_poll" => self.max_poll = Some(parse_duration(key, input)?),
            "name" => self.name = Some(parse_name(key, input)?),
            "flavor" => check_flavor(input)?,
            "worker_threads" => check_worker_threads(input)?,
            _ => self.start_paused = Some(parse_bool(key, input)?),
        }
        Ok(())
    }

    /// Checks that the options can be combined.
    fn check(&self) -> Result<()> {
        let wanted = |option: &Option<Bool>| {
            let option = option.as_ref();
            option
                .filter(|option| option.value && self.host)
                .map(|option| option.word.span())
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
        self.host
    }

    /// Returns the path of the runtime crate.
    pub(crate) fn krate(&self) -> TokenStream {
        let default = || tokens!(Span::call_site(), "::wakeful");
        self.krate.clone().unwrap_or_else(default)
    }

    /// Returns the path of the builder.
    pub(crate) fn builder(&self, kind: Kind) -> TokenStream {
        let site = Span::call_site();
        if kind.is_tokio() {
            // Not `::tokio`: as in tokio, the name may be one that the user has imported.
            let krate = self.krate.clone();
            let krate = krate.unwrap_or_else(|| tokens!(site, "tokio"));
            return tokens!(site, "#krate::__private::Builder", krate);
        }
        tokens!(site, "#krate::Builder", krate = self.krate())
    }

    /// Returns the calls of the builder's methods for the options.
    pub(crate) fn builder_calls(&self, kind: Kind) -> TokenStream {
        let site = Span::call_site();
        let duration =
            |nanos: Nanos| tokens!(site, "::core::time::Duration::from_nanos(#n)", n = nanos);
        let wanted = self.detect_deadlocks.as_ref().map(|option| option.value);
        let default = kind.is_test() && !self.is_hosted();
        let deadlocks = wanted.unwrap_or(default).then(|| match kind.is_test() {
            false => tokens!(site, ".detect_deadlocks(true)"),
            true => tokens!(site, ".fail_on_deadlock()"),
        });
        let name = self.name.as_ref();
        let name = name.map(|name| tokens!(site, ".name(#name)", name = name.clone()));
        let paused = self.start_paused.as_ref();
        let paused = paused.map(|paused| tokens!(site, ".start_paused(#word)", word = paused.word));
        let threshold = kind.is_test().then_some(TEST_THRESHOLD);
        let threshold = self.detect_stalls.unwrap_or(threshold).map(duration);
        let stalls = threshold.map(|time| tokens!(site, ".detect_stalls(#time)", time));
        let max_poll = self.max_poll.map(duration);
        let max_poll = max_poll.map(|time| tokens!(site, ".max_poll(#time)", time));
        let calls = [name, deadlocks, paused, stalls, max_poll];
        calls.into_iter().flatten().collect()
    }
}

fn parse_key(kind: Kind, input: &mut Values) -> Result<Ident> {
    let Some(key) = input.word() else {
        return Err(input.error(&format!("expected a key: {}", known(kind))));
    };
    let word = key.to_string();
    if !kind.keys().contains(&word.as_str()) {
        let mut message = format!(
            "unknown key `{word}` for `{}`: {}",
            kind.name(),
            known(kind)
        );
        if word == "flavor" || word == "worker_threads" {
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

/// Parses a path, bare or in a string: `crate = a::b`, `crate = "a::b"`.
fn parse_path(input: &mut Values) -> Result<TokenStream> {
    let span = input.span();
    let path = match input.literal() {
        Some(literal) => values::path_in_string(&literal),
        None => input.path(),
    };
    let expected = "`crate` takes a path: `crate = name` or `crate = \"name\"`";
    path.ok_or_else(|| Error::new(span, expected))
}

/// Checks a flavor of tokio. All of them mean the one loop that there is.
fn check_flavor(input: &mut Values) -> Result<()> {
    let span = input.span();
    let flavor = input.literal().and_then(|literal| values::string(&literal));
    match flavor.as_deref() {
        Some("current_thread" | "multi_thread" | "local") => Ok(()),
        _ => Err(Error::new(
            span,
            "`flavor` takes \"current_thread\", \"multi_thread\" or \"local\"",
        )),
    }
}

/// Checks a number of worker threads. There are none.
fn check_worker_threads(input: &mut Values) -> Result<()> {
    let span = input.span();
    match input.literal().and_then(|literal| values::whole(&literal)) {
        Some(1..) => Ok(()),
        _ => Err(Error::new(
            span,
            "`worker_threads` takes a whole number above zero, such as 4",
        )),
    }
}

/// Parses a duration, or `false` for none.
fn parse_threshold(key: &str, input: &mut Values) -> Result<Option<Nanos>> {
    match input.bool() {
        None => parse_duration(key, input).map(Some),
        Some(Bool { value: false, .. }) => Ok(None),
        Some(Bool { word, .. }) => Err(Error::new(
            word.span(),
            format!("`{key}` takes a duration, such as \"100ms\", or `false`"),
        )),
    }
}

/// Parses a duration above zero, such as `"5ms"`.
fn parse_duration(key: &str, input: &mut Values) -> Result<Nanos> {
    let span = input.span();
    let text = input.literal().and_then(|literal| values::string(&literal));
    let nanos = text.and_then(|text| duration(&text));
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
fn parse_host(key: &str, input: &mut Values) -> Result<bool> {
    let span = input.span();
    let host = input.literal().and_then(|literal| values::string(&literal));
    if host.as_deref() == Some("tokio") {
        return Ok(true);
    }
    let message = format!(
        "`{key}` takes the name of the executor that drives the loop: \"tokio\" is the only one"
    );
    Err(Error::new(span, message))
}

/// Parses the name of a runtime.
fn parse_name(key: &str, input: &mut Values) -> Result<Literal> {
    let span = input.span();
    let name = input.literal();
    let is_good = |name: &Literal| values::string(name).is_some_and(|text| !text.trim().is_empty());
    name.filter(is_good).ok_or_else(|| {
        let message = format!("`{key}` takes a name that is not blank, such as \"metrics\"");
        Error::new(span, message)
    })
}

fn parse_bool(key: &str, input: &mut Values) -> Result<Bool> {
    let span = input.span();
    let message = || format!("`{key}` takes `true` or `false`");
    input.bool().ok_or_else(|| Error::new(span, message()))
}
