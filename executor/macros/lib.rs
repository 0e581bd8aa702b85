//! `#[main]` and `#[test]`: attributes that put an async function into a loop.
//!
//! Both keep the function as it is, inside of an ordinary one of the same name that runs it:
//!
//! ```text
//!   #[roundelay::main(threads = 4)]      fn main() -> io::Result<()> {
//!   async fn main() -> io::Result<()> {      async fn main() -> io::Result<()> { .. }
//!       ..                         --->      ::roundelay::__run_main(
//!   }                                            ::roundelay::Runner::builder().threads(4),
//!                                                main(),
//!                                            )
//!                                        }
//! ```
//!
//! `#[test]` adds the `#[test]` of the language, and says
//! `::roundelay::testing::TestRun::new().seed(7).run(..)` instead. What happens in a run is
//! written there; this crate only moves tokens.
//!
//! No `syn`, no `quote`: what is looked for are a few words in a known order.
//!
//! # Invariants
//! - The function itself is passed on untouched, so the compiler's errors point into it.
//! - An error of ours points at the word that causes it.
//!
//! Tutorial: chapters 8 and 19. After this: `executor/attributes.rs`.
#![forbid(unsafe_code)]

use proc_macro::{Delimiter, Group, Ident, Literal, Span, TokenStream, TokenTree};

/// Runs an async `main` on an event loop. Its documentation is where it is given to users: at
/// `roundelay::main`.
#[proc_macro_attribute]
pub fn main(arguments: TokenStream, item: TokenStream) -> TokenStream {
    wrap(&MAIN, arguments, item).unwrap_or_else(Refusal::into_compile_error)
}

/// Runs an async test on an event loop. Its documentation is where it is given to users: at
/// `roundelay::test`.
#[proc_macro_attribute]
pub fn test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    wrap(&TEST, arguments, item).unwrap_or_else(Refusal::into_compile_error)
}

/// For this crate's own tests: `__refusal!(main (arguments) item)` is `None`, or the message of
/// the refusal and the words that it points at.
#[doc(hidden)]
#[proc_macro]
pub fn __refusal(input: TokenStream) -> TokenStream {
    let mut tokens = input.into_iter();
    let kind = if tokens.next().is_some_and(|t| t.to_string() == "main") { &MAIN } else { &TEST };
    let Some(TokenTree::Group(arguments)) = tokens.next() else {
        return parse("compile_error!(\"__refusal!(main (arguments) item)\")");
    };
    match wrap(kind, arguments.stream(), tokens.collect()) {
        Ok(_) => parse("::core::option::Option::<(&str, &str)>::None"),
        Err(Refusal { span, text }) => {
            let culprit = span.source_text().unwrap_or_default();
            parse(&format!("::core::option::Option::Some(({text:?}, {culprit:?}))"))
        }
    }
}

/// What the two attributes differ in.
struct Kind {
    name: &'static str,
    /// The settings that it takes, besides `crate`: each is a method of the builder.
    settings: &'static [&'static str],
    is_test: bool,
}

const MAIN: Kind = Kind { name: "main", settings: &["threads", "patience"], is_test: false };
const TEST: Kind = Kind {
    name: "test",
    settings: &["seed", "leftovers", "virtual_clock", "threads"],
    is_test: true,
};

fn wrap(kind: &Kind, arguments: TokenStream, item: TokenStream) -> Result<TokenStream, Refusal> {
    let settings = Settings::parse(kind, arguments)?;
    let function = Function::parse(kind, item)?;
    let facade = settings.facade;

    // The call that runs the function, in the words of the head of this file.
    let mut call = facade.clone();
    let name = TokenStream::from(TokenTree::from(function.name.clone()));
    if kind.is_test {
        call.extend(parse("::testing::TestRun::new()"));
        call.extend(settings.methods);
        let body = match function.parameters.stream().is_empty() {
            true => [parse("async |_|"), name, parse("().await")],
            false => [parse("async |seed|"), name, parse("(seed).await")],
        };
        call.extend(parse(".run"));
        call.extend([parenthesized(body.into_iter().collect())]);
    } else {
        let mut lent = facade;
        lent.extend(parse("::Runner::builder()"));
        lent.extend(settings.methods);
        lent.extend([parse(","), name, parse("()")]);
        call.extend(parse("::__run_main"));
        call.extend([parenthesized(lent)]);
    }

    let mut body = function.whole;
    body.extend(call);
    let mut wrapped = TokenStream::new();
    if kind.is_test {
        wrapped.extend(parse("#[::core::prelude::v1::test]"));
    }
    wrapped.extend(function.attributes_and_visibility);
    wrapped.extend(parse("fn"));
    wrapped.extend([TokenTree::from(function.name), parenthesized(TokenStream::new())]);
    wrapped.extend(function.result);
    wrapped.extend([TokenTree::from(Group::new(Delimiter::Brace, body))]);
    Ok(wrapped)
}

/// What stands in the attribute's parentheses.
struct Settings {
    /// The crate through which the user knows us: `::roundelay`, or what `crate = ...` names.
    facade: TokenStream,
    /// `.threads(4).patience(..)`
    methods: TokenStream,
}

