//! `roundelay manifest` from its arguments to its exit status: everything is set up here, and taken
//! down.
//!
//! ```text
//!   signals --> output --> pools --> loop { pipeline } --+-- to its end --> finish: FILE is put into place
//!   watched     opened     made                          |
//!                                                        +-- stopped ----> what is finished is written,
//!                                                                          what is not is named
//!   then the workers leave, and the status says how it went
//! ```
//!
//! The two ends have something in common: nobody is waited for in vain. A thread that hangs in a
//! full pipe or a dead disk has a second to come back; then the program ends without it.
//!
//! # Invariants
//! - Signals are watched before anything is made that would have to be removed.
//! - When [`run`] returns, no worker process is left, and no temporary file.
//!
//! Tutorial: chapter 20, the capstone. Before this: `checking.rs`. After this: nothing: you have read it all.

use std::fs;
use std::future::{Future, poll_fn};
use std::io::{self, IsTerminal};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use roundelay::trace::Recorder;
use roundelay::{Job, JobError, Runner, ThreadPool, timeout};

use super::checking::{Checking, Lines};
use super::conductor::{Remains, Setting, Writing};
use super::ends::{Ending, Shared, Source, Stopped, lock};
use super::hash_error::words_of;
use super::interrupt::{Interrupts, Signal};
use super::leftovers::Leftovers;
use super::making::{Manifest, Walking};
use super::name::shown;
use super::options::ManifestOptions;
use super::output::{Output, OutputError, directory_of};
use super::pipeline;
use super::progress::{Amount, Progress, Style};
use super::status::Status;
use super::walk::{Skip, Walk, WalkOptions};
use super::window::Rest;
use super::workers::Workers;

/// Makes or checks a manifest, as the options say.
pub fn run(options: &ManifestOptions) -> Status {
    let leftovers = Leftovers::default();
    let done = Interrupts::watch(leftovers.clone())
        .map_err(|error| format!("cannot watch for Ctrl-C: {}", words_of(&error)))
        .and_then(|interrupts| match &options.check {
            Some(manifest) => check(options, manifest, interrupts),
            None => make(options, interrupts, &leftovers),
        });
    // A sink that a thread hangs in was not dropped.
    leftovers.remove();
    done.unwrap_or_else(|words| {
        Progress::new(Style::Nothing).say(&words);
        Status::SomeFailed
    })
}

fn make(
    options: &ManifestOptions,
    interrupts: Interrupts,
    leftovers: &Leftovers,
) -> Result<Status, String> {
    if let Some(path) = options.output_file().and_then(|file| also_named(file, &options.paths)) {
        let path = shown(path);
        Progress::new(Style::Nothing).say(&format!(
            "{path} is to be read and is also the FILE of --output, which would replace it; \
             nothing was read yet, name another file"
        ));
        return Ok(Status::WrongArguments);
    }
    let output = match options.output_file() {
        Some(path) => Output::file(path, options.format(), leftovers),
        None => Output::stdout(options.format()),
    };
    let output = output.map_err(|error| error.to_string())?;
    let progress = Progress::new(style(options, &output));
    let mut own = output.own_files();
    own.extend(options.trace.iter().map(|path| (path.clone(), Skip::OwnTrace)));
    let walk_options = WalkOptions { follow: options.follow, own };
    let (paths, verbosity) = (options.paths.clone(), options.verbosity());
    let amount = {
        let (paths, walk_options) = (paths.clone(), walk_options.clone());
        progress.is_shown().then_some(move || Amount::of(Walk::new(paths, walk_options)))
    };
    let sink = Manifest::new(output, progress.clone(), verbosity);
    let source = Walking::Prepared { paths, options: walk_options };
    drive(options, source, sink, amount, progress, interrupts)
}

fn check(
    options: &ManifestOptions,
    manifest: &Path,
    interrupts: Interrupts,
) -> Result<Status, String> {
    let look = options.timeout.is_none();
    let source = Lines::open(manifest, look)
        .map_err(|error| format!("{}: {}", shown(manifest), words_of(&error)))?;
    let output = Output::stdout(Default::default()).map_err(|error| error.to_string())?;
    let progress = Progress::new(style(options, &output));
    let sink = Checking::new(manifest, output, progress.clone(), options.verbosity());
    drive(options, source, sink, None::<fn() -> Amount>, progress, interrupts)
}

