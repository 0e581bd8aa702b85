//! The mistake: to ask again and again. It works, it burns the processor, and time stands still.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use roundelay::{Runner, current_loop, now, say, sleep, spawn, yield_now};

fn main() -> io::Result<()> {
    let runner = Runner::builder().virtual_clock().build().map_err(io::Error::other)?;
    let outcome = runner.run(async {
        let start = now();
        let (mut ours, mut theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;

        let writer = spawn(async move {
            sleep(Duration::from_millis(5)).await;
            theirs.write_all(b"hello")
        });
        for asked in 1.. {
            match ours.read(&mut [0; 16]) {
                Ok(count) => {
                    say!("{count} bytes, after asking {asked} times");
                    break;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && asked < 1000 => {
                    yield_now().await
                }
                Err(error) => {
                    say!("asked {asked} times, in {} turns: {:?}", turns(), error.kind());
                    say!("and the clock still shows {:?}", now() - start);
                    break;
                }
            }
        }
        writer.await.map_err(io::Error::other)?
    });
    outcome.map_err(io::Error::other)?
}

fn turns() -> u64 {
    current_loop().expect("inside a run there is a loop").turn()
}
