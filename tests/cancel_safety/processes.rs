//! Servers, signals, child processes and files.

use std::cell::Cell;
use std::future::Future;
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::rc::Rc;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use roundelay::process::{Child, Command, Stdio};
use roundelay::{
    Lock, PipeReader, Server, Signal, Signals, TcpListener, ctrl_c, fs, serve, sleep, spawn,
    yield_now,
};
use rustix::process::{Signal as Number, getpid, kill_process};

use crate::support::{OnDrop, ms, on_drop};
use crate::{Case, Entry, LosesData, Safe, case, give_up_everywhere};

#[test]
#[cfg_attr(miri, ignore = "starts processes")]
fn a_server_a_child_or_a_file_is_well_after_anybody_has_given_up() {
    give_up_everywhere(table());
}

pub(crate) fn table() -> Vec<Entry> {
    vec![
        ("Server::join", Safe, || {
            server(async |server| {
                server.close();
                server.join().await.unwrap();
            })
        }),
        ("Server::drain", Safe, || server(async |server| assert_eq!(server.drain(ms(1)).await, 1))),
        ("Signals::recv", Safe, signal),
        ("ctrl_c", LosesData, interrupt),
        ("Child::wait", Safe, wait),
        ("Child::communicate", LosesData, communicate),
        ("PipeReader", Safe, pipe_reader),
        ("PipeWriter", Safe, pipe_writer),
        ("Command::status", LosesData, || {
            command(async |command| assert!(command.status().await.unwrap().success()))
        }),
        ("Command::output", LosesData, || {
            command(async |command| {
                assert_eq!(command.output().await.unwrap().stdout, b"said\n");
            })
        }),
        ("fs::read", Safe, || file(async |file| drop(fs::read(file).await))),
        ("fs::read_to_string", Safe, || file(async |file| drop(fs::read_to_string(file).await))),
        ("fs::write", LosesData, || file(async |file| drop(fs::write(file, "text").await))),
        ("fs::copy", LosesData, || file(async |file| drop(fs::copy(&file, &file).await))),
        ("fs::rename", LosesData, || file(async |file| drop(fs::rename(&file, &file).await))),
        ("fs::remove_file", LosesData, || file(async |file| drop(fs::remove_file(file).await))),
        ("fs::create_dir_all", LosesData, || {
            file(async |file| drop(fs::create_dir_all(file.join("below")).await))
        }),
        ("fs::remove_dir_all", LosesData, || {
            file(async |file| drop(fs::remove_dir_all(file.join("below")).await))
        }),
        ("fs::read_dir", Safe, || file(async |file| drop(fs::read_dir(file).await))),
        ("fs::metadata", Safe, || file(async |file| drop(fs::metadata(file).await))),
        ("fs::canonicalize", Safe, || file(async |file| drop(fs::canonicalize(file).await))),
    ]
}

/// A server with one connection that takes its time.
fn server(end: impl AsyncFnOnce(&Server) + 'static) -> Case {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let server = Rc::new(serve(listener, async |stream, _| {
        sleep(ms(5)).await;
        drop(stream);
        std::io::Result::Ok(())
    }));
    let client = TcpStream::connect(address).unwrap();
    let mine = Rc::clone(&server);
    let ends = async move {
        while mine.accepted() == 0 {
            yield_now().await;
        }
        end(&mine).await;
    };
    case(ends, async move |finished| {
        assert!(!finished || server.connections() == 0);
        // Whoever asks again is told again.
        server.close();
        server.join().await.unwrap();
        assert_eq!(server.connections(), 0);
        drop(client);
    })
}

fn raise(signal: Number) {
    kill_process(getpid(), signal).unwrap();
}

fn signal() -> Case {
    let signals = Lock::new(Signals::new([Signal::USER_1]).unwrap());
    let (mine, raiser) = (signals.clone(), async {
        yield_now().await;
        raise(Number::USR1);
    });
    spawn(raiser).detach();
    let hear = async move { assert_eq!(mine.lock().await.recv().await.unwrap(), Signal::USER_1) };
    case(hear, async move |finished| {
        if !finished {
            assert_eq!(signals.lock().await.recv().await.unwrap(), Signal::USER_1);
        }
    })
}

