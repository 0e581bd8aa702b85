//! A quiz: a few questions with answers to choose from, as TOML, printed as Markdown.
//!
//! ```toml
//! [[question]]
//! ask = "Why does a turn take only what was ready when it began?"
//! about = "why"                       # why, what, order: at least half ask why
//! right = ["so that timers and sockets get their turn"]
//! says = "The queue could otherwise grow for ever within one turn."
//! [[question.wrong]]
//! answer = "because the queue has a size limit"
//! belief = "The queue has none; it grows as needed."
//!
//! [[question]]
//! ask = "What does this program print first?"
//! about = "order"
//! key = { program = "ch02_call_soon", line = 1 }     # the right answer is computed from a run
//! [[question.wrong]]
//! answer = "B"
//! belief = "..."
//! ```
//!
//! The right answer stands among the wrong ones at a place that depends on the question's words
//! only, so it is the same in each edition. The key is a folded part below, which needs no
//! script.
//!
//! Tutorial: the course's tools. Before this: `label.rs`. After this: `directive.rs`.

use std::fmt::Write as _;

use serde::Deserialize;

/// The questions of one chapter.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quiz {
    /// In order.
    pub question: Vec<Question>,
}

/// One question.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The question itself.
    pub ask: String,
    /// What kind it is.
    pub about: About,
    /// The right answers, where they are prose.
    #[serde(default)]
    pub right: Vec<String>,
    /// Where the right answer comes from, where a run can tell it.
    pub key: Option<Key>,
    /// Why it is right.
    pub says: String,
    /// Wrong answers, each with the belief that leads to it.
    pub wrong: Vec<Wrong>,
}

/// What a question is about.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum About {
    /// Why is it so, or what if it were otherwise.
    Why,
    /// What is it.
    What,
    /// What comes when.
    Order,
}

/// A line of a program's output, which is the right answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// The program.
    pub program: String,
    /// The line of its output, counted from 1; 0 is all lines, joined by `, `.
    pub line: usize,
}

/// A wrong answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wrong {
    /// What it says.
    pub answer: String,
    /// The belief that leads to it, and why that is wrong.
    pub belief: String,
}

impl Quiz {
    /// Reads a quiz, and judges it by the rules of the course.
    ///
    /// # Errors
    /// A sentence for whoever wrote it.
    pub fn read(text: &str) -> Result<Quiz, String> {
        let quiz: Quiz = toml::from_str(text).map_err(|error| format!("is no quiz: {error}"))?;
        let all = quiz.question.len();
        if !(3..=6).contains(&all) {
            return Err(format!(
                "has {all} questions; a chapter's quiz has three to five, six at most"
            ));
        }
        let why = quiz.question.iter().filter(|question| question.about == About::Why).count();
        if why * 2 < all {
            return Err(format!("asks why in {why} of {all} questions; at least half should"));
        }
        for question in &quiz.question {
            if question.right.is_empty() == question.key.is_none() {
                return Err(format!("`{}` needs either `right` or `key`", question.ask));
            }
            if question.wrong.is_empty() {
                return Err(format!("`{}` has no wrong answer to choose", question.ask));
            }
        }
        Ok(quiz)
    }

