//! O29: streams.

use std::io::ErrorKind;

use futures_lite::io::{AsyncReadExt, AsyncWriteExt, BufReader, BufWriter};
use roundelay::{LineReader, LineTooLong, UnixStream, duplex, spawn};

use crate::settle;
use crate::support::{Log, run_virtual};

#[test]
fn o29_1_at_the_end_a_line_may_lack_its_end_and_a_read_gives_nothing() {
    run_virtual(async {
        let (mut here, there) = duplex(64);
        here.write_all(b"hi\nx").await.unwrap();
        here.close().await.unwrap();
        let mut lines = LineReader::new(BufReader::new(there), 80);
        assert_eq!(lines.next_line().await.unwrap().unwrap(), "hi");
        assert_eq!(lines.next_line().await.unwrap().unwrap(), "x");
        assert_eq!(lines.next_line().await.unwrap(), None);
        assert_eq!(lines.get_mut().read(&mut [0; 8]).await.unwrap(), 0);
    });
}

#[test]
#[cfg_attr(miri, ignore = "sets an option of a socket pair")]
fn o29_2_a_line_over_the_limit_is_an_error_and_what_is_not_sent_is_limited() {
    const LIMIT: usize = 65_536;
    run_virtual(async {
        let (mut here, there) = UnixStream::pair().unwrap();
        assert!(here.send_buffer_size().unwrap() > 0);
        let flood = spawn(async move {
            here.write_all(&vec![b'x'; LIMIT + 10]).await.unwrap();
            here.write_all(b"\n").await.unwrap();
        });
        let mut lines = LineReader::new(BufReader::new(there), LIMIT);
        let error = lines.next_line().await.unwrap_err();
        let too_long: &LineTooLong = error.get_ref().unwrap().downcast_ref().unwrap();
        assert_eq!(too_long.limit, LIMIT);
        assert_eq!(lines.next_line().await.unwrap(), None);
        flood.await.unwrap();
    });
}

#[test]
fn o29_3_an_exact_read_of_too_little_is_an_error() {
    run_virtual(async {
        let of_abc = async || {
            let (mut here, there) = duplex(8);
            here.write_all(b"abc").await.unwrap();
            there
        };
        let error = of_abc().await.read_exact(&mut [0; 5]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        let mut partial = Vec::new();
        of_abc().await.take(5).read_to_end(&mut partial).await.unwrap();
        assert_eq!(partial, b"abc");
    });
}

#[test]
fn o29_4_a_stream_cannot_be_read_twice_at_once() {
    // Compiles only if what is asked about is neither a copy nor shared: with one of the two
    // traits, `some` would be two things at once.
    trait Ambiguous<A> {
        fn some() {}
    }
    struct Copies;
    impl<T> Ambiguous<()> for T {}
    impl<T: Clone> Ambiguous<Copies> for T {}
    <roundelay::TcpStream as Ambiguous<_>>::some();
    <roundelay::ReadHalf as Ambiguous<_>>::some();
    struct Reads;
    trait Shared<A> {
        fn some() {}
    }
    impl<T> Shared<()> for T {}
    impl<T: futures_lite::AsyncRead> Shared<Reads> for T {}
    <&roundelay::TcpStream as Shared<_>>::some();
    <&roundelay::ReadHalf as Shared<_>>::some();
}

#[test]
fn o29_5_a_write_waits_for_room_and_a_buffered_one_for_its_flush() {
    let log = Log::new();
    run_virtual(async {
        let (mut here, mut there) = duplex(4);
        let writes = log.clone();
        let direct = spawn(async move {
            here.write_all(b"12345").await.unwrap();
            writes.add("written");
            here
        });
        settle().await;
        log.add("read");
        there.read_exact(&mut [0; 5]).await.unwrap();
        let here = direct.await.unwrap();

        let writes = log.clone();
        let buffered = spawn(async move {
            let mut writer = BufWriter::with_capacity(64, here);
            writer.write_all(b"12345").await.unwrap();
            writes.add("written at once");
            writer.flush().await.unwrap();
            writes.add("drained");
        });
        settle().await;
        log.add("read");
        there.read_exact(&mut [0; 5]).await.unwrap();
        buffered.await.unwrap();
    });
    assert_eq!(log.take(), ["read", "written", "written at once", "read", "drained"]);
}