impl Settings {
    fn parse(kind: &Kind, arguments: TokenStream) -> Result<Settings, Refusal> {
        let mut settings = Settings { facade: parse("::roundelay"), methods: TokenStream::new() };
        let mut seen: Vec<String> = Vec::new();
        let mut tokens = arguments.into_iter().peekable();
        while let Some(first) = tokens.next() {
            let name = first.to_string();
            let is_known = name == "crate" || kind.settings.contains(&name.as_str());
            if !is_known {
                let known = kind.settings.join("`, `");
                return Err(Refusal::at(
                    first.span(),
                    format!(
                        "#[{}] has no setting `{name}`; it has `{known}` and `crate`",
                        kind.name
                    ),
                ));
            }
            if seen.contains(&name) {
                return Err(Refusal::at(first.span(), format!("`{name}` is set twice")));
            }
            let is_sign = tokens.next().is_some_and(|token| token.to_string() == "=");
            let mut value = TokenStream::new();
            while let Some(token) = tokens.next_if(|token| token.to_string() != ",") {
                value.extend([token]);
            }
            tokens.next();
            if !is_sign || value.is_empty() {
                return Err(Refusal::at(
                    first.span(),
                    format!("`{name}` needs a value: `{name} = ...`"),
                ));
            }
            match name.as_str() {
                "crate" => settings.facade = value,
                _ => {
                    settings.methods.extend(parse("."));
                    settings.methods.extend([first, parenthesized(value)]);
                }
            }
            seen.push(name);
        }
        Ok(settings)
    }
}

/// The parts of an async function.
struct Function {
    /// For the outer function: `#[doc = ".."] #[should_panic] pub`.
    attributes_and_visibility: TokenStream,
    name: Ident,
    parameters: Group,
    /// `-> Result<..>`
    result: TokenStream,
    /// The function itself, from `async` on.
    whole: TokenStream,
}

impl Function {
    fn parse(kind: &Kind, item: TokenStream) -> Result<Function, Refusal> {
        let tokens: Vec<TokenTree> = item.into_iter().collect();
        let of = kind.name;
        let Some(keyword) = tokens.iter().position(|token| is(token, "fn")) else {
            let span = tokens.first().map_or(Span::call_site(), TokenTree::span);
            return Err(Refusal::at(
                span,
                format!("#[{of}] goes above an async function: `async fn name() {{ .. }}`"),
            ));
        };
        let start = async_keyword(of, &tokens, keyword)?;
        let twice = tokens[..start].iter().find(|token| match token {
            TokenTree::Group(group) => group.stream().to_string() == "test",
            _ => false,
        });
        if let Some(twice) = twice {
            return Err(Refusal::at(
                twice.span(),
                format!("#[{of}] makes a test of its own: leave out the plain `#[test]`"),
            ));
        }
        let (Some(TokenTree::Ident(name)), Some(after_name)) =
            (tokens.get(keyword + 1), tokens.get(keyword + 2))
        else {
            return Err(Refusal::at(tokens[keyword].span(), "a function needs a name and a body"));
        };
        let TokenTree::Group(parameters) = after_name else {
            return Err(Refusal::at(
                after_name.span(),
                format!(
                    "nobody is there to choose what a generic #[{of}] function is called with: \
                     make it generic-free, and let it call a generic one"
                ),
            ));
        };
        check_parameters(kind, parameters)?;
        let is_body = |token: &TokenTree| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
        let result = tokens[keyword + 3..].iter().take_while(|token| !is_body(token));
        Ok(Function {
            attributes_and_visibility: tokens[..start].iter().cloned().collect(),
            name: name.clone(),
            parameters: parameters.clone(),
            result: result.cloned().collect(),
            whole: tokens[start..].iter().cloned().collect(),
        })
    }
}

/// Where the word `async` is. Refuses other words between it and `fn`, and its absence.
fn async_keyword(of: &str, tokens: &[TokenTree], keyword: usize) -> Result<usize, Refusal> {
    for qualifier in ["unsafe", "const", "extern"] {
        if let Some(token) = tokens[..keyword].iter().find(|token| is(token, qualifier)) {
            return Err(Refusal::at(
                token.span(),
                format!("#[{of}] goes above an ordinary async function: leave out `{qualifier}`"),
            ));
        }
    }
    match keyword.checked_sub(1) {
        Some(before) if is(&tokens[before], "async") => Ok(before),
        _ => Err(Refusal::at(
            tokens[keyword].span(),
            format!("#[{of}] runs a future, so the function must be async: `async fn`"),
        )),
    }
}

fn check_parameters(kind: &Kind, parameters: &Group) -> Result<(), Refusal> {
    let count = parameters.stream().to_string();
    let count = count.trim_end_matches(',').trim();
    let allowed = if kind.is_test { 1 } else { 0 };
    let commas = count.matches(',').count();
    if count.is_empty() || (allowed == 1 && commas == 0) {
        return Ok(());
    }
    let text = match kind.is_test {
        true => {
            "a #[test] takes its seed, `seed: u64`, or nothing: nobody is there to give it more"
        }
        false => {
            "a #[main] takes no arguments: nobody is there to give it any; read `std::env::args`"
        }
    };
    Err(Refusal::at(parameters.span(), text))
}

fn is(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident.to_string() == word)
}

/// Rust in a string, as tokens that stand where the attribute does.
fn parse(code: &str) -> TokenStream {
    code.parse().expect("this crate writes Rust")
}

fn parenthesized(inside: TokenStream) -> TokenTree {
    Group::new(Delimiter::Parenthesis, inside).into()
}

struct Refusal {
    span: Span,
    text: String,
}

impl Refusal {
    fn at(span: Span, text: impl Into<String>) -> Refusal {
        Refusal { span, text: text.into() }
    }

    /// `::core::compile_error! { "text" }`, where each token claims to be the culprit.
    fn into_compile_error(self) -> TokenStream {
        let mut tokens = parse("::core::compile_error!").into_iter().collect::<Vec<_>>();
        let mut text = Literal::string(&self.text);
        text.set_span(self.span);
        let text = TokenStream::from(TokenTree::from(text));
        tokens.push(Group::new(Delimiter::Brace, text).into());
        for token in &mut tokens {
            token.set_span(self.span);
        }
        tokens.into_iter().collect()
    }
}
