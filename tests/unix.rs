//! Promises about Unix-domain sockets, besides those that `conformance.rs` checks of every stream.

mod support;

use std::io::{self, ErrorKind};
use std::os::unix::net;
use std::path::PathBuf;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use roundelay::testing::wait_all_tasks_blocked;
use roundelay::{
    ReadHalf, Runner, Task, UnixDatagram, UnixListener, UnixStream, WriteHalf, WrongLoop, sleep,
    spawn, yield_now,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::sockets::on_a_loop;
use support::{in_a_process, ms};

/// A path of its own, with nothing there at the beginning and at the end.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let path = std::env::temp_dir().join(format!("roundelay-{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        Place(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_listener_serves_whoever_connects_to_its_path() {
    on_a_loop(async || {
        let place = Place::new("serves");
        let listener = UnixListener::bind(&place.0).unwrap();
        assert_eq!(listener.local_addr().unwrap().as_pathname(), Some(&*place.0));
        let server = spawn(async move {
            for n in 0..3_u8 {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.write_all(&[n]).await.unwrap();
            }
        });
        for n in 0..3_u8 {
            let mut stream = UnixStream::connect(&place.0).await.unwrap();
            assert_eq!(stream.peer_addr().unwrap().as_pathname(), Some(&*place.0));
            assert!(stream.local_addr().unwrap().is_unnamed());
            let mut got = Vec::new();
            stream.read_to_end(&mut got).await.unwrap();
            assert_eq!(got, [n]);
        }
        server.await.unwrap();
    });
}

#[test]
fn the_file_stays_unless_it_is_to_go_and_nobody_elses_file_goes() {
    on_a_loop(async || {
        let place = Place::new("stays");
        drop(UnixListener::bind(&place.0).unwrap());
        assert!(place.0.exists());
        let refused = UnixStream::connect(&place.0).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        assert_eq!(UnixListener::bind(&place.0).unwrap_err().kind(), ErrorKind::AddrInUse);
        std::fs::remove_file(&place.0).unwrap();
        let missing = UnixStream::connect(&place.0).await.unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);

        drop(UnixListener::bind(&place.0).unwrap().unlink_on_drop());
        assert!(!place.0.exists());

        let listener = UnixListener::bind(&place.0).unwrap().unlink_on_drop();
        std::fs::remove_file(&place.0).unwrap();
        // Kept open until the end, so that the new file cannot have the old one's number.
        let held = std::fs::write(&place.0, "somebody else's");
        drop(listener);
        assert!(held.is_ok() && place.0.exists());
    });
}

#[test]
fn a_listener_with_too_many_waiting_says_busy_instead_of_hanging() {
    on_a_loop(async || {
        let place = Place::new("busy");
        let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None);
        let socket = socket.unwrap();
        socket.bind(&socket2::SockAddr::unix(&place.0).unwrap()).unwrap();
        socket.listen(1).unwrap();
        let listener = UnixListener::from_std(socket.into()).unwrap();
        let mut connected = Vec::new();
        let busy = loop {
            match UnixStream::connect(&place.0).await {
                Ok(stream) => connected.push(stream),
                Err(error) => break error,
            }
            assert!(connected.len() < 100, "the system keeps them all");
        };
        assert_eq!(busy.kind(), ErrorKind::ResourceBusy, "{busy}");
        let (_served, _) = listener.accept().await.unwrap();
        assert!(UnixStream::connect(&place.0).await.is_ok());
    });
}

#[cfg(target_os = "linux")]
#[test]
fn one_can_see_who_is_at_the_other_end() {
    on_a_loop(async || {
        let (here, _there) = UnixStream::pair().unwrap();
        let peer = here.peer_credentials().unwrap();
        assert_eq!(peer.process, std::process::id());
    });
}

#[test]
fn halves_go_to_different_tasks_and_the_end_of_one_is_no_end_of_the_other() {
    on_a_loop(async || {
        let (here, mut there) = UnixStream::pair().unwrap();
        let (mut read, mut write): (ReadHalf<net::UnixStream>, WriteHalf<net::UnixStream>) =
            here.into_split();
        let reader = spawn(async move {
            let mut text = String::new();
            read.read_to_string(&mut text).await.map(|_| text)
        });
        wait_all_tasks_blocked().await;
        write.write_all(b"question").await.unwrap();
        drop(write);
        let mut question = String::new();
        there.read_to_string(&mut question).await.unwrap();
        there.write_all(b"answer").await.unwrap();
        drop(there);
        assert_eq!(
            (question.as_str(), reader.await.unwrap().unwrap()),
            ("question", "answer".into())
        );
    });
}

