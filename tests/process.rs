//! Promises about child processes: how they end is told, their pipes do not lock up, and none is
//! left behind as a zombie.
//!
//! Real processes in real time; nothing waits for a clock: whoever waits, waits for a child.

mod support;

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::rc::Rc;

use futures_lite::future::poll_once;
use futures_lite::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, io::BufReader};
use roundelay::process::{Child, Command, Stdio};
use roundelay::{
    PipeReader, Runner, Signal, Signals, gather_all, race, run, spawn, timeout, yield_now,
};
use rustix::process::{Pid, Resource, Rlimit, getpgid, getpgrp, getrlimit, setrlimit};
use support::{in_a_process, ms, must_end};

#[track_caller]
fn on_a_loop<T: Send + 'static>(main: impl AsyncFnOnce() -> T + Send + 'static) -> T {
    must_end(|| run(main()))
}

/// A child that ends when its input does.
fn cat() -> Child {
    Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

fn shell(line: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line]);
    command
}

/// The state of a process in `/proc`: 'Z' for a zombie, `None` when it is gone.
fn state(id: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    stat.rsplit(')').next()?.trim().chars().next()
}

/// Waits until a process was reaped.
async fn reaped(id: u32) {
    while state(id).is_some() {
        roundelay::sleep(ms(1)).await;
    }
}

#[test]
fn a_child_tells_its_code_and_tells_it_again() {
    on_a_loop(async || {
        let mut child = shell("exit 7").spawn().unwrap();
        assert_eq!(child.wait().await.unwrap().code(), Some(7));
        assert_eq!(child.wait().await.unwrap().code(), Some(7));
        assert_eq!(child.try_wait().unwrap().unwrap().code(), Some(7));
    });
}

#[test]
fn a_child_that_a_signal_ends_tells_which() {
    on_a_loop(async || {
        for signal in [Signal::TERMINATE, Signal::KILL, Signal::USER_1] {
            let mut child = cat();
            assert!(child.signal(signal).unwrap());
            let status = child.wait().await.unwrap();
            assert_eq!((status.code(), status.signal()), (None, Some(signal.number())));
            assert!(!child.kill().unwrap(), "it had ended");
        }
    });
}

#[test]
fn a_program_that_is_not_there_is_an_error_of_spawn() {
    on_a_loop(async || {
        let error = Command::new("/no/such/program").spawn().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    });
}

#[test]
fn a_child_needs_a_loop_and_leaves_none_behind_without_one() {
    in_a_process("a_child_needs_a_loop_and_leaves_none_behind_without_one", || {
        let error = shell("echo $$; exec cat").stdin(Stdio::piped()).spawn().unwrap_err();
        assert!(
            error.to_string().contains("a child process needs a running event loop"),
            "{error}"
        );
        let children = std::fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
        assert_eq!(children.trim(), "");
    })
    .well();
}

/// Whether a program that makes a file has been run.
struct Trace(PathBuf);

