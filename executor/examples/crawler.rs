//! Follows every link of a site of this machine, each page once.
//!
//! ```text
//!   cargo run -p roundelay-executor --example crawler 127.0.0.1:7002 /
//! ```
//!
//! The pages to visit lie in a queue; a few workers take them out, and put in what they find. The
//! queue counts what was taken and is not done yet, so `join` knows when there is nothing left to
//! find: no worker can know that for itself, since another may be about to find a page.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use roundelay_executor::{Queue, TcpStream, run, spawn, timeout};

const WORKERS: usize = 8;
/// How long one page may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How much of a page is read, in bytes.
const LONGEST_PAGE: u64 = 1024 * 1024;

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let site = arguments.next().expect("say which site: crawler 127.0.0.1:7002");
    let site: SocketAddr = site.parse().map_err(io::Error::other)?;
    let start = arguments.next().unwrap_or("/".into());
    run(async {
        let pages = Queue::unbounded();
        let seen = Rc::new(RefCell::new(BTreeSet::from([start.clone()])));
        pages.put(start).await.expect("the queue is open");
        let workers = (0..WORKERS).map(|_| {
            let (pages, seen) = (pages.clone(), Rc::clone(&seen));
            spawn(async move {
                while let Ok(path) = pages.get().await {
                    let links = visit(site, &path).await;
                    match &links {
                        Ok(links) => println!("{path} has {} links", links.len()),
                        Err(error) => println!("{path}: {error}"),
                    }
                    for link in links.unwrap_or_default() {
                        if seen.borrow_mut().insert(link.clone()) {
                            pages.put(link).await.expect("the queue is open");
                        }
                    }
                    pages.task_done().expect("once for each page that was taken");
                }
            })
        });
        // Dropping the handles would let the workers run on; keeping them is tidier.
        let workers: Vec<_> = workers.collect();
        pages.join().await;
        for worker in workers {
            worker.cancel();
        }
        println!("{} pages", seen.borrow().len());
        Ok(())
    })
}

/// Fetches one page and gives the paths that it links to.
async fn visit(site: SocketAddr, path: &str) -> io::Result<Vec<String>> {
    let page = timeout(PATIENCE, fetch(site, path)).await??;
    let Some((head, body)) = page.split_once("\r\n\r\n") else {
        return Err(io::Error::other("not an answer of HTTP"));
    };
    if head.split(' ').nth(1) != Some("200") {
        return Err(io::Error::other(head.lines().next().unwrap_or_default().to_owned()));
    }
    let links = body.split("href=\"").skip(1).filter_map(|rest| rest.split_once('"'));
    let links = links.map(|(link, _)| link).filter(|link| link.starts_with('/'));
    Ok(links.map(str::to_owned).collect())
}

async fn fetch(site: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(site).await?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await?;
    let mut page = Vec::new();
    stream.take(LONGEST_PAGE).read_to_end(&mut page).await?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}
