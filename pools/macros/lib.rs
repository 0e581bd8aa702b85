//! `#[remote]`: the attribute that makes a function known to worker processes.
//!
//! An attribute has to be a procedural macro, and that needs a crate of its own. This one does
//! as little as possible: it looks at the declaration token by token, refuses what cannot work
//! with a sentence that says why, and wraps the rest for an ordinary `macro_rules!`
//! (`__remote!` in `pools/registry.rs`), where the interesting part can be read.
//!
//! ```text
//!   #[remote]                                 ::roundelay::__private::remote! {
//!   /// Doc.                                      [#[doc = " Doc."]] []
//!   pub fn twice(n: u64) -> u64 { .. }  --->      [pub fn twice(n: u64) -> u64]
//!                                                 fn twice(n: u64) -> u64 { .. }
//!                                             }
//! ```
//!
//! No `syn`, no `quote`: what is looked for are a few words in a known order.
//!
//! # Invariants
//! - The function itself is passed on untouched.
//! - An error points at the word that causes it.
//!
//! Tutorial: the chapter on process pools. After this: `pools/registry.rs`.
#![forbid(unsafe_code)]
#![deny(clippy::debug_assert_with_mut_call)]

use proc_macro::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

/// Makes a function known to worker processes, so that `ProcessPool::submit` accepts it.
///
/// Arguments and result must be owned types that serde can serialize and deserialize. The
/// function stays an ordinary function for everybody else: it can be called as before.
///
/// It becomes a constant that dereferences to the function, which has three small consequences:
/// `iter.map(*double)` needs the star; a local variable of the same name is not possible while
/// it is in scope; and to submit itself from its own body, the function writes `self::name`.
#[proc_macro_attribute]
pub fn remote(arguments: TokenStream, item: TokenStream) -> TokenStream {
    match wrap(arguments, item) {
        Ok(tokens) => tokens,
        Err(refusal) => refusal.into_compile_error(),
    }
}

fn wrap(arguments: TokenStream, item: TokenStream) -> Result<TokenStream, Refusal> {
    let facade = facade(arguments)?;
    let (attributes, function) = split_attributes(item);
    let keyword = check(&function)?;

    // `::roundelay::__private::remote! { [docs] [cfgs] [signature] attributes fn ... }`
    let mut body = TokenStream::new();
    let mut docs = TokenStream::new();
    let mut cfgs = TokenStream::new();
    let mut of_the_function = TokenStream::new();
    for (name, tokens) in attributes {
        match name.as_str() {
            "doc" | "deprecated" => docs.extend(tokens),
            _ => {
                if name == "cfg" {
                    cfgs.extend(tokens.clone());
                }
                of_the_function.extend(tokens);
            }
        }
    }
    body.extend([bracketed(docs), bracketed(cfgs), bracketed(signature(&function))]);
    body.extend(of_the_function);
    body.extend(function.into_iter().skip(keyword));

    let mut call = facade;
    for name in ["__private", "remote"] {
        call.extend(path_separator());
        call.extend([TokenTree::from(Ident::new(name, Span::call_site()))]);
    }
    call.extend([TokenTree::from(Punct::new('!', Spacing::Alone))]);
    call.extend([TokenTree::from(Group::new(Delimiter::Brace, body))]);
    Ok(call)
}

/// The crate through which the user knows us: `::roundelay`, or what `crate = ...` names.
fn facade(arguments: TokenStream) -> Result<TokenStream, Refusal> {
    let mut tokens = arguments.into_iter();
    let Some(first) = tokens.next() else {
        let mut path: TokenStream = path_separator().into_iter().collect();
        path.extend([TokenTree::from(Ident::new("roundelay", Span::call_site()))]);
        return Ok(path);
    };
    match (first.to_string().as_str(), tokens.next()) {
        ("crate", Some(TokenTree::Punct(sign))) if sign.as_char() == '=' => Ok(tokens.collect()),
        _ => Err(Refusal::at(first.span(), "#[remote] takes no arguments")),
    }
}

/// Splits `#[doc = ".."] #[inline] pub fn ..` into named attributes and the rest.
fn split_attributes(item: TokenStream) -> (Vec<(String, TokenStream)>, Vec<TokenTree>) {
    let mut attributes = Vec::new();
    let mut rest = Vec::new();
    let mut tokens = item.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match (&token, tokens.peek()) {
            (TokenTree::Punct(sign), Some(TokenTree::Group(group)))
                if sign.as_char() == '#' && rest.is_empty() =>
            {
                let name = group.stream().into_iter().next().map(|t| t.to_string());
                let pair = [token.clone(), TokenTree::Group(group.clone())];
                attributes.push((name.unwrap_or_default(), pair.into_iter().collect()));
                tokens.next();
            }
            _ => rest.push(token),
        }
    }
    (attributes, rest)
}