impl Trace {
    fn new(name: &str) -> Trace {
        let path = std::env::temp_dir().join(format!("roundelay-{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        Trace(path)
    }

    fn is_left(&self) -> bool {
        std::fs::remove_file(&self.0).is_ok()
    }
}

#[test]
fn without_a_loop_the_program_is_not_even_started() {
    let trace = Trace::new("no-loop");
    for _ in 0..50 {
        let error = Command::new("touch").arg(&trace.0).spawn().unwrap_err();
        assert!(error.to_string().starts_with("a child process needs a running event loop"));
        assert!(!trace.is_left(), "it ran all the same");
    }
}

#[test]
fn a_program_whose_end_could_not_be_watched_for_is_not_started() {
    in_a_process("a_program_whose_end_could_not_be_watched_for_is_not_started", || {
        run(async {
            let trace = Trace::new("no-descriptor");
            let all = getrlimit(Resource::Nofile);
            let open = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64;
            let (mut refused, mut ran) = (0, 0);
            // From no descriptor at all up to enough of them.
            for limit in 4..open + 12 {
                let few = Rlimit { current: Some(limit), maximum: all.maximum };
                for _ in 0..10 {
                    setrlimit(Resource::Nofile, few).unwrap();
                    let child = Command::new("touch").arg(&trace.0).spawn();
                    setrlimit(Resource::Nofile, all).unwrap();
                    match child {
                        Ok(mut child) => {
                            assert!(child.wait().await.unwrap().success());
                            assert!(trace.is_left());
                            ran += 1;
                        }
                        Err(error) => {
                            assert!(!trace.is_left(), "it ran all the same: {error}");
                            refused += 1;
                        }
                    }
                }
            }
            assert!(refused > 0 && ran > 0, "{refused} refused, {ran} ran");
        });
    })
    .well();
}

#[test]
fn where_the_system_forgets_how_children_end_the_error_says_why_and_what_to_do() {
    let name = "where_the_system_forgets_how_children_end_the_error_says_why_and_what_to_do";
    in_a_process(name, || {
        if !Signal::CHILD.is_ignored() {
            let ignoring = || {
                let mut env = std::process::Command::new("env");
                env.arg("--ignore-signal=CHLD");
                env
            };
            if !ignoring().arg("true").status().is_ok_and(|status| status.success()) {
                println!("skipped: this `env` cannot have a signal ignored");
                return;
            }
            panic!("{}", ignoring().args(std::env::args_os()).exec());
        }
        run(async {
            let forgotten = [
                Command::new("echo").arg("hello").output().await.map(drop),
                Command::new("true").status().await.map(drop),
            ];
            for outcome in forgotten {
                let error = outcome.unwrap_err();
                assert!(error.to_string().contains("SIGCHLD"), "{error}");
                assert!(error.to_string().contains("Signals::new([Signal::CHILD])"), "{error}");
            }
            let _kept = Signals::new([Signal::CHILD]).unwrap();
            let output = Command::new("echo").arg("hello").output().await.unwrap();
            assert_eq!((output.status.code(), &*output.stdout), (Some(0), &b"hello\n"[..]));
        });
    })
    .well();
}

#[test]
fn arguments_environment_and_directory_reach_the_child() {
    on_a_loop(async || {
        let mut command = shell("echo $1 $NAME; pwd");
        let output = command.args(["sh", "one"]).env("NAME", "two").current_dir("/").output().await;
        assert_eq!(output.unwrap().stdout, b"one two\n/\n");
        let output = shell("echo ${HOME-none}").env_remove("HOME").output().await.unwrap();
        assert_eq!(output.stdout, b"none\n");
    });
}

#[test]
fn output_keeps_both_streams_apart_and_the_child_reads_nothing() {
    on_a_loop(async || {
        let output = shell("cat; echo out; echo err >&2; exit 1").output().await.unwrap();
        let said = (output.status.code(), &*output.stdout, &*output.stderr);
        assert_eq!(said, (Some(1), &b"out\n"[..], &b"err\n"[..]));
    });
}

#[test]
fn a_conversation_line_by_line() {
    on_a_loop(async || {
        let mut child = cat();
        let mut stdin = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        for line in ["first\n", "second\n"] {
            stdin.write_all(line.as_bytes()).await.unwrap();
            let mut answer = String::new();
            lines.read_line(&mut answer).await.unwrap();
            assert_eq!(answer, line);
        }
        drop(stdin);
        assert!(child.wait().await.unwrap().success());
        assert_eq!(lines.read(&mut [0]).await.unwrap(), 0);
    });
}

#[test]
fn communicating_more_than_the_pipes_hold_does_not_lock_up() {
    on_a_loop(async || {
        let input = "roundelay ".repeat(200_000);
        // Both outputs are filled before the input is read, and again afterwards.
        let noisy = "head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2; tee /dev/stderr";
        let mut command = shell(noisy);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = command.spawn().unwrap().communicate(input.as_bytes()).await.unwrap();
        for stream in [output.stdout, output.stderr] {
            assert_eq!(stream.len(), 1_000_000 + input.len());
            assert!(stream[1_000_000..] == *input.as_bytes());
        }
    });
}

#[test]
fn a_child_that_does_not_read_its_input_is_no_error() {
    on_a_loop(async || {
        let child =
            shell("exec 0<&-; echo done").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let output = child.unwrap().communicate(&[0; 1_000_000]).await.unwrap();
        assert_eq!(output.stdout, b"done\n");
    });
}

#[test]
fn waiting_closes_the_childs_input_first() {
    on_a_loop(async || assert!(cat().wait().await.unwrap().success()));
}

#[test]
fn a_wait_that_is_given_up_loses_nothing() {
    on_a_loop(async || {
        let mut child = shell("read line; exit 5").stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        assert!(timeout(ms(2), child.wait()).await.is_err());
        stdin.write_all(b"go\n").await.unwrap();
        assert_eq!(child.wait().await.unwrap().code(), Some(5));
    });
}

#[test]
fn the_loop_turns_while_children_run_and_hears_of_each() {
    on_a_loop(async || {
        let turned = Rc::new(Cell::new(0_u32));
        let count = Rc::clone(&turned);
        let turner = spawn(async move {
            loop {
                count.set(count.get() + 1);
                yield_now().await;
            }
        });
        // They end when their inputs do, and these are held until the loop has turned.
        let (mut inputs, mut children) = (Vec::new(), Vec::new());
        for n in 0..20 {
            let line = format!("read line; exit {n}");
            let mut child = shell(&line).stdin(Stdio::piped()).spawn().unwrap();
            inputs.push(child.stdin.take());
            children.push(async move { child.wait().await.unwrap().code().unwrap() });
        }
        let before = turned.get();
        let counted = Rc::clone(&turned);
        let opener = spawn(async move {
            while counted.get() <= before + 20 {
                yield_now().await;
            }
            drop(inputs);
        });
        let codes: Vec<i32> = gather_all(children).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(codes, Vec::from_iter(0..20));
        assert!(turned.get() > before + 20);
        opener.await.unwrap();
        turner.cancel();
    });
}

#[test]
fn no_thread_is_started_for_a_child_where_the_system_has_descriptors_for_processes() {
    if !cfg!(target_os = "linux") {
        return;
    }
    in_a_process(
        "no_thread_is_started_for_a_child_where_the_system_has_descriptors_for_processes",
        || {
            let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
            run(async {
                let before = threads();
                let mut children: Vec<Child> = (0..10).map(|_| cat()).collect();
                yield_now().await;
                assert_eq!(threads(), before);
                for child in &mut children {
                    child.wait().await.unwrap();
                }
            });
        },
    )
    .well();
}

// ---- handles that are dropped -------------------------------------------------------------------

#[test]
fn a_dropped_child_runs_on_and_is_reaped_by_the_loop_when_it_ends() {
    on_a_loop(async || {
        let mut child = cat();
        let (id, stdin) = (child.id(), child.stdin.take());
        drop(child);
        yield_now().await;
        assert!(matches!(state(id), Some('S' | 'R')), "{:?}", state(id));
        drop(stdin);
        reaped(id).await;
    });
}

#[test]
fn a_child_that_outlives_its_loop_is_reaped_all_the_same() {
    must_end(|| {
        let (id, stdin) = run(async {
            let mut child = cat();
            // Kept as a plain descriptor, which needs no loop.
            let stdin = input_of(&mut child);
            (child.id(), stdin)
        });
        assert!(state(id).is_some());
        drop(stdin);
        run(reaped(id));
    });
}

/// The child's input as a file of ours that is not of the loop.
fn input_of(child: &mut Child) -> std::os::fd::OwnedFd {
    let path = format!("/proc/{}/fd/0", child.id());
    std::fs::OpenOptions::new().write(true).open(path).unwrap().into()
}

#[test]
fn a_child_that_was_dropped_on_another_thread_is_reaped() {
    must_end(|| {
        let runner = Runner::new().unwrap();
        let child = runner.run(async { cat() }).unwrap();
        let id = child.id();
        std::thread::spawn(move || drop(child)).join().unwrap();
        runner.run(reaped(id)).unwrap();
    });
}

#[test]
fn with_kill_on_drop_a_dropped_child_is_killed_and_reaped() {
    on_a_loop(async || {
        let child = shell("exec sleep 1000").kill_on_drop(true).spawn().unwrap();
        let id = child.id();
        drop(child);
        reaped(id).await;
    });
}

#[test]
fn a_cancelled_status_kills_only_where_that_was_asked_for() {
    on_a_loop(async || {
        let mut command = shell("echo $$; exec sleep 1000");
        command.stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).await.unwrap();
        let task = spawn(async move { child.wait().await });
        yield_now().await;
        assert!(task.cancel_and_wait().await.unwrap_err().is_cancelled());
        reaped(line.trim().parse().unwrap()).await;
    });
}

#[test]
fn a_group_is_killed_with_the_children_of_the_child() {
    on_a_loop(async || {
        // The grandchild holds the pipe: it ends when both are gone.
        let mut command = shell("sleep 1000 & echo ready; wait");
        let mut child = command.stdout(Stdio::piped()).process_group(true).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).await.unwrap();
        assert!(child.signal_group(Signal::TERMINATE).unwrap());
        assert_eq!(stdout.read(&mut [0]).await.unwrap(), 0);
        assert_eq!(child.wait().await.unwrap().signal(), Some(Signal::TERMINATE.number()));
        assert!(!child.signal_group(Signal::TERMINATE).unwrap());
    });
}

