//! Makes the parts of a page: from the source, from runs, from quizzes.
//!
//! Tutorial: the course's tools. Before this: `pointer.rs`. After this: `words.rs`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use roundelay::trace::{Sentences, Trace};

use crate::build_step;
use crate::directive::Directive;
use crate::exercises;
use crate::label::{SEEDS, label};
use crate::listing;
use crate::pointer;
use crate::program::{Programs, Ran};
use crate::quiz::Quiz;
use crate::speed;
use crate::words::Glossary;

/// How much was made, for the report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Items cut from the source.
    pub listings: usize,
    /// Outputs of runs.
    pub outputs: usize,
    /// Timelines.
    pub pictures: usize,
    /// Links into the inspector.
    pub steps: usize,
    /// Programs in Python.
    pub pythons: usize,
    /// Answers of quizzes that were computed from a run.
    pub keys: usize,
    /// Questions.
    pub questions: usize,
}

/// Makes parts, and remembers each program's run.
pub struct Maker<'a> {
    root: &'a Path,
    programs: &'a Programs,
    runs: RefCell<HashMap<(String, Option<u64>), Ran>>,
    /// Files beside the pages that are made, too: pictures. Path from the root, and content.
    pub files: RefCell<Vec<(PathBuf, Vec<u8>)>>,
    /// What was made so far.
    pub counts: RefCell<Counts>,
}

impl<'a> Maker<'a> {
    /// A maker for the project at `root`.
    pub fn new(root: &'a Path, programs: &'a Programs) -> Self {
        Maker {
            root,
            programs,
            runs: RefCell::default(),
            files: RefCell::default(),
            counts: RefCell::default(),
        }
    }

    /// Makes one part.
    ///
    /// # Errors
    /// A sentence for whoever wrote the page.
    pub fn make(&self, part: &Directive) -> Result<String, String> {
        let words: Vec<&str> = part.words.iter().map(String::as_str).collect();
        match (part.kind.as_str(), words.as_slice()) {
            ("listing", [file, items @ ..]) if !items.is_empty() => self.listing(file, items),
            ("program", [name]) => self.program(name),
            ("output", [name]) => self.output(name, |ran| ran.shown(false)),
            ("output", [name, "errors"]) => self.output(name, |ran| ran.shown(true)),
            ("output", [name, "part", part]) => self.part_of_output(name, part),
            ("picture", [name]) => self.picture(name),
            ("inspect", [name, words @ ..]) if !words.is_empty() => self.inspect(name, words),
            ("python", [name]) => self.python(name),
            ("quiz", [name]) => self.quiz(name),
            ("exercises", [chapter]) => exercises::table(chapter),
            ("step", [number]) => self.step(number),
            ("glossary", []) => self.glossary(),
            ("speed", words) => self.speed(words),
            (kind, words) => Err(format!(
                "`{kind}` with {} words is nothing that can be made; see tutorial/course/directive.rs",
                words.len()
            )),
        }
    }

    fn read(&self, file: impl AsRef<Path>) -> Result<String, String> {
        let file = file.as_ref();
        std::fs::read_to_string(self.root.join(file))
            .map_err(|error| format!("{} cannot be read: {error}", file.display()))
    }

    fn speed(&self, words: &[&str]) -> Result<String, String> {
        let report = serde_json::from_str(&self.read(speed::FIGURES)?);
        let report = report.map_err(|error| format!("{}: {error}", speed::FIGURES))?;
        let made = speed::make(&report, words)?;
        if let ["plot", name] = words
            && made.starts_with("![")
        {
            self.read(format!("tutorial/book/pictures/{name}.svg"))?;
        }
        Ok(made)
    }

    fn listing(&self, file: &str, items: &[&str]) -> Result<String, String> {
        let mut out = format!("`{file}`\n\n```rust\n");
        // `Queue as Drop` is one name of three words.
        let joined = items.join(" ").replace(" as ", "\u{0}as\u{0}");
        for (number, item) in joined.split(' ').enumerate() {
            let item = item.replace('\u{0}', " ");
            if number > 0 {
                out.push('\n');
            }
            out.push_str(&listing::cut(&self.root.join(file), &item)?.text);
            self.counts.borrow_mut().listings += 1;
        }
        Ok(out + "```\n")
    }

    fn program(&self, name: &str) -> Result<String, String> {
        let file = format!("tutorial/course/examples/{name}.rs");
        let text = self.read(&file)?;
        self.counts.borrow_mut().listings += 1;
        Ok(format!("```sh\ncargo run --example {name}\n```\n\n`{file}`\n\n```rust\n{text}```\n"))
    }

    /// Its run under the schedule of `seed`, or the usual one.
    fn ran(&self, name: &str, seed: Option<u64>) -> Result<Ran, String> {
        let key = (name.to_owned(), seed);
        if let Some(ran) = self.runs.borrow().get(&key) {
            return Ok(ran.clone());
        }
        let ran = self.programs.run(name, seed, None)?;
        self.runs.borrow_mut().insert(key, ran.clone());
        Ok(ran)
    }