fn style(options: &ManifestOptions, output: &Output) -> Style {
    Style::choose(options.verbosity(), io::stderr().is_terminal(), output.is_terminal())
}

/// Runs the pipeline on a loop, to whichever end.
fn drive<S, K>(
    options: &ManifestOptions,
    source: S,
    sink: K,
    amount: Option<impl FnOnce() -> Amount + Send + 'static>,
    progress: Progress,
    interrupts: Interrupts,
) -> Result<Status, String>
where
    S: Source,
    K: Ending<Item = S::Item>,
{
    if let Some(path) = &options.trace {
        takes_a_trace(path).map_err(|error| {
            format!("{}; nothing was read yet, name another file", no_trace(path, &error))
        })?;
    }
    let workers = Workers::new(options.pool, options.jobs(), options.timeout);
    let setting = Rc::new(Setting {
        workers: Rc::new(workers.map_err(|error| error.to_string())?),
        writer: ThreadPool::builder().threads(1).name("writer").build(),
        helpers: ThreadPool::builder().threads(HELPERS).name("helper").build(),
        interrupts,
        progress,
        verbosity: options.verbosity(),
        retries: options.retries,
        deadline: options.deadline,
    });
    let recorder = options.trace.as_ref().map(|_| Recorder::new("manifest"));
    let mut builder = Runner::builder();
    if let Some(recorder) = &recorder {
        builder = builder.observer(recorder.clone());
    }
    let runner = builder.build().map_err(|error| error.to_string())?;
    let ended = runner.run(async {
        let sink = Arc::new(Mutex::new(sink));
        let status = match pipeline::run(source, &sink, amount, &setting).await {
            Ok(_) => finish(sink, &setting).await,
            Err(remains) => break_off(remains, sink, &setting).await,
        };
        setting.workers.dismiss(GRACE).await;
        status
    });
    runner.close();
    let ended = ended.map_err(|error| error.to_string());
    if let (Some(path), Some(recorder)) = (&options.trace, recorder)
        && let Err(error) = recorder.finish().save(path)
    {
        Progress::new(Style::Nothing).say(&no_trace(path, &error));
        // The manifest is there, and somebody who asked for a trace has none.
        return ended
            .map(|status| if status == Status::Fine { Status::SomeFailed } else { status });
    }
    ended
}

fn no_trace(path: &Path, error: &io::Error) -> String {
    format!("the trace cannot be written to {}: {}", shown(path), words_of(error))
}

/// Whether a trace could be written there, as far as one can tell without writing it.
fn takes_a_trace(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(meta) if meta.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(meta) if meta.is_file() => fs::OpenOptions::new().append(true).open(path).map(|_| ()),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            tempfile::tempfile_in(directory_of(path)).map(|_| ())
        }
        Err(error) => Err(error),
    }
}

/// The one of `paths` that is the regular file `file`, by whatever name.
fn also_named<'a>(file: &Path, paths: &'a [PathBuf]) -> Option<&'a PathBuf> {
    let identity = |path: &Path| {
        let meta = fs::metadata(path).ok().filter(|meta| meta.is_file())?;
        Some((meta.dev(), meta.ino()))
    };
    let file = identity(file)?;
    paths.iter().find(|path| identity(path) == Some(file))
}

/// One reads, one counts; the third is there for the last words if both hang.
const HELPERS: usize = 3;

/// How long a thread that should come back is waited for.
const GRACE: Duration = Duration::from_secs(1);

/// The regular end. Ctrl-C is still heard: putting the file into place may take long, too.
async fn finish<K: Ending>(sink: Shared<K>, setting: &Setting) -> Status {
    let sink = Arc::into_inner(sink).expect("who wrote has ended");
    let sink = sink.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    let job = match setting.writer.submit(move || sink.finish()) {
        Ok(job) => job,
        Err(error) => return failed(&error.to_string(), setting),
    };
    match unless_interrupted(job, &setting.interrupts).await {
        Ok(Ok(Ok(status))) => status,
        Ok(Ok(Err(error))) => could_not_write(&error, setting),
        Ok(Err(error)) => failed(&error.to_string(), setting),
        Err(signal) => {
            setting.progress.finish();
            Status::Stopped(signal)
        }
    }
}

