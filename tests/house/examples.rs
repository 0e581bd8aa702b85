//! Every public function is shown in an example of its file: of its own, or in the story of its
//! type or its neighbour.
//!
//! What counts is what a reader sees and what is called: not a hidden line, not a comment inside of
//! an example, and not a picture. A type that is in nobody's reach is asked for examples, too; the
//! check knows no visibility but the word `pub`.

use crate::reading::{Source, Wrong, modules};

const FOLDERS: [&str; 3] = ["runtime", "executor", "pools"];

/// Functions that another file shows, where they have their part in a story. Their own says so, or
/// is full.
const SHOWN_ELSEWHERE: [(&str, &str, &str); 6] = [
    ("runtime/loop_ref.rs", "set_target", "runtime/observing.rs"),
    ("runtime/loop_ref.rs", "run_soon", "runtime/observing.rs"),
    ("runtime/loop_ref.rs", "call_main_soon", "runtime/event_loop.rs"),
    ("executor/runner_builder.rs", "scheduler", "runtime/builder.rs"),
    ("executor/runner_builder.rs", "patience", "executor/bridge/loop_thread.rs"),
    ("pools/process_pool.rs", "ended", "pools/thread_pool.rs"),
];

/// Functions that no example shows, and why.
const SHOWN_NOWHERE: [(&str, &str, &str); 8] = [
    ("executor/attributes.rs", "__run_main", "hidden: what the attribute `main` expands to"),
    ("pools/guard.rs", "test_worker_entry", "hidden: what the macro `test_worker` expands to"),
    (
        "pools/out_of_turn.rs",
        "put_aside_with",
        "hidden: a process has one, and an executor sets it",
    ),
    ("pools/job.rs", "poll_done", "hidden: an executor asks it of a job that it awaits"),
    ("pools/worker.rs", "is_serving", "hidden: an executor asks it where it records a run"),
    ("pools/registry.rs", "of", "hidden: what the attribute `remote` expands to"),
    ("executor/adapters/hyper.rs", "get_ref", "what every wrapper has; few build with hyper"),
    ("executor/adapters/hyper.rs", "get_mut", "what every wrapper has; few build with hyper"),
];

/// A public function, and whose it is.
struct Function {
    line: usize,
    name: String,
    /// `None`: it is free.
    of: Option<String>,
    is_method: bool,
}

impl Function {
    /// The ways to begin a call.
    fn calls(&self) -> Vec<String> {
        let name = &self.name;
        let starts = match &self.of {
            _ if self.is_method => vec![format!(".{name}"), format!("::{name}")],
            Some(of) => vec![format!("{of}::{name}")],
            None => vec![name.clone()],
        };
        starts.iter().flat_map(|start| [format!("{start}("), format!("{start}::<")]).collect()
    }

    fn is_called_in(&self, examples: &str) -> bool {
        let begins = |(at, call): (usize, &str)| {
            // A longer name is another one.
            let before = examples[..at].chars().next_back().unwrap_or(' ');
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            !(call.starts_with(is_word) && is_word(before))
        };
        self.calls().iter().any(|call| examples.match_indices(call.as_str()).any(begins))
    }
}

/// The type that an `impl` at the margin is for; traits' functions are not `pub`, so it is the first.
fn implemented(line: &str) -> Option<&str> {
    let mut rest = line.strip_prefix("impl")?;
    let (mut depth, mut before) = (0_usize, ' ');
    for (at, c) in rest.char_indices() {
        match c {
            '<' => depth += 1,
            '>' if before != '-' => depth = depth.saturating_sub(1),
            _ => {}
        }
        before = c;
        if depth == 0 {
            rest = if at == 0 { rest } else { &rest[at + 1..] };
            break;
        }
    }
    let name = rest.trim_start();
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
    (end > 0).then(|| &name[..end])
}

fn functions(shipped: &str) -> Vec<Function> {
    let lines: Vec<&str> = shipped.lines().collect();
    let (mut found, mut of) = (Vec::new(), None);
    for (number, line) in lines.iter().enumerate() {
        match line.chars().next() {
            Some('i') if line.starts_with("impl") => of = implemented(line).map(str::to_owned),
            Some('}') => of = None,
            _ => {}
        }
        let Some(rest) = line.trim_start().strip_prefix("pub ") else { continue };
        let rest = rest.trim_start_matches("const ").trim_start_matches("async ");
        let Some(rest) = rest.strip_prefix("fn ") else { continue };
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        // All of its head: a long one has a line for each argument. (Where the body is on the same
        // line, it says `self` only if the head does.)
        let mut is_method = false;
        for line in &lines[number..] {
            let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            is_method |= words.any(|word| word == "self");
            if line.contains(['{', ';']) {
                break;
            }
        }
        let name = rest[..end].to_owned();
        found.push(Function { line: number + 1, name, of: of.clone(), is_method });
    }
    found
}

