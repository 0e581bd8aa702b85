//! One word per idea, and no word before it is explained.
//!
//! `tutorial/book/glossary.toml` names each idea's word, what it means, the chapter that
//! explains it, and the words that are not to be used for it. The glossary page is made from
//! it, and every page's prose is read against it: a forbidden word is a finding, and so is a
//! word of the glossary in a chapter before the one that explains it.
//!
//! Code, quotations (lines that begin with `>`) and words between backquotes are not prose.
//!
//! Tutorial: the course's tools. Before this: `maker.rs`. After this: `links.rs`.

use serde::Deserialize;

use crate::directive::written;

/// The words of the course.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Glossary {
    /// In the order of the glossary page.
    pub term: Vec<Term>,
}

/// One idea and its word.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// The word.
    pub word: String,
    /// What it means, in a sentence or two.
    pub means: String,
    /// The chapter that explains it; before that no chapter may use it. 0: a reader knows it
    /// already.
    pub chapter: u32,
    /// Other forms of the word.
    #[serde(default)]
    pub forms: Vec<String>,
    /// Words that are not to be used for this idea, because each idea has one word.
    #[serde(default)]
    pub not: Vec<String>,
    /// What asyncio calls it, where that differs.
    #[serde(default)]
    pub asyncio: String,
}

/// How many words a sentence of the book may have.
pub const LONGEST_SENTENCE: usize = 32;

impl Glossary {
    /// Reads the glossary.
    ///
    /// # Errors
    /// A sentence for whoever wrote it.
    pub fn read(text: &str) -> Result<Glossary, String> {
        toml::from_str(text).map_err(|error| format!("is no glossary: {error}"))
    }

    /// The glossary page's table.
    pub fn markdown(&self) -> String {
        let mut out =
            String::from("| word | means | explained in | in asyncio |\n|---|---|---|---|\n");
        for term in &self.term {
            let chapter = match term.chapter {
                0 => "known".to_owned(),
                chapter => format!("chapter {chapter}"),
            };
            out.push_str(&format!(
                "| **{}** | {} | {chapter} | {} |\n",
                term.word, term.means, term.asyncio
            ));
        }
        out
    }

    /// Reads the prose of `page`, which is chapter `chapter` (`None`: it may use every word), and
    /// tells each line with what is wrong there.
    pub fn judge(&self, page: &str, chapter: Option<u32>) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for (number, line) in prose(page).lines().enumerate() {
            let words = line.to_lowercase();
            for term in &self.term {
                for not in &term.not {
                    if says(&words, not) {
                        found.push((
                            number + 1,
                            format!("says `{not}`; our word is `{}`", term.word),
                        ));
                    }
                }
                let late = chapter.is_some_and(|chapter| chapter < term.chapter);
                let used = || {
                    let forms = term.forms.iter().chain([&term.word]);
                    forms.into_iter().find(|form| says(&words, form))
                };
                if late && let Some(form) = used() {
                    let what = format!("says `{form}`, which chapter {} explains", term.chapter);
                    found.push((number + 1, what));
                }
            }
        }
        found.extend(long_sentences(page));
        found.sort();
        found
    }
}

/// Whether `line` (small letters) says `word` as a word of its own, alone or in the plural.
fn says(line: &str, word: &str) -> bool {
    let word = word.to_lowercase();
    let edge = |c: Option<char>| !c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(&word).any(|(at, _)| {
        let after = &line[at + word.len()..];
        let after = after.strip_prefix('s').filter(|_| !word.ends_with('s')).unwrap_or(after);
        edge(line[..at].chars().next_back()) && edge(after.chars().next())
    })
}

/// What somebody wrote, without code spans, quotations, the targets of links, and comments.
fn prose(page: &str) -> String {
    let mut out = String::new();
    for line in written(page).lines() {
        if line.trim_start().starts_with('>') || line.starts_with("<!--") {
            out.push('\n');
            continue;
        }
        let mut in_code = false;
        let mut in_target = false;
        let mut before = ' ';
        for c in line.chars() {
            match c {
                '`' => in_code = !in_code,
                '(' if before == ']' => in_target = true,
                ')' if in_target => in_target = false,
                _ if in_code || in_target => {}
                _ => out.push(c),
            }
            before = c;
        }
        out.push('\n');
    }
    out
}

/// Sentences with more words than a reader keeps in mind.
fn long_sentences(page: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let (mut count, mut begins, mut first) = (0, 0, String::new());
    for (number, line) in written(page).lines().enumerate() {
        let starts_anew =
            line.trim().is_empty() || line.starts_with(['#', '|', '-', '<', '>', '*']);
        if starts_anew || line.trim_start().starts_with(|c: char| c.is_ascii_digit()) {
            count = 0;
        }
        if line.starts_with(['|', '<', '#']) {
            continue;
        }
        for word in line.split_whitespace() {
            if count == 0 {
                (begins, first) = (number + 1, word.to_owned());
            }
            count += 1;
            let end = word
                .trim_end_matches(['"', '\'', ')', '*', '_', '`'])
                .ends_with(['.', '?', '!', ':', ';']);
            if end {
                if count > LONGEST_SENTENCE {
                    found.push((
                        begins,
                        format!("a sentence of {count} words begins with `{first}`; make two"),
                    ));
                }
                count = 0;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glossary() -> Glossary {
        Glossary::read(
            "[[term]]\nword = \"turn\"\nmeans = \"one pass\"\nchapter = 2\nnot = [\"tick\"]\n\
             [[term]]\nword = \"wake\"\nmeans = \"\"\nchapter = 6\nforms = [\"woken\"]\n",
        )
        .unwrap()
    }

    #[test]
    fn a_forbidden_word_is_found_in_prose_and_nowhere_else() {
        let page = "One tick.\n\nA sticker, `tick`, [x](tick.md).\n\n```\ntick\n```\n> tick\n\nTwo Ticks!\n";
        let lines: Vec<usize> =
            glossary().judge(page, Some(9)).iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 10]);
    }

    #[test]
    fn a_word_before_its_chapter_is_found() {
        let found = glossary().judge("It is woken.\n", Some(3));
        assert_eq!(found, [(1, "says `woken`, which chapter 6 explains".to_owned())]);
        assert_eq!(glossary().judge("It is woken.\n", Some(6)), []);
        assert_eq!(glossary().judge("It is woken.\n", None), []);
    }

    #[test]
    fn a_sentence_that_nobody_can_keep_in_mind_is_found() {
        let long = "word ".repeat(33);
        assert_eq!(glossary().judge(&format!("Short.\n{long}.\n"), None).len(), 1);
        assert_eq!(glossary().judge("Short one. And another: this.\n", None), []);
    }
}