fn interrupt() -> Case {
    let given_up = Rc::new(Cell::new(false));
    let seen = Rc::clone(&given_up);
    let raiser = async move {
        yield_now().await;
        // With nobody to hear it, it would end this process: the promise that is lost.
        if !seen.get() {
            raise(Number::INT);
        }
    };
    spawn(raiser).detach();
    case(async { ctrl_c().await.unwrap() }, async move |_| given_up.set(true))
}

fn shell(line: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line]).kill_on_drop(true);
    command
}

fn wait() -> Case {
    // It lives until its input ends, which the wait sees to.
    let child = shell("cat; exit 7").stdin(Stdio::piped()).spawn().unwrap();
    let child: Lock<Child> = Lock::new(child);
    let mine = child.clone();
    let hear = async move {
        assert_eq!(mine.lock().await.wait().await.unwrap().code(), Some(7));
    };
    case(hear, async move |_| {
        assert_eq!(child.lock().await.wait().await.unwrap().code(), Some(7));
    })
}

fn communicate() -> Case {
    let child = cat();
    let process = PathBuf::from(format!("/proc/{}", child.id()));
    let talk = async move { assert_eq!(child.communicate(b"said").await.unwrap().stdout, b"said") };
    case(talk, async move |_| {
        // Killed, and reaped.
        while process.exists() {
            yield_now().await;
        }
    })
}

fn cat() -> Child {
    let mut cat = Command::new("cat");
    cat.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    cat.spawn().unwrap()
}

fn pipe_reader() -> Case {
    let mut cat = cat();
    let (mut stdin, stdout) = (cat.stdin.take().unwrap(), cat.stdout.take().unwrap());
    let write = async move {
        for part in ["a", "b", "c"] {
            yield_now().await;
            stdin.write_all(part.as_bytes()).await.unwrap();
        }
    };
    spawn(write).detach();
    let (stdout, had) = (Lock::new(stdout), Lock::new(Vec::new()));
    let (mine, seen) = (stdout.clone(), had.clone());
    let read = async move { read_into(&mut *mine.lock().await, &seen).await };
    case(read, async move |_| {
        read_into(&mut *stdout.lock().await, &had).await;
        assert_eq!(*had.lock().await, b"abc");
        assert!(cat.wait().await.unwrap().success());
    })
}

async fn read_into(pipe: &mut PipeReader, all: &Lock<Vec<u8>>) {
    let mut buffer = [0; 8];
    loop {
        match pipe.read(&mut buffer).await.unwrap() {
            0 => break,
            count => all.lock().await.extend(&buffer[..count]),
        }
    }
}

/// More than fits into the pipes: what was said to be written arrives, and no more.
fn pipe_writer() -> Case {
    let mut cat = cat();
    let (stdin, stdout) = (cat.stdin.take().unwrap(), cat.stdout.take().unwrap());
    let stdout = Lock::new(stdout);
    let read = async move {
        for _ in 0..10 {
            yield_now().await;
        }
        let all = Lock::new(Vec::new());
        read_into(&mut *stdout.lock().await, &all).await;
        all.lock().await.len()
    };
    let (received, written) = (spawn(read), Lock::new(0));
    let (stdin, counts) = (Lock::new(Some(stdin)), written.clone());
    let mine = stdin.clone();
    let write = async move {
        let mut stdin = mine.lock().await;
        for _ in 0..10 {
            let count = stdin.as_mut().unwrap().write(&[b'x'; 40_000]).await.unwrap();
            *counts.lock().await += count;
        }
    };
    case(write, async move |_| {
        drop(stdin.lock().await.take());
        assert_eq!(received.await.unwrap(), *written.lock().await);
        assert!(cat.wait().await.unwrap().success());
    })
}

fn command(run: impl AsyncFnOnce(&mut Command) + 'static) -> Case {
    case(async move { run(&mut shell("sleep 0.01; echo said")).await }, async |_| {
        assert!(shell("exit 0").status().await.unwrap().success());
    })
}

/// A path of its own, with a line in it, and what removes it.
fn file<F>(touch: impl FnOnce(PathBuf) -> F + 'static) -> Case
where
    F: Future<Output = ()> + 'static,
{
    let path = std::env::temp_dir().join(format!("roundelay-touch-{}", std::process::id()));
    std::fs::write(&path, "a line").unwrap();
    let mine = path.clone();
    let gone: OnDrop = on_drop(move || drop(std::fs::remove_file(mine)));
    case(touch(path), async move |_| {
        // What has begun goes on to its end in its thread; the clock waits for it.
        sleep(ms(1000)).await;
        drop(gone);
    })
}