#[test]
fn a_child_without_a_group_of_its_own_is_not_signalled_as_one() {
    on_a_loop(async || {
        let mut child = cat();
        let error = child.signal_group(Signal::TERMINATE).unwrap_err();
        assert!(error.to_string().contains("Command::process_group(true)"), "{error}");
    });
}

#[test]
fn a_group_of_its_own_is_taken_back_for_the_next_child() {
    on_a_loop(async || {
        let mut command = Command::new("cat");
        command.stdin(Stdio::piped());
        let group = |child: &Child| getpgid(Pid::from_raw(child.id() as i32)).unwrap();
        let mut first = command.process_group(true).spawn().unwrap();
        assert_eq!(group(&first).as_raw_nonzero().get() as u32, first.id());
        let mut second = command.process_group(false).spawn().unwrap();
        assert_eq!(group(&second), getpgrp());
        let error = second.signal_group(Signal::TERMINATE).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let mut third = command.process_group(true).spawn().unwrap();
        assert!(third.signal_group(Signal::TERMINATE).unwrap());
        for child in [&mut first, &mut second, &mut third] {
            child.wait().await.unwrap();
        }
    });
}

#[test]
fn a_group_that_stds_command_was_told_to_make_is_known() {
    on_a_loop(async || {
        let mut command = std::process::Command::new("cat");
        command.stdin(Stdio::piped()).process_group(0);
        let mut command = Command::from(command);
        let mut child = command.spawn().unwrap();
        assert!(child.signal_group(Signal::TERMINATE).unwrap());
        assert_eq!(child.wait().await.unwrap().signal(), Some(Signal::TERMINATE.number()));
        let mut child = command.process_group(false).spawn().unwrap();
        assert!(child.signal_group(Signal::TERMINATE).is_err());
        child.wait().await.unwrap();
    });
}