/// What a reader sees of a file's examples, without the remarks in them.
fn examples(text: &str) -> String {
    let mut shown = String::new();
    let (mut inside, mut is_code) = (false, false);
    for line in text.lines() {
        let line = line.trim_start();
        let doc = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
        let Some(doc) = doc.map(str::trim_start) else { continue };
        if let Some(kind) = doc.strip_prefix("```") {
            inside = !inside;
            is_code = inside && !kind.starts_with("text") && !kind.starts_with("sh");
        } else if is_code && doc != "#" && !doc.starts_with("# ") {
            shown.push_str(doc.split("// ").next().unwrap_or(doc));
            shown.push('\n');
        }
    }
    shown
}

#[test]
fn every_public_function_is_shown_in_an_example_of_its_file() {
    let mut wrong = Wrong::default();
    let sources: Vec<Source> = FOLDERS.iter().flat_map(|folder| modules(folder)).collect();
    let shows = |file: &str, function: &Function| {
        let source = sources.iter().find(|source| source.path.to_str() == Some(file));
        source.is_some_and(|source| function.is_called_in(&examples(&source.text)))
    };
    let mut needed = Vec::new();
    for source in &sources {
        let path = source.path.to_str().unwrap();
        let shown = examples(&source.text);
        for function in functions(&source.shipped) {
            if function.is_called_in(&shown) {
                continue;
            }
            let is_it = |(file, name): (&str, &str)| file == path && name == function.name;
            let elsewhere = SHOWN_ELSEWHERE.iter().find(|it| is_it((it.0, it.1)));
            let nowhere = SHOWN_NOWHERE.iter().any(|it| is_it((it.0, it.1)));
            needed.push((path.to_owned(), function.name.clone()));
            match elsewhere {
                Some((_, name, there)) if !shows(there, &function) => {
                    wrong.at(source, function.line, format!("{there} does not show `{name}`"));
                }
                None if !nowhere => {
                    wrong.at(source, function.line, format!("nobody shows `{}`", function.name));
                }
                _ => {}
            }
        }
    }
    let listed = SHOWN_ELSEWHERE.iter().chain(&SHOWN_NOWHERE).map(|it| (it.0, it.1));
    for (file, name) in listed {
        if !needed.contains(&(file.to_owned(), name.to_owned())) {
            wrong.0.push(format!("{file}: `{name}` need not be on the list of exceptions"));
        }
    }
    wrong.check(
        "A function that nobody shows is found by nobody: give it an example that runs, or a line in \
         the example of its type or its neighbour.",
    );
}

#[test]
fn a_remark_a_picture_and_a_hidden_line_are_no_example() {
    let text =
        "//! ```text\n//! a()\n//! ```\n/// b()\n/// ```\n/// # c();\n/// d(); // e()\n/// ```\n";
    assert_eq!(examples(text), "d(); \n");
    let code = "pub fn free<T>() {}\nimpl<F: Fn() -> u8> Kind<F> {\n    pub const fn new() -> Self {}\n    \
                pub async fn wait(\n        &self,\n    ) {\n    }\n}\npub(crate) fn own() {}\n";
    let found = functions(code);
    let known: Vec<_> = found
        .iter()
        .map(|it| (it.line, it.name.as_str(), it.of.as_deref(), it.is_method))
        .collect();
    let kind = Some("Kind");
    assert_eq!(known, [(1, "free", None, false), (3, "new", kind, false), (4, "wait", kind, true)]);
    let [free, new, wait] = &found[..] else { unreachable!() };
    assert!(free.is_called_in("x = free(1)") && !free.is_called_in("x = set_free(1)"));
    assert!(new.is_called_in("Kind::new()") && !new.is_called_in("Other::new()"));
    assert!(wait.is_called_in("it.wait(1)") && !wait.is_called_in("wait(1)"));
}
