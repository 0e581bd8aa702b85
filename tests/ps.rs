//! Looking into a running program from outside: only where it allows it, without stopping it, and
//! whatever the asker or the program does.

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use roundelay::{DumpForm, Inspected, Lock, RunError, Runner, TaskBuilder, inspect_process, sleep};

/// Set to the name of a program below, it makes this test binary be that program.
const PROGRAM: &str = "ROUNDELAY_TEST_PROGRAM";

/// Not a test, but the programs that the tests look into. Each says "ready" and ends when its input
/// ends.
#[test]
fn a_program_to_be_looked_into() {
    let Ok(program) = std::env::var(PROGRAM) else { return };
    let mut builder = Runner::builder();
    if program != "closed" {
        builder = builder.inspectable();
    }
    if program == "slow" {
        // Nothing is so quick that it takes no time.
        builder = builder.slow_limit(Duration::ZERO);
    }
    if program == "signal" {
        builder = builder.dump_on(roundelay::Signal::USER_1);
    }
    let runner = builder.build().unwrap();
    let outcome = runner.run(async {
        let lock = Lock::new(());
        let guard = lock.lock().await;
        let waits = TaskBuilder::new().name("save").spawn(async move { drop(lock.lock().await) });
        roundelay::yield_now().await;
        println!("\nready");
        if program == "blocked" {
            std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
        } else {
            roundelay::to_thread(|| std::io::stdin().read_to_end(&mut Vec::new())).await.ok();
        }
        drop(guard);
        waits.await.unwrap();
    });
    outcome.unwrap();
}

struct Program {
    child: Child,
    folder: PathBuf,
}

impl Program {
    fn start(program: &str) -> Program {
        let folder = folder();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_program_to_be_looked_into", "--nocapture"])
            .env(PROGRAM, program)
            .env("XDG_RUNTIME_DIR", &folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.as_mut().unwrap());
        assert!(output.lines().any(|line| line.unwrap() == "ready"));
        Program { child, folder }
    }

    fn sockets(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.join("roundelay"));
        let entries = entries.into_iter().flatten().map(|entry| entry.unwrap().path());
        let ours = format!("{}-", self.child.id());
        let is_ours =
            |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(&ours);
        entries.filter(is_ours).collect()
    }

    /// Sends `line` to its socket, and gives the answer.
    fn ask(&self, line: &str) -> String {
        let mut stream = UnixStream::connect(&self.sockets()[0]).unwrap();
        stream.write_all(line.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Lets it end, and well.
    fn end(mut self) {
        drop(self.child.stdin.take());
        let mut errors = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        let mut output = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {output}{errors}");
    }
}

/// A folder that the tests of this process share.
fn folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("roundelay-ps-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn who_holds_up_the_loop_stands_below_the_tasks() {
    let program = Program::start("slow");
    for form in ["list", "tree"] {
        let answer = program.ask(&format!("roundelay 1 {form}\n"));
        let last = answer.lines().last().unwrap();
        assert!(last.starts_with("held up ") && last.contains("; the longest: "), "{answer}");
    }
    program.end();
}

#[test]
fn a_program_that_allows_it_shows_its_tasks_as_a_list_and_as_a_tree() {
    let program = Program::start("open");
    let tree = program.ask("roundelay 1 tree\n");
    let lines: Vec<&str> = tree.lines().collect();
    assert_eq!(lines[0], "roundelay 1 dump");
    assert!(lines[2].starts_with("task 1 (main) has waited "), "{tree}");
    assert!(lines[3].starts_with("  +- task 2 (save) has waited "), "{tree}");
    assert!(lines[3].contains(", held by task 1 (main)"), "{tree}");
    let list = program.ask("roundelay 1 list\n");
    assert!(list.lines().nth(2).unwrap().starts_with("task 2 (save) "), "{list}");
    program.end();
}

#[test]
fn its_socket_is_private_and_gone_when_it_has_ended() {
    let program = Program::start("open");
    let mode = |path: &PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&program.folder.join("roundelay")), 0o700);
    let socket = program.sockets().remove(0);
    program.end();
    assert!(!socket.exists());
}

#[test]
fn a_program_that_does_not_allow_it_has_no_socket_at_all() {
    let program = Program::start("closed");
    assert_eq!(program.sockets(), Vec::<PathBuf>::new());
    let error = inspect_process(program.child.id(), DumpForm::List).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    assert!(error.to_string().contains("inspectable()"), "{error}");
    program.end();
}

#[test]
fn a_blocked_loop_is_said_to_be_blocked_and_by_whom() {
    let program = Program::start("blocked");
    let answer = program.ask("roundelay 1 tree\n");
    assert!(answer.starts_with("roundelay 1 blocked\n"), "{answer}");
    assert!(answer.contains("it is in a step of task 1 (main) (from tests/ps.rs:"), "{answer}");
    program.end();
}

#[test]
fn askers_that_hang_leave_or_speak_another_language_harm_nobody() {
    let program = Program::start("open");
    let silent = UnixStream::connect(&program.sockets()[0]).unwrap();
    drop(UnixStream::connect(&program.sockets()[0]).unwrap());
    for strange in ["roundelay 2 tree\n", "GET / HTTP/1.1\r\n", "\u{0}\u{0}", "roundelay 1 kill\n"]
    {
        assert!(program.ask(strange).starts_with("roundelay 1 refused\n"), "{strange}");
    }
    assert!(program.ask("roundelay 1 tree\n").starts_with("roundelay 1 dump\n"));
    drop(silent);
    program.end();
}

#[test]
fn what_a_killed_program_leaves_behind_is_removed_by_the_next() {
    let mut killed = Program::start("open");
    let socket = killed.sockets().remove(0);
    killed.child.kill().unwrap();
    killed.child.wait().unwrap();
    assert!(socket.exists());
    let next = Program::start("open");
    assert!(!socket.exists());
    next.end();
}

#[test]
fn a_signal_asks_for_a_dump_on_standard_error_and_the_program_goes_on() {
    let mut program = Program::start("signal");
    let pid = program.child.id().to_string();
    let sent = Command::new("kill").args(["-USR1", &pid]).status().unwrap();
    assert!(sent.success());
    let errors = BufReader::new(program.child.stderr.as_mut().unwrap());
    let mut lines = errors.lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("task 2 (save) has waited ")));
    program.end();
}

#[test]
fn a_process_can_look_at_itself_and_its_inspector_does_not_keep_a_stuck_loop_alive() {
    let runner = Runner::builder().virtual_clock().inspectable().build().unwrap();
    let told = std::thread::spawn(|| inspect_process(std::process::id(), DumpForm::Tree));
    let told = runner.run(async move {
        while !told.is_finished() {
            roundelay::yield_now().await;
        }
        told.join().unwrap()
    });
    let (_, said) = told.unwrap().unwrap().remove(0);
    assert!(matches!(said, Inspected::Dump(text) if text.contains("task 1 (main) ")));
    runner.run(async { sleep(Duration::from_secs(3600)).await }).unwrap();
    let stuck = runner.run(std::future::pending::<()>());
    assert!(matches!(stuck, Err(RunError::Deadlock(_))), "{stuck:?}");
}
