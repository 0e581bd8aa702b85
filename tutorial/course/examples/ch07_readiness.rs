//! Waiting for a socket. What the operating system says, and when, is written down in a script.

use std::io;
use std::time::Duration;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use roundelay::{ReadinessScript, Runner, UnixStream, now, say, sleep, spawn};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn main() -> io::Result<()> {
    // At 1 ms the system says "ready", and nothing is there: that happens. At 6 ms it is true.
    let script = ReadinessScript::new().readable(ms(1), 0).readable(ms(6), 0);
    let runner = Runner::builder().virtual_clock().scripted_selector(script).build();
    let outcome = runner.map_err(io::Error::other)?.run(async {
        let start = now();
        let (mut ours, mut theirs) = UnixStream::pair()?;
        let reader = spawn(async move {
            let mut buffer = [0; 16];
            say!("{:?}: the reader begins", now() - start);
            let count = ours.read(&mut buffer).await?;
            say!("{:?}: the reader has {count} bytes", now() - start);
            io::Result::Ok(())
        });
        sleep(ms(5)).await;
        theirs.write_all(b"hello").await?;
        say!("{:?}: hello is written", now() - start);
        reader.await.map_err(io::Error::other)?
    });
    outcome.map_err(io::Error::other)?
}