#[test]
fn what_a_child_that_was_waited_for_has_left_behind_is_not_killed() {
    on_a_loop(async || {
        // A shell gives its children in the background no input of its own, unless it is told to.
        let mut command = shell("exec 3<&0; cat <&3 & exit 0");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.kill_on_drop(true).process_group(true).spawn().unwrap();
        let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        assert!(child.wait().await.unwrap().success());
        drop(child);
        stdin.write_all(b"still here").await.unwrap();
        stdin.close().await.unwrap();
        let mut said = String::new();
        stdout.read_to_string(&mut said).await.unwrap();
        assert_eq!(said, "still here");
    });
}

#[test]
fn the_first_of_several_children_wins_a_race() {
    on_a_loop(async || {
        let wait = |line: &'static str| {
            Box::pin(async move {
                let mut command = shell(line);
                command.kill_on_drop(true).status().await.unwrap().code()
            })
        };
        let winner = race([wait("exec sleep 1000"), wait("exit 2"), wait("exec sleep 1000")]).await;
        assert_eq!(winner, (1, Some(2)));
    });
}

#[test]
fn a_child_used_away_from_its_loop_says_so() {
    must_end(|| {
        let child = run(async { cat() });
        let error = run(async move {
            let mut child = child;
            let mut stdout = child.stdout.take().unwrap();
            stdout.read(&mut [0]).await.unwrap_err()
        });
        let wrong = error.get_ref().and_then(|error| error.downcast_ref::<roundelay::WrongLoop>());
        assert!(wrong.is_some(), "{error}");
    });
}

// ---- pipes ---------------------------------------------------------------------------------------

#[test]
fn a_pipe_whose_reader_is_gone_is_broken() {
    on_a_loop(async || {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut writer = roundelay::PipeWriter::new(writer).unwrap();
        assert_eq!(writer.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        writer.close().await.unwrap();
        assert_eq!(writer.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_full_pipe_makes_its_writer_wait_for_the_reader() {
    on_a_loop(async || {
        let (reader, writer) = io::pipe().unwrap();
        let mut writer = roundelay::PipeWriter::new(writer).unwrap();
        let mut reader = PipeReader::new(reader).unwrap();
        let writing = spawn(async move { writer.write_all(&[7; 300_000]).await });
        for _ in 0..10 {
            yield_now().await;
        }
        assert!(!writing.is_finished());
        let mut all = Vec::new();
        reader.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, vec![7; 300_000]);
        writing.await.unwrap().unwrap();
    });
}

#[test]
fn reading_nothing_from_a_pipe_waits_for_nothing() {
    on_a_loop(async || {
        let (reader, writer) = io::pipe().unwrap();
        let mut reader = PipeReader::new(reader).unwrap();
        // After a try that was in vain the pipe is known to be empty.
        assert!(poll_once(reader.read(&mut [0])).await.is_none());
        assert_eq!(reader.read(&mut []).await.unwrap(), 0);
        drop(writer);
    });
}

#[test]
fn a_regular_file_is_no_pipe() {
    on_a_loop(async || {
        let file = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
        assert!(PipeReader::new(file).is_err());
    });
}

#[test]
fn pipes_and_children_may_travel() {
    fn travels<T: Send>() {}
    travels::<Child>();
    travels::<PipeReader>();
    travels::<roundelay::PipeWriter>();
    travels::<Command>();
    travels::<roundelay::Signals>();
}
