//! Promises about the standard streams: watched where the system can watch, never made not to
//! block for those who share them, and no thread that a shutdown would have to wait for.
//!
//! Each test is a process of its own, whose streams are what the test says.

mod support;

use std::cell::Cell;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;

use futures_lite::future::poll_once;
use futures_lite::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, io::BufReader};
use roundelay::testing::wait_all_tasks_blocked;
use roundelay::{run, stderr, stdin, stdout};
use rustix::io::ioctl_fionbio;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use support::must_end;

const CHILD: &str = "ROUNDELAY_STDIO_CHILD";

/// Whether this is the process that a test has started for itself.
fn is_child(name: &str) -> bool {
    std::env::var(CHILD).as_deref() == Ok(name)
}

/// Starts this test again, as a process with other streams.
fn start(name: &str, stdin: impl Into<Stdio>, stdout: impl Into<Stdio>) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(CHILD, name)
        .stdin(stdin)
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Leaves without a word of the test runner's.
fn leave() -> ! {
    std::process::exit(0)
}

fn said(child: Child) -> (String, String) {
    must_end(|| {
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        assert!(output.status.success(), "{}", text(output.stderr));
        (text(output.stdout), text(output.stderr))
    })
}

/// Sends every line back, in capitals, to standard error: standard output has the test
/// runner's own lines in it.
async fn shout() -> std::io::Result<()> {
    let (mut lines, mut out) = (BufReader::new(stdin()?), stderr()?);
    let mut line = String::new();
    while lines.read_line(&mut line).await? > 0 {
        out.write_all(line.to_uppercase().as_bytes()).await?;
        line.clear();
    }
    Ok(())
}

#[test]
fn a_pipe_is_read_as_it_comes_without_a_thread_and_without_a_change_to_it() {
    let name = "a_pipe_is_read_as_it_comes_without_a_thread_and_without_a_change_to_it";
    if is_child(name) {
        let threads = || std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
        let before = threads();
        run(shout()).unwrap();
        assert_eq!(threads(), before);
        let flags = std::fs::read_to_string("/proc/self/fdinfo/0").unwrap();
        let octal = flags.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
        let flags = u32::from_str_radix(octal.trim(), 8).unwrap();
        assert_eq!(flags & 0o4000, 0, "O_NONBLOCK is shared with others");
        leave();
    }
    must_end(move || {
        let mut child = start(name, Stdio::piped(), Stdio::null());
        let mut ask = child.stdin.take().unwrap();
        let mut answers = child.stderr.take().unwrap();
        for (line, answer) in [("one\n", "ONE\n"), ("two\n", "TWO\n")] {
            ask.write_all(line.as_bytes()).unwrap();
            let mut got = vec![0; answer.len()];
            answers.read_exact(&mut got).unwrap();
            assert_eq!(got, answer.as_bytes());
        }
        drop(ask);
        assert!(child.wait().unwrap().success());
    });
}

#[test]
fn a_file_is_read_to_its_end() {
    let name = "a_file_is_read_to_its_end";
    if is_child(name) {
        run(async {
            let mut all = Vec::new();
            // Small bites: more is read than is asked for.
            let mut input = stdin().unwrap();
            let mut bite = [0; 1000];
            loop {
                match input.read(&mut bite).await.unwrap() {
                    0 => break,
                    read => all.extend_from_slice(&bite[..read]),
                }
            }
            assert_eq!(all, text().as_bytes());
        });
        leave();
    }
    said(start(name, file_with(&text()), Stdio::null()));
}

fn text() -> String {
    (0..50_000).map(|n| format!("{n}\n")).collect()
}

