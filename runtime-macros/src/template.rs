//! Tokens from a template, and compile errors.
//!
//! This package has no dependencies: with `syn` and `quote` a program would take several seconds
//! longer to compile, see `scripts/compile-cost`.

use proc_macro::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

/// Returns the tokens of a template, with `#name` replaced by the tokens of that name. The span of
/// all other tokens is `$span`.
///
/// ```text
/// tokens!(span, "let #name = #value;", name, value = Literal::u32_suffixed(1))
/// ```
macro_rules! tokens {
    ($span:expr, $template:literal $(, $name:ident $(= $value:expr)?)* $(,)?) => {
        {
            #[allow(unused_imports, reason = "a template may have no parts")]
            use $crate::template::Part as _;
            $crate::template::fill($span, $template, &[
                $((stringify!($name), $crate::template::tokens!(@part $name $($value)?))),*
            ])
        }
    };
    (@part $name:ident) => { $name.tokens() };
    (@part $name:ident $value:expr) => { $value.tokens() };
}
pub(crate) use tokens;

/// A value that can be put into a template.
pub(crate) trait Part {
    fn tokens(&self) -> TokenStream;
}

impl Part for TokenStream {
    fn tokens(&self) -> TokenStream {
        self.clone()
    }
}

impl Part for Ident {
    fn tokens(&self) -> TokenStream {
        TokenTree::Ident(self.clone()).into()
    }
}

impl Part for Group {
    fn tokens(&self) -> TokenStream {
        TokenTree::Group(self.clone()).into()
    }
}

impl Part for Literal {
    fn tokens(&self) -> TokenStream {
        TokenTree::Literal(self.clone()).into()
    }
}

impl Part for u32 {
    fn tokens(&self) -> TokenStream {
        Literal::u32_suffixed(*self).tokens()
    }
}

impl Part for u64 {
    fn tokens(&self) -> TokenStream {
        Literal::u64_suffixed(*self).tokens()
    }
}

/// Nothing, if there is no value.
impl<P: Part> Part for Option<P> {
    fn tokens(&self) -> TokenStream {
        self.as_ref().map(Part::tokens).unwrap_or_default()
    }
}

impl<P: Part> Part for [P] {
    fn tokens(&self) -> TokenStream {
        self.iter().map(Part::tokens).collect()
    }
}

impl<P: Part> Part for Vec<P> {
    fn tokens(&self) -> TokenStream {
        self.as_slice().tokens()
    }
}

pub(crate) fn fill(span: Span, template: &str, parts: &[(&str, TokenStream)]) -> TokenStream {
    let tokens: TokenStream = template.parse().expect("the template is Rust");
    replace(tokens, span, parts)
}

fn replace(tokens: TokenStream, span: Span, parts: &[(&str, TokenStream)]) -> TokenStream {
    let mut filled = TokenStream::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(mut token) = tokens.next() {
        if let TokenTree::Punct(mark) = &token
            && mark.as_char() == '#'
            && let Some(TokenTree::Ident(name)) = tokens.peek()
        {
            let name = name.to_string();
            let mut parts = parts.iter();
            let part = parts.find(|(known, _)| *known == name);
            let (_, part) = part.unwrap_or_else(|| panic!("the template has no part `{name}`"));
            filled.extend(part.clone());
            tokens.next();
            continue;
        }
        if let TokenTree::Group(group) = &token {
            let contents = replace(group.stream(), span, parts);
            token = Group::new(group.delimiter(), contents).into();
        }
        token.set_span(span);
        filled.extend([token]);
    }
    filled
}

/// An error in what the user wrote.
pub(crate) struct Error {
    /// The first and the last token that it is about.
    start: Span,
    end: Span,
    message: String,
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Error {
        Error::of(span, span, message)
    }

    pub(crate) fn of(start: Span, end: Span, message: impl Into<String>) -> Error {
        let message = message.into();
        Error {
            start,
            end,
            message,
        }
    }

    /// Returns `::core::compile_error! { "message" }`, with the spans at which the compiler reports
    /// it: from the first token of the call to its last one.
    pub(crate) fn into_tokens(self) -> TokenStream {
        let mut message = Literal::string(&self.message);
        message.set_span(self.end);
        let mut arguments = Group::new(Delimiter::Brace, message.tokens());
        arguments.set_span(self.end);
        let start = tokens!(self.start, "::core::compile_error!");
        start.into_iter().chain([arguments.into()]).collect()
    }
}

/// Whether the token is this character.
pub(crate) fn is_mark(token: Option<&TokenTree>, mark: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == mark)
}

/// Whether the token is the first character of an operator such as `::` or `->`.
pub(crate) fn is_joint(token: &TokenTree, mark: char) -> bool {
    let joint = |punct: &Punct| punct.as_char() == mark && punct.spacing() == Spacing::Joint;
    matches!(token, TokenTree::Punct(punct) if joint(punct))
}

/// Whether the token is this word.
pub(crate) fn is_word(token: Option<&TokenTree>, word: &str) -> bool {
    matches!(token, Some(TokenTree::Ident(ident)) if ident.to_string() == word)
}
