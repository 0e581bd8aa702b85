//! `roundelay ps` and `roundelay pstree`: these tests are the program that is looked into.

use std::path::Path;
use std::sync::mpsc;
use std::thread;

use roundelay::{Lock, Runner, TaskBuilder, sleep};

use crate::{roundelay, status, told};

#[test]
fn a_program_that_allows_it_is_listed_and_drawn() {
    let (go_on, ended) = mpsc::channel::<()>();
    let (tell, ready) = mpsc::channel();
    let program = thread::spawn(move || {
        let runner = Runner::builder().inspectable().build().unwrap();
        let main = async move {
            let lock = Lock::new(());
            let guard = lock.lock().await;
            let waits = async move { drop(lock.lock().await) };
            let waits = TaskBuilder::new().name("save").spawn(waits);
            sleep(std::time::Duration::from_millis(1)).await;
            tell.send(()).unwrap();
            let _ = roundelay::to_thread(move || ended.recv()).await;
            drop(guard);
            waits.await.unwrap();
        };
        runner.run(main).unwrap();
    });
    ready.recv().unwrap();
    let pid = std::process::id().to_string();
    for (command, indent) in [("ps", ""), ("pstree", "  +- ")] {
        let output = roundelay(Path::new(".")).args([command, &pid]).output().unwrap();
        assert_eq!(status(&output), 0, "{:?}", told(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        let line = format!("\n{indent}task 2 (save) has waited ");
        assert!(text.contains(&line) && text.contains(", held by task 1 (main)"), "{text}");
    }
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let unread = roundelay(Path::new(".")).args(["ps", &pid]).stdout(writer).output().unwrap();
    assert_eq!((status(&unread), told(&unread).len()), (0, 0), "{:?}", told(&unread));
    go_on.send(()).unwrap();
    program.join().unwrap();
}

#[test]
fn a_process_that_does_not_allow_it_gets_a_sentence_and_status_1() {
    let output = roundelay(Path::new(".")).args(["ps", "1"]).output().unwrap();
    assert_eq!(status(&output), 1);
    assert!(told(&output).join(" ").contains("inspectable()"), "{:?}", told(&output));
    let wrong = roundelay(Path::new(".")).args(["ps", "init"]).output().unwrap();
    assert_eq!(status(&wrong), 2);
}