fn file_with(text: &str) -> File {
    let path = std::env::temp_dir().join(format!("roundelay-stdio-{}", std::process::id()));
    let options = || File::options().read(true).write(true).create(true).truncate(true).open(&path);
    let mut file = options().unwrap();
    std::fs::remove_file(&path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    file
}

#[test]
fn nothing_at_all_is_an_input_that_is_over() {
    let name = "nothing_at_all_is_an_input_that_is_over";
    if is_child(name) {
        let read = run(async { stdin().unwrap().read(&mut [0; 9]).await });
        assert_eq!(read.unwrap(), 0);
        leave();
    }
    said(start(name, Stdio::null(), Stdio::null()));
}

#[test]
fn a_loop_that_closes_does_not_wait_for_somebody_to_type() {
    let name = "a_loop_that_closes_does_not_wait_for_somebody_to_type";
    if is_child(name) {
        run(async {
            let reading = roundelay::spawn(async { stdin().unwrap().read(&mut [0; 9]).await });
            roundelay::yield_now().await;
            drop(reading);
        });
        leave();
    }
    must_end(move || {
        let mut child = start(name, Stdio::piped(), Stdio::null());
        // The pipe stays open, and nothing is ever written into it.
        let silent = child.stdin.take();
        assert!(child.wait().unwrap().success());
        drop(silent);
    });
}

#[test]
fn a_pipe_that_is_full_does_not_stop_the_loop() {
    let name = "a_pipe_that_is_full_does_not_stop_the_loop";
    if is_child(name) {
        run(async {
            let writing = roundelay::spawn(async {
                let mut out = stdout().unwrap();
                out.write_all(text().as_bytes()).await
            });
            for _ in 0..1000 {
                roundelay::yield_now().await;
            }
            assert!(!writing.is_finished(), "a pipe does not hold so much");
            // From here on the other side reads.
            stderr().unwrap().write_all(b"the loop turns\n").await.unwrap();
            writing.await.unwrap().unwrap();
        });
        leave();
    }
    must_end(move || {
        let mut child = start(name, Stdio::null(), Stdio::piped());
        let mut word = [0; 15];
        child.stderr.take().unwrap().read_exact(&mut word).unwrap();
        assert_eq!(word, *b"the loop turns\n");
        let mut all = String::new();
        child.stdout.take().unwrap().read_to_string(&mut all).unwrap();
        assert!(all.ends_with(&text()), "{} bytes", all.len());
        assert!(child.wait().unwrap().success());
    });
}

#[test]
fn a_file_is_written_in_order() {
    let name = "a_file_is_written_in_order";
    if is_child(name) {
        run(async { stdout().unwrap().write_all(text().as_bytes()).await.unwrap() });
        leave();
    }
    let mut file = file_with("");
    said(start(name, Stdio::null(), file.try_clone().unwrap()));
    let mut all = String::new();
    file.seek(SeekFrom::Start(0)).unwrap();
    file.read_to_string(&mut all).unwrap();
    assert!(all.ends_with(&text()), "{} bytes", all.len());
}

#[test]
fn a_file_is_written_without_keeping_everybody_else_waiting() {
    let name = "a_file_is_written_without_keeping_everybody_else_waiting";
    if is_child(name) {
        run(async {
            let written = Rc::new(Cell::new(0_usize));
            let count = Rc::clone(&written);
            roundelay::spawn(async move {
                let mut out = stdout().unwrap();
                loop {
                    out.write_all(b"progress\n").await.unwrap();
                    count.set(count.get() + 1);
                }
            })
            .detach();
            let mut before = 0;
            for _ in 0..10 {
                roundelay::yield_now().await;
                let now = written.get();
                assert!(now - before <= 128, "{now} lines, one after the other");
                before = now;
            }
        });
        leave();
    }
    must_end(move || assert!(start(name, Stdio::null(), Stdio::null()).wait().unwrap().success()));
}

#[test]
fn writing_nothing_waits_for_nothing() {
    let name = "writing_nothing_waits_for_nothing";
    if is_child(name) {
        run(async {
            let full = roundelay::spawn(async { stdout().unwrap().write_all(&[7; 300_000]).await });
            wait_all_tasks_blocked().await;
            assert!(!full.is_finished());
            assert_eq!(stdout().unwrap().write(&[]).await.unwrap(), 0);
        });
        leave();
    }
    must_end(move || {
        let mut child = start(name, Stdio::null(), Stdio::piped());
        // The pipe stays open, and nobody reads it.
        let unread = child.stdout.take();
        assert!(child.wait().unwrap().success());
        drop(unread);
    });
}

#[test]
fn an_input_that_cannot_be_read_says_so_each_time() {
    let name = "an_input_that_cannot_be_read_says_so_each_time";
    if is_child(name) {
        run(async {
            let mut input = stdin().unwrap();
            for _ in 0..3 {
                let error = input.read(&mut [0; 9]).await.unwrap_err();
                assert_eq!(error.kind(), std::io::ErrorKind::IsADirectory, "{error}");
            }
        });
        leave();
    }
    said(start(name, File::open("/").unwrap(), Stdio::null()));
}

/// The two ends of a new terminal: the one that shows, and the one that programs write to.
fn terminal() -> (File, File) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let path = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let slave = File::options().read(true).write(true).open(path).unwrap();
    (master.into(), slave)
}

