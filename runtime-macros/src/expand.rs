//! Expansion of the attributes.

use proc_macro::{Delimiter, Group, Span, TokenStream};

use crate::function::Function;
use crate::input::ends;
use crate::options::{Kind, Options};
use crate::template::{Error, Result, tokens};

/// Expands an attribute. On an error, the result is the error and the function without a runtime.
pub(crate) fn expand(kind: Kind, options: TokenStream, item: TokenStream) -> TokenStream {
    let function = match Function::parse(item.clone()) {
        Ok(function) => function,
        Err(error) => return beside(error, item),
    };
    if let Some(receiver) = function.receiver() {
        let message = format!(
            "`{}` cannot run a method: there is no `self` to call it on",
            kind.name()
        );
        return beside(Error::new(receiver.span(), message), item);
    }
    match check(kind, &function).and_then(|()| Options::parse(kind, options)) {
        Ok(options) => expand_function(kind, &options, &function),
        Err(error) => beside(error, without_runtime(&function)),
    }
}

/// Checks the signature.
fn check(kind: Kind, function: &Function) -> Result<()> {
    if !function.is_async {
        let message = "the `async` keyword is missing from the function declaration";
        return Err(Error::new(function.fn_token.span(), message));
    }
    match kind {
        Kind::Test | Kind::TokioTest if function.has_arguments() => Err(Error::new(
            function.arguments.span(),
            "a test function takes no arguments",
        )),
        Kind::Test | Kind::TokioTest => match function.test_attribute() {
            Some(attribute) => {
                let message = "a second `test` attribute: the test would run twice";
                let (start, end) = ends(attribute);
                Err(Error::of(start, end, message))
            }
            None => Ok(()),
        },
        Kind::Main | Kind::TokioMain
            if function.name.to_string() == "main" && function.has_arguments() =>
        {
            let message = "the `main` function takes no arguments";
            Err(Error::new(function.arguments.span(), message))
        }
        Kind::Main | Kind::TokioMain => Ok(()),
    }
}

fn expand_function(kind: Kind, options: &Options, function: &Function) -> TokenStream {
    let krate = options.krate();
    let builder = options.builder(kind);
    let calls = options.builder_calls(kind);
    let body = async_body(function);
    // Hygiene: the names `body` and `runtime` are not visible in the user's body and arguments.
    let site = Span::mixed_site();
    let body = match (kind.is_test(), function.nameable_output()) {
        // So that one instance of `block_on` is compiled for all tests with the same output,
        // instead of one for each test.
        (true, Some(output)) => tokens!(
            site,
            "let body = ::core::pin::pin!(#body);
            let body: ::core::pin::Pin<&mut dyn ::core::future::Future<Output = #output>> = body;",
            body,
            output
        ),
        _ => tokens!(site, "let body = #body;", body),
    };
    let call_site = Span::call_site();
    // With `-> !`, the `block_on` of a body that never ends is intended.
    let never = function
        .never_returns()
        .then(|| tokens!(call_site, "#[allow(clippy::diverging_sub_expression)]"));
    let hosted = options.is_hosted().then(|| {
        tokens!(
            site,
            "let runtime = #krate::tokio_host::Host::of(runtime)
                .expect(\"failed to build the tokio runtime that drives it\");",
            krate
        )
    });
    let statements = tokens!(
        site,
        "let runtime = #builder::new() #calls .build().expect(\"failed to build the runtime\");
        #hosted
        #body
        #never
        return runtime.block_on(body);",
        builder,
        calls,
        hosted,
        body,
        never
    );
    let test = kind
        .is_test()
        .then(|| tokens!(call_site, "#[::core::prelude::v1::test]"));
    with_statements(function, test, statements)
}

/// Returns the function that is compiled together with an error. It has the body, so that the body
/// is checked and its imports are used, but no runtime: a wrong path to the runtime would cause a
/// second error.
fn without_runtime(function: &Function) -> TokenStream {
    let body = async_body(function);
    let statements = tokens!(Span::mixed_site(), "let _ = #body; loop {}", body);
    let call_site = Span::call_site();
    let unused = tokens!(call_site, "#[allow(dead_code)]");
    let function_tokens = with_statements(function, Some(unused), statements);
    if function.name.to_string() == "main" && function.has_arguments() {
        return tokens!(
            call_site,
            "fn main() { #function }",
            function = function_tokens
        );
    }
    function_tokens
}

fn with_statements(
    function: &Function,
    attribute: Option<TokenStream>,
    statements: TokenStream,
) -> TokenStream {
    let Function {
        attributes,
        visibility,
        qualifiers,
        fn_token,
        name,
        generics,
        ..
    } = function;
    let Function {
        arguments,
        output,
        where_clause,
        ..
    } = function;
    tokens!(
        Span::call_site(),
        "#attribute
        #attributes
        #visibility #qualifiers #fn_token #name #generics #arguments #output #where_clause {
            #statements
        }",
        attribute,
        attributes,
        visibility,
        qualifiers,
        fn_token,
        name,
        generics,
        arguments,
        output,
        where_clause,
        statements
    )
}

/// Returns the body as `async move { .. }`: the arguments live in the future, as in an `async fn`.
///
/// Unlike an `async fn`, an `async` block does not declare the type of its output. A `return` that
/// never runs declares it: `Err(Box::new(e))` and a lone `?` are inferred as in an `async fn`, and
/// a wrong type is reported at the user's expression.
fn async_body(function: &Function) -> TokenStream {
    let site = Span::mixed_site();
    let typed = function.nameable_output().map(|output| {
        // With this span, rustc's "return type inferred here" points at the return type.
        tokens!(
            site.located_at(function.output_span()),
            "if let ::core::option::Option::Some(output) = ::core::option::Option::<#output>::None {
                return output;
            }",
            output
        )
    });
    let statements = typed.into_iter().chain([function.body.stream()]).collect();
    let mut block = Group::new(Delimiter::Brace, statements);
    block.set_span(function.body.span());
    tokens!(site, "async move #block", block)
}

/// Returns a compile error beside other tokens.
fn beside(error: Error, tokens: TokenStream) -> TokenStream {
    let mut beside = error.into_tokens();
    beside.extend(tokens);
    beside
}
