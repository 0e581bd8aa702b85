//! What the attributes refuse, with which words, and where they point.

use roundelay_executor_macros::__refusal;

/// Asserts what a refusal says, and at which words.
macro_rules! refuses {
    ($refusal:expr, $text:literal, at $culprit:literal) => {
        let (text, culprit) = $refusal.expect("this is refused");
        assert!(text.contains($text), "it says: {text}");
        assert_eq!(culprit, $culprit, "where it points, saying: {text}");
    };
}

#[test]
fn what_is_right_is_taken() {
    assert_eq!(__refusal!(main () async fn main() {}), None);
    assert_eq!(
        __refusal!(main (threads = 2, patience = D, crate = a::b,) async fn main() {}),
        None
    );
    assert_eq!(__refusal!(main () /** a doc */ #[allow(x)] pub(crate) async fn go() -> T {}), None);
    assert_eq!(__refusal!(test () async fn name() -> Result<(), E> {}), None);
    assert_eq!(__refusal!(test (seed = 7 + 1) async fn name(seed: u64) {}), None);
    assert_eq!(__refusal!(test () #[should_panic] async fn name(seed: u64,) {}), None);
}

#[test]
fn a_function_that_is_not_async_is_pointed_at_where_the_word_is_missing() {
    refuses!(__refusal!(main () pub fn main() {}), "must be async", at "fn");
    refuses!(__refusal!(test () fn name() {}), "must be async", at "fn");
}

#[test]
fn arguments_that_nobody_can_give_are_refused() {
    refuses!(__refusal!(main () async fn main(a: u8) {}), "no arguments", at "(a: u8)");
    refuses!(__refusal!(test () async fn n(a: u64, b: u8) {}), "its seed", at "(a: u64, b: u8)");
}

#[test]
fn generics_are_refused_at_the_bracket() {
    refuses!(__refusal!(main () async fn main<T>() {}), "generic", at "<");
    refuses!(__refusal!(test () async fn name<'a>() {}), "generic", at "<");
}

#[test]
fn words_before_the_function_are_refused_one_by_one() {
    refuses!(__refusal!(main () async extern "C" fn main() {}), "leave out `extern`", at "extern");
    refuses!(__refusal!(main () const async fn main() {}), "leave out `const`", at "const");
    refuses!(__refusal!(test () #[test] async fn n() {}), "leave out the plain", at "[test]");
}

#[test]
fn what_is_no_function_is_refused() {
    refuses!(__refusal!(main () struct Main;), "goes above an async function", at "struct");
}

#[test]
fn settings_are_checked_by_name() {
    refuses!(__refusal!(main (seed = 7) async fn main() {}), "no setting `seed`", at "seed");
    refuses!(__refusal!(test (patience = 7) async fn n() {}), "it has `seed`", at "patience");
    refuses!(__refusal!(main (threads) async fn main() {}), "needs a value", at "threads");
    refuses!(__refusal!(main (threads =) async fn main() {}), "needs a value", at "threads");
    refuses!(__refusal!(test (seed = 1, seed = 2) async fn n() {}), "set twice", at "seed");
}
