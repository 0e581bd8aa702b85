//! A step of the build path, for its page: what changes, what is asked, how to try it.
//!
//! The steps lie in `tutorial/build/steps`, their tests in `tutorial/build/checks`. The
//! difference between two steps is computed, so a page cannot show another program than the
//! one that is tested.
//!
//! Tutorial: the course's tools. Before this: `exercises.rs`. After this: `speed.rs`.

use std::fmt::Write as _;

use similar::TextDiff;

/// How many lines that stay are shown around those that change.
const AROUND: usize = 2;

/// The part of a page that shows step `number`: `before` is the text of the step before (nothing
/// for the first), `text` its own, and `checks` its tests.
pub fn markdown(number: u32, before: Option<&str>, text: &str, checks: &str) -> String {
    let file = format!("`tutorial/build/steps/step_{number:02}.rs`");
    let mut out = match before {
        None => format!("{file}\n\n```rust\n{text}```\n"),
        Some(before) => {
            let difference = TextDiff::from_lines(before, text);
            let mut difference = difference.unified_diff();
            let difference = difference.context_radius(AROUND);
            format!(
                "{file}, and how it differs from step {}\n\n```diff\n{difference}```\n",
                number - 1
            )
        }
    };
    out += "\nWhat the tests ask:\n\n";
    for promise in promises(checks) {
        writeln!(out, "- {promise}").expect("a string takes it");
    }
    out + &format!(
        "\n```sh\ncargo run -p roundelay-build --example build -- check {number} --mine ../my-loop\n```\n"
    )
}

/// The names of the tests, in words.
fn promises(checks: &str) -> impl Iterator<Item = String> + '_ {
    let lines = checks.lines().zip(checks.lines().skip(1));
    lines.filter(|(mark, _)| *mark == "#[test]").filter_map(|(_, line)| {
        let name = line.strip_prefix("fn ")?.split_once('(')?.0;
        Some(name.replace('_', " "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECKS: &str = "fn help() {}\n\n#[test]\nfn a_turn_ends() {\n}\n";

    #[test]
    fn the_first_step_is_shown_whole() {
        let page = markdown(1, None, "a\n", CHECKS);
        assert!(
            page.starts_with("`tutorial/build/steps/step_01.rs`\n\n```rust\na\n```\n"),
            "{page}"
        );
        assert!(page.contains("What the tests ask:\n\n- a turn ends\n\n```sh\n"), "{page}");
    }

    #[test]
    fn a_later_step_is_shown_as_a_difference() {
        let page = markdown(2, Some("a\nb\nc\nd\n"), "a\nb\nc\nd\ne\n", CHECKS);
        assert!(page.contains(" c\n d\n+e\n```\n"), "{page}");
        assert!(!page.contains(" a\n"), "{page}");
    }
}