#[test]
fn a_terminal_that_shows_nothing_does_not_stop_the_loop() {
    let name = "a_terminal_that_shows_nothing_does_not_stop_the_loop";
    if is_child(name) {
        run(async {
            let writing = roundelay::spawn(async {
                let mut out = stdout().unwrap();
                // Pieces that leave an odd rest of room when the terminal is full.
                for _ in 0..PIECES {
                    out.write_all(&[b'x'; 3000]).await.unwrap();
                }
            });
            let mut turns = 0;
            while turns < 1000 {
                roundelay::yield_now().await;
                turns += 1;
            }
            assert!(!writing.is_finished(), "a terminal does not hold so much");
            // From here on somebody looks.
            stderr().unwrap().write_all(b"the loop turns\n").await.unwrap();
            writing.await.unwrap();
        });
        leave();
    }
    must_end(move || {
        let (mut screen, end) = terminal();
        let mut child = start(name, Stdio::null(), end);
        let mut word = [0; 15];
        child.stderr.take().unwrap().read_exact(&mut word).unwrap();
        assert_eq!(word, *b"the loop turns\n");
        let (mut shown, mut buffer) = (0, [0; 4096]);
        // A terminal that nobody holds any more gives an error, and not an end.
        while let Ok(read @ 1..) = screen.read(&mut buffer) {
            shown += buffer[..read].iter().filter(|byte| **byte == b'x').count();
        }
        assert!(child.wait().unwrap().success());
        assert!(shown >= PIECES * 3000, "{shown} bytes");
    });
}

const PIECES: usize = 100;

#[test]
fn a_terminal_that_another_program_has_told_not_to_block_is_written_whole() {
    let name = "a_terminal_that_another_program_has_told_not_to_block_is_written_whole";
    if is_child(name) {
        run(async { stdout().unwrap().write_all(&[b'x'; PIECES * 3000]).await.unwrap() });
        leave();
    }
    must_end(move || {
        let (mut screen, end) = terminal();
        // All who have it open share this.
        ioctl_fionbio(&end, true).unwrap();
        let mut child = start(name, Stdio::null(), end);
        let (mut shown, mut buffer) = (0, [0; 4096]);
        while let Ok(read @ 1..) = screen.read(&mut buffer) {
            shown += buffer[..read].iter().filter(|byte| **byte == b'x').count();
        }
        assert!(child.wait().unwrap().success());
        assert!(shown >= PIECES * 3000, "{shown} bytes");
    });
}

#[test]
fn what_was_given_up_on_a_terminal_is_neither_cut_nor_shown_twice() {
    let name = "what_was_given_up_on_a_terminal_is_neither_cut_nor_shown_twice";
    if is_child(name) {
        run(async {
            let mut out = stdout().unwrap();
            // Given up at its first wait, and tried again.
            let first = poll_once(out.write_all(b"<once>")).await;
            if first.is_none() {
                out.write_all(b"<once>").await.unwrap();
            }
            // Given up for good: what comes next stands behind it.
            let _ = poll_once(out.write_all(b"<given up>")).await;
            out.write_all(b"<after>").await.unwrap();
        });
        leave();
    }
    must_end(move || {
        let (mut screen, end) = terminal();
        let mut child = start(name, Stdio::null(), end);
        let (mut shown, mut buffer) = (Vec::new(), [0; 4096]);
        while let Ok(read @ 1..) = screen.read(&mut buffer) {
            shown.extend_from_slice(&buffer[..read]);
        }
        assert!(child.wait().unwrap().success());
        let shown = String::from_utf8(shown).unwrap();
        assert!(shown.contains("<once><"), "{shown:?}");
        assert_eq!(shown.matches("<once>").count(), 1, "{shown:?}");
        assert!(shown.ends_with("<after>"), "{shown:?}");
        let between = shown.split("<once>").nth(1).unwrap();
        assert!(["<given up><after>", "<after>"].contains(&between), "{shown:?}");
    });
}
