//! The example programs, as their users see them: started, spoken to over real sockets, and
//! ended by Ctrl-C.
//!
//! The clients are std's, which block, and have a time limit that is never waited out when all is
//! well.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

const PATIENCE: Duration = Duration::from_secs(20);

/// Built by `cargo test` beside the tests.
fn example(name: &str) -> Command {
    let own = std::env::current_exe().unwrap();
    let path: PathBuf = own.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(
        path.exists(),
        "{} is not built: cargo build --examples -p roundelay-executor",
        path.display()
    );
    Command::new(path)
}

/// A server that was started, and is killed if the test fails.
struct Server {
    child: Child,
    output: BufReader<ChildStdout>,
    address: String,
}

impl Server {
    fn start(name: &str, arguments: &[&str]) -> Server {
        let mut child = example(name).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").expect(&line).to_owned();
        Server { child, output, address }
    }

    fn connect(&self) -> Client {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client { lines: BufReader::new(stream.try_clone().unwrap()), stream }
    }

    /// Ends it as a user does; gives what it says about that.
    fn interrupt(mut self) -> String {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        let mut said = String::new();
        self.output.read_to_string(&mut said).unwrap();
        assert!(self.child.wait().unwrap().success());
        said
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Client {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Client {
    fn say(&mut self, line: &str) {
        writeln!(self.stream, "{line}").unwrap();
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn ask(&mut self, line: &str) -> String {
        self.say(line);
        self.hear()
    }

    fn rest(mut self) -> String {
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        rest
    }
}

#[test]
fn the_chat_tells_everybody_but_the_speaker_in_order() {
    let server = Server::start("chat", &["127.0.0.1:0"]);
    let (mut anna, mut ben) = (server.connect(), server.connect());
    let (a, b) = (anna.stream.local_addr().unwrap(), ben.stream.local_addr().unwrap());
    // Whoever hears something has arrived; before that a line may find nobody. So Anna speaks
    // until Ben has heard her.
    ben.stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut first = String::new();
    while !first.ends_with('\n') {
        anna.say("anybody there?");
        let _ = ben.lines.read_line(&mut first);
    }
    ben.stream.set_read_timeout(Some(PATIENCE)).unwrap();
    anna.say("that is all");
    let greeting = format!("{a}: anybody there?");
    assert_eq!(first.trim_end(), greeting);
    let last = std::iter::repeat_with(|| ben.hear()).find(|line| *line != greeting).unwrap();
    assert_eq!(last, format!("{a}: that is all"));
    ben.say("hello Anna");
    ben.say("goodbye");
    assert_eq!(anna.hear(), format!("{b}: hello Anna"));
    assert_eq!(anna.hear(), format!("{b}: goodbye"));
    ben.stream.shutdown(Shutdown::Both).unwrap();
    anna.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(anna.rest(), "");
    assert_eq!(server.interrupt(), "closed; cut off: 0\n");
}

#[test]
fn the_key_value_server_keeps_what_one_client_says_for_the_others() {
    let server = Server::start("key_value", &[]);
    let (mut one, mut two) = (server.connect(), server.connect());
    assert_eq!(one.ask("get colour"), "(none)");
    assert_eq!(one.ask("set colour dark green"), "ok");
    assert_eq!(two.ask("get colour"), "dark green");
    assert_eq!(two.ask("delete colour"), "ok");
    assert_eq!(one.ask("delete colour"), "(none)");
    assert_eq!(one.ask("what?"), "? set KEY VALUE, get KEY, delete KEY");
    drop((one, two));
}

#[test]
fn the_rest_of_a_line_that_is_too_long_is_no_request_and_no_reason_to_leave() {
    let server = Server::start("key_value", &[]);
    let mut client = server.connect();
    assert_eq!(client.ask("set colour green"), "ok");
    // What does not fit into 64 KiB is a whole request, or the other half of a letter.
    for (fill, rest) in [(65536 - 9, "delete colour"), (65536 - 10, "\u{e9}")] {
        let long = format!("set long {}{rest}", "x".repeat(fill));
        assert_eq!(client.ask(&long), "? a request is a line of text of 65536 bytes at most");
        assert_eq!(client.ask("get colour"), "green");
    }
}

#[test]
fn a_client_that_stays_is_cut_off_when_its_time_is_over() {
    let server = Server::start("key_value", &[]);
    let mut idle = server.connect();
    assert_eq!(idle.ask("set a b"), "ok");
    assert_eq!(server.interrupt(), "closed; cut off: 1\n");
    assert_eq!(idle.rest(), "");
}

/// A folder with a few files that link to each other, and one beside it that nobody may see.
fn site() -> (tempfile::TempDir, String) {
    let outside = tempfile::tempdir().unwrap();
    let inside = outside.path().join("site");
    std::fs::create_dir_all(inside.join("deep")).unwrap();
    std::fs::write(outside.path().join("secret"), "nobody's business").unwrap();
    let page = "<a href=\"/\">back</a> <a href=\"/deep\">down</a> <a href=\"/gone\">gone</a>";
    std::fs::write(inside.join("index.html"), page).unwrap();
    for n in 0..20 {
        std::fs::write(inside.join(format!("deep/{n}")), "x".repeat(n * 10_000)).unwrap();
    }
    let path = inside.display().to_string();
    (outside, path)
}

fn get(server: &Server, path: &str) -> String {
    let mut client = server.connect();
    client.say(&format!("GET {path} HTTP/1.0\r\n\r"));
    client.rest()
}

#[test]
fn the_file_server_serves_what_is_in_its_folder_and_nothing_else() {
    let (_folder, path) = site();
    let server = Server::start("file_server", &[&path]);
    assert_eq!(get(&server, "/deep/0"), "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n");
    let long = get(&server, "/deep/19");
    assert!(long.ends_with(&format!("Content-Length: 190000\r\n\r\n{}", "x".repeat(190_000))));
    assert!(get(&server, "/").contains("<a href=\"/index.html\">index.html</a>\n"));
    for path in ["/nothing", "/../secret", "/deep/../../secret"] {
        assert!(get(&server, path).starts_with("HTTP/1.0 404 Not Found\r\n"), "{path}");
    }
    let mut rude = server.connect();
    rude.say("hello\r\n\r");
    assert!(rude.rest().starts_with("HTTP/1.0 400 Bad Request\r\n"));
    assert_eq!(server.interrupt(), "closed; cut off: 0\n");
}

#[test]
fn the_crawler_visits_each_page_of_a_site_once_and_knows_when_it_is_done() {
    let (_folder, path) = site();
    let server = Server::start("file_server", &[&path]);
    let output = example("crawler").arg(&server.address).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    let mut lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.pop(), Some("24 pages"));
    assert_eq!(lines[0], "/ has 2 links");
    lines.sort();
    assert_eq!(lines.len(), 24);
    assert!(lines.contains(&"/deep has 20 links"));
    assert!(lines.contains(&"/gone: HTTP/1.0 404 Not Found"));
    assert!(lines.contains(&"/index.html has 3 links"));
}

#[test]
fn the_proxy_passes_bytes_and_ends_in_both_directions() {
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = target.local_addr().unwrap().to_string();
    let server = Server::start("proxy", &[&address]);
    let mut client = server.connect();
    let (mut there, _) = target.accept().unwrap();
    there.set_read_timeout(Some(PATIENCE)).unwrap();
    client.say("the question");
    client.stream.shutdown(Shutdown::Write).unwrap();
    let mut heard = String::new();
    there.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "the question\n");
    there.write_all(b"the answer").unwrap();
    drop(there);
    assert_eq!(client.rest(), "the answer");
    assert_eq!(server.interrupt(), "closed; cut off: 0\n");
}

#[test]
fn the_port_scanner_finds_exactly_the_port_that_is_open() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let output = example("ports").args([&port, &port]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said, format!("{port} is open\n1 open\n"));
}