#[test]
fn halves_become_whole_again_without_losing_a_byte_or_ending_anything() {
    on_a_loop(async || {
        let (here, mut there) = UnixStream::pair().unwrap();
        let (read, mut write) = here.into_split();
        write.write_all(b"half ").await.unwrap();
        there.write_all(b"kept").await.unwrap();
        let mut whole = read.reunite(write).unwrap();
        whole.write_all(b"whole").await.unwrap();
        let mut got = [0; 4];
        whole.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"kept");
        whole.close().await.unwrap();
        let mut text = String::new();
        there.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "half whole");
    });
}

#[test]
fn halves_of_different_streams_are_given_back_as_they_were() {
    on_a_loop(async || {
        let (one, other) = UnixStream::pair().unwrap();
        let ((read, mine), (theirs, mut write)) = (one.into_split(), other.into_split());
        let mut refused = read.reunite(write).unwrap_err();
        assert!(refused.to_string().contains("different streams"));
        refused.write.write_all(b"x").await.unwrap();
        let mut got = [0; 1];
        refused.read.read_exact(&mut got).await.unwrap();
        write = refused.write;
        let mut whole = theirs.reunite(write).unwrap();
        drop(mine);
        assert_eq!(whole.read(&mut got).await.unwrap(), 0);
    });
}

#[test]
fn a_stream_of_stds_can_be_taken_up_and_given_back() {
    on_a_loop(async || {
        let (ours, mut theirs) = net::UnixStream::pair().unwrap();
        let mut ours = UnixStream::from_std(ours).unwrap();
        io::Write::write_all(&mut theirs, b"ab").unwrap();
        let mut byte = [0; 1];
        ours.read_exact(&mut byte).await.unwrap();
        let given_back = ours.into_std();
        let mut again = UnixStream::from_std(given_back).unwrap();
        again.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"b");
    });
}

