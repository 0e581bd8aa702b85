//! Every stream of this crate keeps the same promises, and a stream that does not is found out.

mod support;

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_lite::{AsyncRead, AsyncWrite};
use roundelay::testing::stream_conformance;
use roundelay::{DuplexStream, TcpListener, TcpStream, UnixListener, UnixStream, duplex, spawn};
use support::{in_a_process, must_end, run_virtual};

async fn tcp_pair(address: SocketAddr) -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind(address)?;
    let connecting = spawn(TcpStream::connect(listener.local_addr()?));
    let (here, _) = listener.accept().await?;
    Ok((here, connecting.await.unwrap()?))
}

#[test]
fn tcp_streams_keep_the_promises() {
    must_end(|| run_virtual(stream_conformance(async || tcp_pair(v4()).await)));
}

#[test]
fn tcp_streams_over_ipv6_keep_the_promises_where_there_is_ipv6() {
    must_end(|| {
        run_virtual(async {
            let address = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
            if TcpListener::bind(address).is_ok() {
                stream_conformance(async || tcp_pair(address).await).await;
            }
        });
    });
}

#[test]
fn unix_pairs_keep_the_promises() {
    must_end(|| run_virtual(stream_conformance(async || UnixStream::pair())));
}

#[test]
fn unix_streams_with_a_path_keep_the_promises() {
    let path = std::env::temp_dir().join(format!("roundelay-conform-{}", std::process::id()));
    must_end(move || {
        run_virtual(stream_conformance(async || {
            let listener = UnixListener::bind(&path)?.unlink_on_drop();
            let connecting = spawn(UnixStream::connect(path.clone()));
            let (here, _) = listener.accept().await?;
            Ok((here, connecting.await.unwrap()?))
        }));
    });
}

#[test]
fn pairs_in_memory_keep_the_promises_with_room_for_one_byte_and_for_many() {
    for capacity in [1, 2, 64, 65_536] {
        must_end(move || run_virtual(stream_conformance(async || Ok(duplex(capacity)))));
    }
}

#[test]
fn the_promises_are_kept_on_the_real_clock_too() {
    must_end(|| {
        roundelay::run(async {
            stream_conformance(async || tcp_pair(v4()).await).await;
            stream_conformance(async || Ok(duplex(100))).await;
        });
    });
}

fn v4() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

/// A stream with one fault.
struct Faulty {
    inner: DuplexStream,
    fault: Fault,
    reads: usize,
    ends: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    /// Says that more was written than was.
    TellsTooMuch,
    /// Loses a byte of each twentieth piece that it reads.
    Loses,
    /// Takes bytes and is pending all the same.
    TakesWhilePending,
    /// An error instead of the second end.
    EndsOnce,
    /// Closing ends reading, too.
    ClosesBothWays,
    /// A second close fails.
    ClosesOnce,
    /// Flushing is not there.
    CannotFlush,
    /// Writing nothing ends the stream.
    NothingIsTheEnd,
}

impl AsyncRead for Faulty {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        this.reads += 1;
        if this.fault == Fault::ClosesBothWays && this.ends > 0 {
            return Poll::Ready(Ok(0));
        }
        let count = ready!(Pin::new(&mut this.inner).poll_read(cx, buffer))?;
        if this.fault == Fault::Loses && this.reads.is_multiple_of(20) && count > 1 {
            return Poll::Ready(Ok(count - 1));
        }
        if count == 0 && !buffer.is_empty() && this.fault == Fault::EndsOnce {
            this.ends += 1;
            if this.ends > 1 {
                return Poll::Ready(Err(ErrorKind::UnexpectedEof.into()));
            }
        }
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for Faulty {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if bytes.is_empty() && this.fault == Fault::NothingIsTheEnd {
            ready!(Pin::new(&mut this.inner).poll_close(cx))?;
        }
        let half = &bytes[..bytes.len().div_ceil(2)];
        match this.fault {
            Fault::TellsTooMuch if bytes.len() > 1 => {
                ready!(Pin::new(&mut this.inner).poll_write(cx, half))?;
                Poll::Ready(Ok(bytes.len()))
            }
            Fault::TakesWhilePending if this.reads == 0 && bytes.len() == 65_536 => {
                ready!(Pin::new(&mut this.inner).poll_write(cx, half))?;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            _ => Pin::new(&mut this.inner).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.fault {
            Fault::CannotFlush => Poll::Ready(Err(ErrorKind::Unsupported.into())),
            _ => Poll::Ready(Ok(())),
        }
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if [Fault::ClosesBothWays, Fault::ClosesOnce].contains(&this.fault) {
            this.ends += 1;
        }
        if this.fault == Fault::ClosesOnce && this.ends > 1 {
            return Poll::Ready(Err(ErrorKind::NotConnected.into()));
        }
        Pin::new(&mut this.inner).poll_close(cx)
    }
}

/// What the suite says of a stream with this fault: `None` if it is content.
fn verdict(fault: Fault) -> Option<String> {
    let faulty = move |inner| Faulty { inner, fault, reads: 0, ends: 0 };
    let outcome = std::thread::spawn(move || {
        run_virtual(stream_conformance(async || {
            let (one, other) = duplex(4096);
            Ok((faulty(one), faulty(other)))
        }));
    })
    .join();
    let said = outcome.err()?;
    let text = said.downcast_ref::<String>().map(String::as_str);
    Some(text.or(said.downcast_ref::<&str>().copied()).unwrap_or_default().to_owned())
}

#[test]
fn a_stream_that_breaks_a_promise_is_told_which() {
    in_a_process("a_stream_that_breaks_a_promise_is_told_which", || {
        assert_eq!(verdict(Fault::None), None);
        let faults = [
            (Fault::TellsTooMuch, "not what was written"),
            (Fault::Loses, "not what was written"),
            (Fault::TakesWhilePending, "must have sent nothing"),
            (Fault::EndsOnce, "the end did not stay"),
            (Fault::ClosesBothWays, "Deadlock"),
            (Fault::ClosesOnce, "a close"),
            (Fault::CannotFlush, "a flush"),
            (Fault::NothingIsTheEnd, "must not be taken for who ends"),
        ];
        for (fault, expected) in faults {
            let said = verdict(fault).unwrap_or_else(|| panic!("{fault:?} was not found"));
            assert!(said.contains(expected), "{fault:?}: {said}");
        }
    })
    .well();
}