    fn output(&self, name: &str, shown: impl Fn(&Ran) -> String) -> Result<String, String> {
        let usual = shown(&self.ran(name, None)?);
        let mut others = Vec::new();
        for seed in 1..=SEEDS {
            others.push(shown(&self.ran(name, Some(seed))?));
        }
        self.counts.borrow_mut().outputs += 1;
        Ok(format!("```text\n{usual}```\n\n{}\n", label(&usual, &others)))
    }

    fn part_of_output(&self, name: &str, part: &str) -> Result<String, String> {
        if self.ran(name, None)?.part(part).is_empty() {
            return Err(format!("`{name}` writes nothing between `== {part}` and the next `==`"));
        }
        self.output(name, |ran| ran.part(part))
    }

    /// The trace of `name` in the format that `extension` says.
    fn trace(&self, name: &str, extension: &str) -> Result<Vec<u8>, String> {
        let folder =
            tempfile::tempdir().map_err(|error| format!("no place for a trace: {error}"))?;
        let path = folder.path().join(format!("{name}.{extension}"));
        let ran = self.programs.run(name, None, Some(&path))?;
        std::fs::read(&path)
            .map_err(|error| format!("`{name}` left no trace: {error}; it said: {}", ran.errors))
    }

    fn picture(&self, name: &str) -> Result<String, String> {
        let picture = self.trace(name, "svg")?;
        let path = PathBuf::from(format!("tutorial/book/pictures/{name}.svg"));
        self.files.borrow_mut().push((path, picture));
        self.counts.borrow_mut().pictures += 1;
        Ok(format!("![The timeline of `{name}`, drawn from its own trace](pictures/{name}.svg)\n"))
    }

    /// The step that a page is about, with its sentence: whoever reads the page, or the diff after
    /// `accept`, sees which one it is.
    fn inspect(&self, name: &str, words: &[&str]) -> Result<String, String> {
        let trace = String::from_utf8(self.trace(name, "json")?).map_err(|error| error.to_string());
        let trace = Trace::from_json(&trace?).map_err(|error| format!("of `{name}`: {error}"))?;
        let step = pointer::find(&trace, words).map_err(|what| format!("`{name}`: {what}"))?;
        let (n, event) = (step.n, words[0]);
        self.counts.borrow_mut().steps += 1;
        Ok(format!(
            "Step through it: [step {n} of {}](inspector/{name}.html#s={n}&is={event}), or \
             `cargo course show {name} {n}`. It says: *{}*\n",
            trace.steps.len() - 1,
            Sentences::english().of(&trace, step)
        ))
    }

    fn python(&self, name: &str) -> Result<String, String> {
        let file = format!("tutorial/python/{name}.py");
        let text = self.read(&file)?;
        let output = self.read(format!("tutorial/python/{name}.out"))?;
        self.counts.borrow_mut().pythons += 1;
        Ok(format!("`{file}`\n\n```python\n{text}```\n\n```text\n{output}```\n"))
    }

    fn quiz(&self, name: &str) -> Result<String, String> {
        let file = format!("tutorial/quiz/{name}.toml");
        let quiz = Quiz::read(&self.read(&file)?).map_err(|what| format!("{file}: {what}"))?;
        self.counts.borrow_mut().questions += quiz.question.len();
        let computed = |key: &crate::quiz::Key| {
            self.counts.borrow_mut().keys += 1;
            let output = self.ran(&key.program, None)?.output;
            match key.line {
                0 => Ok(output.lines().collect::<Vec<_>>().join(", ")),
                line => output
                    .lines()
                    .nth(line - 1)
                    .map(str::to_owned)
                    .ok_or_else(|| format!("`{}` writes no line {line}", key.program)),
            }
        };
        quiz.markdown(computed).map_err(|what| format!("{file}: {what}"))
    }

    fn step(&self, number: &str) -> Result<String, String> {
        let number: u32 = number.parse().map_err(|_| format!("`{number}` is no step's number"))?;
        let read = |number| self.read(format!("tutorial/build/steps/step_{number:02}.rs"));
        let before = if number > 1 { Some(read(number - 1)?) } else { None };
        let checks = self.read(format!("tutorial/build/checks/step_{number}.rs"))?;
        self.counts.borrow_mut().listings += 1;
        Ok(build_step::markdown(number, before.as_deref(), &read(number)?, &checks))
    }

    fn glossary(&self) -> Result<String, String> {
        let mut out = String::new();
        let text = self.read("tutorial/book/glossary.toml")?;
        write!(out, "{}", Glossary::read(&text)?.markdown()).expect("a string takes it");
        Ok(out)
    }
}
