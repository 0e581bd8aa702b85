//! A TCP proxy: whoever connects here talks to somebody else.
//!
//! ```text
//!   cargo run -p roundelay-executor --example proxy TARGET 127.0.0.1:7003
//!
//!   client <--bytes--> proxy <--bytes--> target
//! ```
//!
//! Each direction is copied on its own. When one side has said all, the other is told so, and
//! may still answer: ends travel through the proxy like bytes.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_lite::{AsyncWriteExt, io::copy};
use roundelay_executor::{
    ReadHalf, TcpListener, TcpStream, WriteHalf, ctrl_c, run, serve, timeout, try_join,
};

/// How long the target may take to answer the call.
const PATIENCE: Duration = Duration::from_secs(5);

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let target = arguments.next().expect("say whom to talk to: proxy 127.0.0.1:80");
    let target: SocketAddr = target.parse().map_err(io::Error::other)?;
    let address = arguments.next().unwrap_or("127.0.0.1:0".into());
    run(async {
        let listener = TcpListener::bind(address.parse().map_err(io::Error::other)?)?;
        println!("listening on {}", listener.local_addr()?);
        let server = serve(listener, async move |client: TcpStream, _| {
            let there = timeout(PATIENCE, TcpStream::connect(target)).await??;
            let ((client_in, client_out), (there_in, there_out)) =
                (client.into_split(), there.into_split());
            try_join((forward(client_in, there_out), forward(there_in, client_out))).await?;
            io::Result::Ok(())
        });
        ctrl_c().await?;
        println!("closed; cut off: {}", server.drain(Duration::from_secs(1)).await);
        Ok(())
    })
}

/// Copies until the end, and passes the end on.
async fn forward(from: ReadHalf, mut to: WriteHalf) -> io::Result<()> {
    copy(from, &mut to).await?;
    to.close().await
}
