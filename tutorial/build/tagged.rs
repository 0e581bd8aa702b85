//! One source, many steps: cuts a step's version out of a tagged text.
//!
//! ```text
//!   use std::cell::Cell; //@ 2+          this line, from step 2 on
//!   //@ 2-4 {                            the lines up to the brace, in steps 2 to 4
//!   //@ }
//! ```
//!
//! A line without a tag belongs to every step. Blocks may stand in blocks.
//!
//! # Invariants
//! - No tag is left in what comes out, and no two blank lines follow each other.
//!
//! Tutorial: the build path. After this: `check.rs`.

const TAG: &str = "//@ ";

/// What `text` is at `step`.
///
/// # Errors
/// A sentence with the line: a tag that says nothing, a block that is not closed.
pub fn at_step(text: &str, step: u32) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    // For each open block: its line, and whether it belongs to this step.
    let mut blocks: Vec<(usize, bool)> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let number = number + 1;
        let (code, tag) = match line.rfind(TAG) {
            Some(at) => (line[..at].trim_end(), line[at + TAG.len()..].trim()),
            None => (line.trim_end(), ""),
        };
        if tag == "}" {
            blocks.pop().ok_or_else(|| format!("line {number} closes a block that is not open"))?;
            continue;
        }
        if let Some(tag) = tag.strip_suffix(" {") {
            blocks.push((number, belongs(tag, step).ok_or_else(|| unknown(number, tag))?));
            continue;
        }
        let here = tag.is_empty() || belongs(tag, step).ok_or_else(|| unknown(number, tag))?;
        if !here || blocks.iter().any(|(_, here)| !here) {
            continue;
        }
        if code.is_empty() && (out.is_empty() || out.ends_with("\n\n")) {
            continue;
        }
        out.push_str(code);
        out.push('\n');
    }
    match blocks.pop() {
        Some((number, _)) => Err(format!("the block opened in line {number} is never closed")),
        None => Ok(out.trim_end().to_owned() + "\n"),
    }
}

/// Whether `step` is among `3`, `3+` or `3-5`; nothing if `tag` is none of these.
fn belongs(tag: &str, step: u32) -> Option<bool> {
    if let Some(from) = tag.strip_suffix('+') {
        return Some(step >= from.parse().ok()?);
    }
    match tag.split_once('-') {
        Some((from, to)) => Some((from.parse().ok()?..=to.parse().ok()?).contains(&step)),
        None => Some(step == tag.parse::<u32>().ok()?),
    }
}

fn unknown(line: usize, tag: &str) -> String {
    format!("line {line} is tagged `{tag}`; a tag is `3`, `3+` or `3-5`")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "a\nb //@ 2+\n\n//@ 2-3 {\nc //@ 3\n\nd\n\n//@ }\n\ne //@ 1\nf // why //@ 4\n";

    #[test]
    fn each_step_has_its_lines_and_no_tag() {
        let steps: Vec<String> = (1..=4).map(|step| at_step(TEXT, step).unwrap()).collect();
        assert_eq!(steps, ["a\n\ne\n", "a\nb\n\nd\n", "a\nb\n\nc\n\nd\n", "a\nb\n\nf // why\n"]);
    }

    #[test]
    fn a_tag_that_says_nothing_is_refused_with_its_line() {
        let error = at_step("a\nb //@ two\n", 1).unwrap_err();
        assert_eq!(error, "line 2 is tagged `two`; a tag is `3`, `3+` or `3-5`");
        assert!(at_step("//@ 1 {\na\n", 1).unwrap_err().contains("never closed"));
        assert!(at_step("//@ }\n", 1).unwrap_err().contains("not open"));
    }
}
