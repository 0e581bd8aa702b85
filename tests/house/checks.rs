//! The checks themselves: they see code and nothing else.

use std::collections::BTreeMap;

use crate::arrows::cycles;
use crate::reading::{blank, paths, without_tests};

#[test]
fn the_checks_see_code_and_nothing_else() {
    let text = "a // b\nc /* d\ne */ f \"g\\\" // h\" r#\"i \"j\"\"# 'k' '\\'' 'life\n";
    assert_eq!(
        blank(text).split_whitespace().collect::<Vec<_>>(),
        ["a", "c", "f", "\"", "\"", "r#\"", "\"#", "'life"],
    );
    let code =
        "use a;\n#[cfg(test)]\nmod tests {\n fn x() { {} }\n}\nfn b() {}\n#[cfg(test)]\nmod y;\nz";
    let shipped = without_tests(code);
    assert_eq!(shipped.lines().count(), code.lines().count());
    assert_eq!(
        shipped.split_whitespace().collect::<Vec<_>>(),
        ["use", "a;", "fn", "b()", "{}", "z"]
    );
    let group = "use crate::{a::{B, c::D as E}, f};\ncrate::g::h(1)";
    assert_eq!(
        paths(group, "crate::"),
        [(1, "a::B".into()), (1, "a::c::D".into()), (1, "f".into()), (2, "g::h".into())],
    );
    let graph: BTreeMap<String, BTreeMap<String, usize>> = [("a", "b"), ("b", "c"), ("c", "b")]
        .map(|(from, to)| (from.to_owned(), BTreeMap::from([(to.to_owned(), 1)])))
        .into();
    assert_eq!(cycles(&graph), [["b", "c"]]);
}