/// The function without its body, and without the `mut` of `fn f(mut n: u64)`: a `macro_rules!`
/// cannot tell that `mut` from a name.
fn signature(function: &[TokenTree]) -> TokenStream {
    let is_mut =
        |token: &TokenTree| matches!(token, TokenTree::Ident(word) if word.to_string() == "mut");
    let before_body = function.iter().take_while(|token| !is_body(token));
    before_body
        .map(|token| match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => {
                let arguments = group.stream().into_iter().filter(|token| !is_mut(token));
                Group::new(Delimiter::Parenthesis, arguments.collect()).into()
            }
            other => other.clone(),
        })
        .collect()
}

fn is_body(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

/// Refuses, at the word that causes it, what cannot be sent to another process by name.
/// Returns where the word `fn` is.
fn check(function: &[TokenTree]) -> Result<usize, Refusal> {
    let is = |token: &TokenTree, word: &str| token.to_string() == word;
    let Some(keyword) = function.iter().position(|token| is(token, "fn")) else {
        let span = function.first().map_or(Span::call_site(), TokenTree::span);
        return Err(Refusal::at(
            span,
            "#[remote] goes above a function: `#[remote] fn name(..) { .. }`",
        ));
    };
    for qualifier in &function[..keyword] {
        let why = match qualifier.to_string().as_str() {
            "async" => {
                "a worker process runs plain functions, one at a time: make it `fn`, and run an event \
                 loop inside if it needs one"
            }
            "unsafe" => {
                "a pool calls the function, so it must be safe to call: make it a safe `fn`"
            }
            "const" => {
                "a #[remote] function runs at run time, in another process: leave out `const`"
            }
            "extern" => "a #[remote] function is an ordinary Rust function: leave out `extern`",
            _ => continue,
        };
        return Err(Refusal::at(qualifier.span(), why));
    }
    let after_name = function.get(keyword + 2);
    if let Some(token) = after_name.filter(|token| is(token, "<")) {
        return Err(Refusal::at(
            token.span(),
            "a generic function is not one function but many, and a worker has to find it by one \
             name; write a small non-generic #[remote] function that calls it",
        ));
    }
    if let Some(TokenTree::Group(arguments)) = after_name
        && let Some(receiver) = arguments.stream().into_iter().find(|token| is(token, "self"))
    {
        return Err(Refusal::at(
            receiver.span(),
            "a method cannot be #[remote]: the object would have to travel, too; write a plain \
             function that takes what it needs as arguments",
        ));
    }
    let signature = function[keyword..].iter().take_while(|token| !is_body(token));
    for token in signature {
        if let Some(span) = find_reference(token) {
            return Err(Refusal::at(
                span,
                "a reference cannot travel to another process: take and return owned types, such as \
                 `String` for `&str` and `Vec<T>` for `&[T]`",
            ));
        }
    }
    Ok(keyword)
}

fn find_reference(token: &TokenTree) -> Option<Span> {
    match token {
        TokenTree::Punct(sign) if sign.as_char() == '&' => Some(sign.span()),
        TokenTree::Group(group) => {
            group.stream().into_iter().find_map(|inner| find_reference(&inner))
        }
        _ => None,
    }
}

struct Refusal {
    span: Span,
    text: &'static str,
}

impl Refusal {
    fn at(span: Span, text: &'static str) -> Refusal {
        Refusal { span, text }
    }

    /// `::core::compile_error! { "text" }`, where each token claims to be the culprit.
    fn into_compile_error(self) -> TokenStream {
        let mut text = Literal::string(self.text);
        text.set_span(self.span);
        let body = TokenStream::from(TokenTree::from(text));
        let mut tokens: Vec<TokenTree> = Vec::new();
        for name in ["core", "compile_error"] {
            tokens.extend(path_separator());
            tokens.push(Ident::new(name, self.span).into());
        }
        tokens.push(Punct::new('!', Spacing::Alone).into());
        tokens.push(Group::new(Delimiter::Brace, body).into());
        for token in &mut tokens {
            token.set_span(self.span);
        }
        tokens.into_iter().collect()
    }
}

fn bracketed(tokens: TokenStream) -> TokenTree {
    Group::new(Delimiter::Bracket, tokens).into()
}

fn path_separator() -> [TokenTree; 2] {
    [Punct::new(':', Spacing::Joint).into(), Punct::new(':', Spacing::Alone).into()]
}
