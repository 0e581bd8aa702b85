//! A store of keys and values, spoken to in lines.
//!
//! ```text
//!   cargo run -p roundelay-executor --example key_value 127.0.0.1:7001
//!
//!   set colour green    -> ok
//!   get colour          -> green
//!   delete colour       -> ok
//!   get colour          -> (none)
//! ```
//!
//! All clients share one map, and no lock guards it: they are tasks of one thread, and a task is
//! interrupted only where it awaits.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use futures_lite::{AsyncWriteExt, io::BufReader};
use roundelay_executor::{LineReader, TcpListener, TcpStream, ctrl_c, run, serve};

/// How long a request may be, in bytes.
const LONGEST_LINE: usize = 64 * 1024;

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:0".into());
    run(async {
        let listener = TcpListener::bind(address.parse().map_err(io::Error::other)?)?;
        println!("listening on {}", listener.local_addr()?);
        let store = RefCell::new(BTreeMap::new());
        let server = serve(listener, async move |stream, _| talk(stream, &store).await);
        ctrl_c().await?;
        println!("closed; cut off: {}", server.drain(Duration::from_secs(1)).await);
        Ok(())
    })
}

type Store = RefCell<BTreeMap<String, String>>;

async fn talk(stream: TcpStream, store: &Store) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    // It skips the rest of a line that is too long: that rest is no request of its own.
    let mut lines = LineReader::new(BufReader::new(reader), LONGEST_LINE);
    loop {
        let answer = match lines.next_line().await {
            // The map is borrowed inside `answer` only, and never across an await.
            Ok(Some(line)) => answer(line.trim(), store),
            Ok(None) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                format!("? a request is a line of text of {LONGEST_LINE} bytes at most\n")
            }
            Err(error) => return Err(error),
        };
        writer.write_all(answer.as_bytes()).await?;
    }
}

fn answer(request: &str, store: &Store) -> String {
    let mut words = request.splitn(3, ' ');
    let (verb, key, value) = (words.next(), words.next(), words.next());
    let mut store = store.borrow_mut();
    match (verb, key, value) {
        (Some("set"), Some(key), Some(value)) => {
            store.insert(key.to_owned(), value.to_owned());
            "ok\n".to_owned()
        }
        (Some("get"), Some(key), None) => match store.get(key) {
            Some(value) => format!("{value}\n"),
            None => "(none)\n".to_owned(),
        },
        (Some("delete"), Some(key), None) => match store.remove(key) {
            Some(_) => "ok\n".to_owned(),
            None => "(none)\n".to_owned(),
        },
        _ => "? set KEY VALUE, get KEY, delete KEY\n".to_owned(),
    }
}