    /// The quiz as Markdown. `computed` tells a line of a program's output.
    ///
    /// # Errors
    /// What `computed` could not tell; or a wrong answer that a run shows to be right.
    pub fn markdown(
        &self,
        mut computed: impl FnMut(&Key) -> Result<String, String>,
    ) -> Result<String, String> {
        let mut out = String::new();
        let mut key = String::new();
        for (number, question) in self.question.iter().enumerate() {
            let number = number + 1;
            let right = match &question.key {
                None => question.right.clone(),
                Some(key) => vec![computed(key)?],
            };
            // Lines of output are code, the wrong ones too: else the type would tell the answer.
            let set = |answer: &str| match &question.key {
                None => answer.to_owned(),
                Some(_) => format!("`{answer}`"),
            };
            for wrong in &question.wrong {
                if right.contains(&wrong.answer) {
                    return Err(format!(
                        "`{}` is right, and stands among the wrong answers",
                        wrong.answer
                    ));
                }
            }
            let mut answers: Vec<(String, &str, bool)> = Vec::new();
            answers.extend(right.iter().map(|answer| (set(answer), question.says.as_str(), true)));
            let wrong = question.wrong.iter();
            answers.extend(wrong.map(|wrong| (set(&wrong.answer), wrong.belief.as_str(), false)));
            if let Some(told) = set_apart(&answers) {
                return Err(format!("`{}`: {told}", question.ask));
            }
            // A place that looks like chance, and is the same each time.
            answers.sort_by_key(|(answer, ..)| spread(&question.ask, answer));
            let ask = question.ask.trim();
            writeln!(out, "**{number}.** {ask}\n").expect("a string takes it");
            write!(key, "\n**{number}.** ").expect("a string takes it");
            for (letter, (answer, says, right)) in ('a'..).zip(answers) {
                writeln!(out, "- {letter}) {}", answer.trim()).expect("a string takes it");
                let word = if right { "right" } else { "not" };
                write!(key, "**{letter}** is {word}: {} ", says.trim()).expect("a string takes it");
            }
            out.push('\n');
            key = key.trim_end().to_owned() + "\n";
        }
        Ok(format!("{out}<details><summary>Answers</summary>\n{key}\n</details>\n"))
    }
}

/// A right answer must not be known by its type: code among prose, or prose among code.
fn set_apart(answers: &[(String, &str, bool)]) -> Option<String> {
    let is_code = |answer: &str| {
        answer.starts_with('`') && answer.ends_with('`') && answer.matches('`').count() == 2
    };
    let all = answers.iter().map(|(answer, ..)| answer.trim());
    let code: Vec<&str> = all.filter(|answer| is_code(answer)).collect();
    let alike = code.is_empty() || code.len() == answers.len();
    (!alike).then(|| format!("{} set as code, and the others are not", code.join(", ")))
}

/// A small, fixed spreading of words over numbers (FNV-1a).
fn spread(ask: &str, answer: &str) -> u64 {
    let bytes = ask.bytes().chain(answer.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIZ: &str = r#"
[[question]]
ask = "Why?"
about = "why"
right = ["because"]
says = "It is so."
[[question.wrong]]
answer = "it is not"
belief = "It is."

[[question]]
ask = "Why not?"
about = "why"
right = ["just so"]
says = "Yes."
[[question.wrong]]
answer = "never"
belief = "Sometimes."

[[question]]
ask = "What is first?"
about = "order"
key = { program = "p", line = 1 }
says = "It was asked first."
[[question.wrong]]
answer = "B"
belief = "B was asked second."
"#;

    #[test]
    fn the_key_is_computed_and_folded() {
        let text = Quiz::read(QUIZ).unwrap().markdown(|_| Ok("A".into())).unwrap();
        assert!(text.contains("**3.** What is first?"), "{text}");
        assert!(text.contains(") `A`\n"), "{text}");
        assert_eq!(text.matches("is right").count(), 3, "{text}");
        let (before, after) = text.split_once("<details>").unwrap();
        assert!(!before.contains("is right") && after.contains("B was asked second."));
    }

    #[test]
    fn all_answers_of_a_question_are_set_alike() {
        let text = Quiz::read(QUIZ).unwrap().markdown(|_| Ok("A".into())).unwrap();
        assert!(text.contains(") `A`\n") && text.contains(") `B`\n"), "{text}");
        let odd = QUIZ.replace("\"never\"", "\"`never`\"");
        let told = Quiz::read(&odd).unwrap().markdown(|_| Ok("A".into())).unwrap_err();
        assert_eq!(told, "`Why not?`: `never` set as code, and the others are not");
    }

    #[test]
    fn a_wrong_answer_that_a_run_shows_to_be_right_is_refused() {
        let told = Quiz::read(QUIZ).unwrap().markdown(|_| Ok("B".into())).unwrap_err();
        assert!(told.contains("`B` is right"), "{told}");
    }

    #[test]
    fn at_least_half_of_the_questions_ask_why() {
        let told =
            Quiz::read(&QUIZ.replacen("about = \"why\"", "about = \"what\"", 1)).unwrap_err();
        assert!(told.contains("asks why in 1 of 3"), "{told}");
    }

    #[test]
    fn a_question_without_a_right_answer_is_refused() {
        assert!(Quiz::read(&QUIZ.replace("right = [\"because\"]", "")).is_err());
    }
}