#[test]
fn a_datagram_arrives_whole_and_says_whom_it_is_from() {
    on_a_loop(async || {
        let (mine, yours) = (Place::new("dgram-a"), Place::new("dgram-b"));
        let here = UnixDatagram::bind(&mine.0).unwrap();
        let there = UnixDatagram::bind(&yours.0).unwrap();
        here.send_to(b"", &yours.0).await.unwrap();
        here.send_to(b"question", &yours.0).await.unwrap();
        let mut buffer = [0; 16];
        assert_eq!(there.recv(&mut buffer).await.unwrap(), 0);
        let (length, from) = there.recv_from(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..length], b"question");
        there.connect(from.as_pathname().unwrap()).unwrap();
        there.send(b"answer").await.unwrap();
        assert_eq!(here.recv(&mut buffer).await.unwrap(), 6);
        assert_eq!(there.peer_addr().unwrap().as_pathname(), Some(&*mine.0));
        assert_eq!(there.local_addr().unwrap().as_pathname(), Some(&*yours.0));
        let nobody = UnixDatagram::unbound().unwrap();
        drop(there);
        let refused = nobody.send_to(b"x", &yours.0).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn a_sender_waits_for_a_slow_receiver_and_nothing_is_lost() {
    on_a_loop(async || {
        let (here, there) = UnixDatagram::pair().unwrap();
        let sender = spawn(async move {
            for n in 0..1000_u32 {
                here.send(&n.to_le_bytes()).await.unwrap();
            }
        });
        wait_all_tasks_blocked().await;
        assert!(!sender.is_finished());
        for n in 0..1000_u32 {
            let mut buffer = [0; 8];
            assert_eq!(there.recv(&mut buffer).await.unwrap(), 4);
            assert_eq!(buffer[..4], n.to_le_bytes());
        }
        sender.await.unwrap();
    });
}

#[test]
fn a_sender_without_a_connection_sleeps_until_there_is_room_also_for_anothers_messages() {
    on_a_loop(async || {
        let place = Place::new("dgram-full");
        let there = UnixDatagram::bind(&place.0).unwrap();
        // Of two senders one finds no room and nothing of its own in the way.
        let senders = [(); 2].map(|()| {
            let (here, to) = (UnixDatagram::unbound().unwrap(), place.0.clone());
            spawn(async move {
                for _ in 0..200 {
                    here.send_to(b"x", &to).await.unwrap();
                }
            })
        });
        // It ends only if the senders do not go round in circles.
        wait_all_tasks_blocked().await;
        for _ in 0..400 {
            assert_eq!(there.recv(&mut [0; 8]).await.unwrap(), 1);
        }
        for sender in senders {
            sender.await.unwrap();
        }
    });
}

/// A task that sends so many messages of that size to a path.
fn sends(here: UnixDatagram, count: usize, size: usize, to: &Place) -> Task<()> {
    let to = to.0.clone();
    spawn(async move {
        for _ in 0..count {
            assert_eq!(here.send_to(&vec![7; size], &to).await.unwrap(), size);
        }
    })
}

/// Whether so many messages of that size are to be had, now or soon.
async fn receives(there: &UnixDatagram, count: usize, size: usize) {
    let mut buffer = vec![0; size];
    for _ in 0..count {
        assert_eq!(there.recv(&mut buffer).await.unwrap(), size);
    }
}

#[test]
fn a_sender_whose_own_buffer_is_full_sleeps_until_there_is_room() {
    on_a_loop(async || {
        let place = Place::new("dgram-own");
        let there = UnixDatagram::bind(&place.0).unwrap();
        // Large messages: what is full is the sender's buffer, and not the receiver's line.
        let sender = sends(UnixDatagram::unbound().unwrap(), 12, 100_000, &place);
        // It ends only if the sender does not go round in circles.
        wait_all_tasks_blocked().await;
        assert!(!sender.is_finished());
        receives(&there, 12, 100_000).await;
        sender.await.unwrap();
    });
}

#[test]
fn a_sender_whose_buffer_lies_unread_elsewhere_still_hears_of_room_where_it_sends() {
    on_a_loop(async || {
        let (idle, busy) = (Place::new("dgram-idle"), Place::new("dgram-busy"));
        // Nobody ever reads this one: half of the sender's buffer stays in its line.
        let _idle = UnixDatagram::bind(&idle.0).unwrap();
        let there = UnixDatagram::bind(&busy.0).unwrap();
        let here = UnixDatagram::unbound().unwrap();
        here.send_to(&[7; 100_000], &idle.0).await.unwrap();
        let others = sends(UnixDatagram::unbound().unwrap(), 30, 1, &busy);
        wait_all_tasks_blocked().await;
        let sender = sends(here, 30, 1, &busy);
        wait_all_tasks_blocked().await;
        assert!(!others.is_finished() && !sender.is_finished());
        receives(&there, 60, 1).await;
        others.await.unwrap();
        sender.await.unwrap();
    });
}

#[test]
fn a_receiver_that_is_connected_to_the_sender_is_waited_for_like_any_other() {
    on_a_loop(async || {
        let (mine, yours) = (Place::new("dgram-mine"), Place::new("dgram-yours"));
        let (here, there) =
            (UnixDatagram::bind(&mine.0).unwrap(), UnixDatagram::bind(&yours.0).unwrap());
        there.connect(&mine.0).unwrap();
        let stranger = UnixDatagram::unbound().unwrap();
        let refused = stranger.send_to(b"x", &yours.0).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::PermissionDenied);
        let sender = sends(here, 1000, 1, &yours);
        wait_all_tasks_blocked().await;
        assert!(!sender.is_finished());
        receives(&there, 1000, 1).await;
        sender.await.unwrap();
    });
}

#[test]
fn a_sender_waits_also_where_no_descriptor_is_left() {
    let name = "a_sender_waits_also_where_no_descriptor_is_left";
    in_a_process(name, || {
        for clock in [Runner::builder(), Runner::builder().virtual_clock()] {
            let outcome = clock.build().unwrap().run(async {
                let place = Place::new("dgram-poor");
                let there = UnixDatagram::bind(&place.0).unwrap();
                let here = UnixDatagram::unbound().unwrap();
                let all = getrlimit(Resource::Nofile);
                let none = Rlimit { current: Some(3), maximum: all.maximum };
                setrlimit(Resource::Nofile, none).unwrap();
                let sender = sends(here, 40, 1, &place);
                for _ in 0..300 {
                    yield_now().await;
                }
                assert!(!sender.is_finished());
                receives(&there, 40, 1).await;
                sender.await.unwrap();
                setrlimit(Resource::Nofile, all).unwrap();
            });
            outcome.unwrap();
        }
    })
    .well();
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_begins_with_a_zero_is_abstract_for_every_kind_of_socket() {
    use std::os::linux::net::SocketAddrExt;
    on_a_loop(async || {
        let name = |kind: &str| format!("\0roundelay-{kind}-{}", std::process::id());
        let listener = UnixListener::bind(name("stream")).unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(address.as_abstract_name(), Some(&name("stream").as_bytes()[1..]));
        let _client = UnixStream::connect(name("stream")).await.unwrap();
        listener.accept().await.unwrap();

        let there = UnixDatagram::bind(name("there")).unwrap();
        let here = UnixDatagram::bind(name("here")).unwrap();
        here.send_to(b"question", name("there")).await.unwrap();
        let (_, from) = there.recv_from(&mut [0; 16]).await.unwrap();
        assert_eq!(from.as_abstract_name(), Some(&name("here").as_bytes()[1..]));
        there.connect(name("here")).unwrap();
        there.send(b"answer").await.unwrap();
        assert_eq!(here.recv(&mut [0; 16]).await.unwrap(), 6);
        assert!(!std::path::Path::new(&name("there")[1..]).exists());
    });
}

#[test]
fn a_path_that_is_none_is_refused_by_every_kind_of_socket() {
    on_a_loop(async || {
        let here = UnixDatagram::unbound().unwrap();
        for nothing in ["", "\0", "in the\0middle"] {
            let refusals = [
                UnixListener::bind(nothing).map(drop),
                UnixStream::connect(nothing).await.map(drop),
                UnixDatagram::bind(nothing).map(drop),
                here.connect(nothing),
                here.send_to(b"x", nothing).await.map(drop),
            ];
            for refused in refusals {
                assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidInput, "{nothing:?}");
            }
        }
    });
}

#[test]
fn a_buffer_larger_than_any_is_as_large_as_the_system_allows() {
    on_a_loop(async || {
        let (here, _there) = UnixStream::pair().unwrap();
        for size in [1 << 32, usize::MAX] {
            let (received, sent) =
                (here.recv_buffer_size().unwrap(), here.send_buffer_size().unwrap());
            here.set_recv_buffer_size(size).unwrap();
            here.set_send_buffer_size(size).unwrap();
            assert!(here.recv_buffer_size().unwrap() >= received);
            assert!(here.send_buffer_size().unwrap() >= sent);
        }
    });
}

#[test]
fn a_receive_that_is_given_up_loses_nothing_and_leaves_nobody_waiting() {
    on_a_loop(async || {
        let (here, there) = UnixDatagram::pair().unwrap();
        let waiting = spawn(async move {
            let _ = there.recv(&mut [0; 8]).await;
        });
        wait_all_tasks_blocked().await;
        waiting.cancel();
        waiting.await.unwrap_err();
        sleep(ms(3_600_000)).await;
        assert!(here.send(b"to nobody").await.is_err());
    });
}

#[test]
fn a_socket_used_or_dropped_on_another_thread_does_no_harm() {
    on_a_loop(async || {
        let (stream, mut peer) = UnixStream::pair().unwrap();
        let (datagram, _other) = UnixDatagram::pair().unwrap();
        let place = Place::new("afar");
        let listener = UnixListener::bind(&place.0).unwrap();
        let answers = std::thread::spawn(move || {
            use futures_lite::future::block_on;
            let mut stream = stream;
            let answers = [
                block_on(stream.read(&mut [0; 1])).map(|_| ()),
                block_on(datagram.send(b"x")).map(|_| ()),
                block_on(listener.accept()).map(|_| ()),
            ];
            answers.map(|answer| answer.unwrap_err().get_ref().unwrap().is::<WrongLoop>())
        });
        assert_eq!(answers.join().unwrap(), [true; 3]);
        yield_now().await;
        assert_eq!(peer.read(&mut [0; 1]).await.unwrap(), 0);
    });
}
