//! Always, or may differ: what of a program's output is a promise, and what is luck.
//!
//! A program is run under many legal schedules, one for each seed. A line that stands at the
//! same place in each of them is marked *always*; the others *may differ*. The mark is
//! computed, never typed, and the check runs it again.
//!
//! Tutorial: the course's tools. Before this: `python.rs`. After this: `quiz.rs`.

/// How many schedules are tried, besides the usual one.
pub const SEEDS: u64 = 24;

/// The sentence under an output: which of its lines are promised, given what other schedules wrote.
pub fn label(usual: &str, others: &[String]) -> String {
    let lines: Vec<&str> = usual.lines().collect();
    let moves = |number: &usize| {
        others.iter().any(|other| other.lines().nth(*number) != Some(lines[*number]))
    };
    let moving: Vec<usize> = (0..lines.len()).filter(moves).map(|number| number + 1).collect();
    let schedules = others.len() + 1;
    if moving.is_empty() && others.iter().all(|other| other.lines().count() == lines.len()) {
        return format!(
            "*Always:* the same lines in the same order, under each of {schedules} schedules."
        );
    }
    let mut distinct: Vec<&str> = others.iter().map(String::as_str).chain([usual]).collect();
    distinct.sort_unstable();
    distinct.dedup();
    let which = match moving.as_slice() {
        [] => "how many lines there are".to_owned(),
        [one] => format!("line {one}"),
        several if several.len() == lines.len() => "every line".to_owned(),
        several => format!("lines {}", ranges(several)),
    };
    format!(
        "*May differ:* {which}. {schedules} schedules gave {} different outputs; this is the one in order of \
         asking. What is not named here is *always* so.",
        distinct.len()
    )
}

/// `2-4, 7` for 2, 3, 4, 7.
fn ranges(numbers: &[usize]) -> String {
    let mut out: Vec<String> = Vec::new();
    let mut at = 0;
    while at < numbers.len() {
        let mut end = at;
        while end + 1 < numbers.len() && numbers[end + 1] == numbers[end] + 1 {
            end += 1;
        }
        out.push(match end - at {
            0 => numbers[at].to_string(),
            _ => format!("{}-{}", numbers[at], numbers[end]),
        });
        at = end + 1;
    }
    out.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label_of(outputs: &[&str]) -> String {
        let others: Vec<String> = outputs[1..].iter().map(|output| (*output).to_owned()).collect();
        label(outputs[0], &others)
    }

    #[test]
    fn what_never_moves_is_always_so() {
        assert!(label_of(&["a\nb\n", "a\nb\n"]).starts_with("*Always:*"));
    }

    #[test]
    fn lines_that_move_are_named() {
        let told = label_of(&["s\na\nb\nc\nend\nx\n", "s\nb\na\nc\nend\ny\n"]);
        assert!(told.starts_with("*May differ:* lines 2-3, 6."), "{told}");
        assert!(told.contains("gave 2 different outputs"), "{told}");
    }

    #[test]
    fn a_line_that_is_sometimes_missing_is_seen() {
        assert!(label_of(&["a\n", "a\nb\n"]).starts_with("*May differ:* how many lines"));
        assert!(label_of(&["a\nb\n", "a\n"]).starts_with("*May differ:* line 2."));
    }
}