/// The job's answer; after a signal it must come within the grace.
async fn unless_interrupted<T>(
    mut job: Job<T>,
    interrupts: &Interrupts,
) -> Result<Result<T, JobError>, Signal> {
    let mut first = interrupts.first();
    let signal = poll_fn(|cx| match Pin::new(&mut job).poll(cx) {
        Poll::Ready(answer) => Poll::Ready(Ok(answer)),
        Poll::Pending => Pin::new(&mut first).poll(cx).map(Err),
    });
    match signal.await {
        Ok(answer) => Ok(answer),
        Err(signal) => timeout(GRACE, job).await.map_err(|_| signal),
    }
}

/// The run was stopped: what is finished is written, what is not is named.
async fn break_off<K: Ending>(
    remains: Remains<K::Item>,
    sink: Shared<K>,
    setting: &Setting,
) -> Status {
    let Remains { why, rest, done } = remains;
    let status = match &why {
        Stopped::By(signal) => Status::Stopped(*signal),
        Stopped::Output(OutputError::ReaderGone) => return Status::ReaderGone,
        Stopped::Output(error) => return could_not_write(error, setting),
        Stopped::Deadline(_) | Stopped::Broken(_) => Status::SomeFailed,
    };
    let left = left_over::<K>(&rest);
    let words = write_rest(rest, sink, setting).await.unwrap_or_else(|| {
        vec![format!("{} were hashed, but standard output does not take them", done.files)]
    });
    let words = [vec![headline(&why)], words, left].concat();
    let progress = setting.progress.clone();
    let said = setting.helpers.submit(move || {
        progress.finish();
        words.iter().for_each(|line| progress.say(line));
    });
    if let Ok(job) = said {
        // Standard error may be a full pipe as well.
        let _ = timeout(GRACE, pin!(job)).await;
    }
    status
}

/// Writes what is finished, and gives the sink's words about it. `None`: the output takes no more.
async fn write_rest<K: Ending>(
    rest: Rest<K::Item>,
    sink: Shared<K>,
    setting: &Setting,
) -> Option<Vec<String>> {
    let progress = setting.progress.clone();
    let writing = Writing { finished: rest.finished, notes: Vec::new(), shown: None };
    let job = setting.writer.submit(move || {
        writing.write(&sink, &progress)?;
        lock(&sink).break_off()
    });
    timeout(GRACE, job.ok()?).await.ok()?.ok()?.ok()
}

fn headline(why: &Stopped) -> String {
    match why {
        Stopped::By(signal) => format!("stopped by {signal}"),
        Stopped::Deadline(limit) => format!("stopped: the deadline of {limit:?} has passed"),
        Stopped::Broken(why) => format!("stopped: {why}"),
        Stopped::Output(error) => error.to_string(),
    }
}

/// Names what was being worked on, but not a screenful.
fn left_over<K: Ending>(rest: &Rest<K::Item>) -> Vec<String> {
    const MOST: usize = 10;
    let mut words = Vec::new();
    if !rest.busy.is_empty() {
        let names: Vec<_> = rest.busy.iter().take(MOST).map(K::name_of).collect();
        let more = rest.busy.len().saturating_sub(MOST);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        words.push(format!("not finished: {}{more}", names.join(", ")));
    }
    if rest.waiting > 0 {
        words.push(format!("not begun: {} found by then, and whatever comes after", rest.waiting));
    }
    words
}

fn could_not_write(error: &OutputError, setting: &Setting) -> Status {
    match error {
        OutputError::ReaderGone => Status::ReaderGone,
        error => failed(&error.to_string(), setting),
    }
}

fn failed(words: &str, setting: &Setting) -> Status {
    setting.progress.finish();
    setting.progress.say(words);
    Status::SomeFailed
}
