//! Promises about datagrams over UDP: whole, from whom they say, never taken for an end.

mod support;

use std::io::ErrorKind;
use std::net::{self, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;

use roundelay::testing::wait_all_tasks_blocked;
use roundelay::{UdpSocket, WrongLoop, select, sleep, spawn, yield_now};
use support::ms;
use support::sockets::{ANYWHERE, on_a_loop};

fn socket() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind(ANYWHERE).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// Two sockets, each connected to the other one.
fn pair() -> (UdpSocket, UdpSocket) {
    let ((one, first), (other, second)) = (socket(), socket());
    one.connect(second).unwrap();
    other.connect(first).unwrap();
    (one, other)
}

#[test]
fn what_had_come_before_the_other_side_was_fixed_is_still_received() {
    on_a_loop(async || {
        let ((here, ours), (there, theirs), (stranger, strange)) = (socket(), socket(), socket());
        stranger.send_to(b"early", ours).await.unwrap();
        // It is there: a look at it has found it.
        assert_eq!(here.peek_from(&mut [0; 9]).await.unwrap(), (5, strange));
        here.connect(theirs).unwrap();
        stranger.send_to(b"too late", ours).await.unwrap();
        there.send_to(b"ping", ours).await.unwrap();
        assert_eq!(here.recv_from(&mut [0; 9]).await.unwrap(), (5, strange));
        assert_eq!(here.recv_from(&mut [0; 9]).await.unwrap(), (4, theirs));
    });
}

#[test]
fn a_datagram_arrives_whole_and_says_whom_it_is_from() {
    on_a_loop(async || {
        let ((here, from), (there, to)) = (socket(), socket());
        for text in [&b"one"[..], b"two", &[7; 8000]] {
            assert_eq!(here.send_to(text, to).await.unwrap(), text.len());
            let mut buffer = [0; 9000];
            let (length, sender) = there.recv_from(&mut buffer).await.unwrap();
            assert_eq!((&buffer[..length], sender), (text, from));
        }
    });
}

#[test]
fn what_does_not_fit_is_cut_off_and_the_next_one_is_not_touched() {
    on_a_loop(async || {
        let (here, there) = pair();
        here.send(b"0123456789").await.unwrap();
        here.send(b"next").await.unwrap();
        let mut buffer = [0; 4];
        assert_eq!(there.recv(&mut buffer).await.unwrap(), 4);
        assert_eq!(&buffer, b"0123");
        assert_eq!(there.recv(&mut buffer).await.unwrap(), 4);
        assert_eq!(&buffer, b"next");
    });
}

#[test]
fn a_datagram_of_no_bytes_is_one_and_is_no_end() {
    on_a_loop(async || {
        let (here, there) = pair();
        assert_eq!(here.send(b"").await.unwrap(), 0);
        here.send(b"x").await.unwrap();
        let mut buffer = [0; 4];
        assert_eq!(there.recv(&mut buffer).await.unwrap(), 0);
        assert_eq!(there.recv(&mut buffer).await.unwrap(), 1);
    });
}

#[test]
fn peeking_leaves_the_datagram_where_it_is() {
    on_a_loop(async || {
        let (here, there) = pair();
        here.send(b"look").await.unwrap();
        let mut buffer = [0; 8];
        assert_eq!(there.peek(&mut buffer).await.unwrap(), 4);
        let (length, from) = there.peek_from(&mut buffer).await.unwrap();
        assert_eq!((length, from), (4, here.local_addr().unwrap()));
        assert_eq!(there.recv(&mut buffer).await.unwrap(), 4);
    });
}

#[test]
fn a_connected_socket_hears_only_its_peer() {
    on_a_loop(async || {
        let (here, there) = pair();
        let (stranger, _) = socket();
        let to = there.local_addr().unwrap();
        stranger.send_to(b"stranger", to).await.unwrap();
        here.send(b"friend").await.unwrap();
        let mut buffer = [0; 16];
        let length = there.recv(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..length], b"friend");
        assert_eq!(there.peer_addr().unwrap(), here.local_addr().unwrap());
        assert_eq!(stranger.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
    });
}

#[test]
fn a_peer_that_is_not_there_is_refused_at_a_later_call() {
    on_a_loop(async || {
        let (here, there) = pair();
        drop(there);
        here.send(b"anybody?").await.unwrap();
        let refused = here.recv(&mut [0; 1]).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn a_burst_is_received_to_the_last_one_with_one_piece_of_news() {
    on_a_loop(async || {
        let (here, there) = pair();
        let receiver = spawn(async move {
            let (mut buffer, mut got) = ([0; 4], Vec::new());
            while got.len() < 100 {
                assert_eq!(there.recv(&mut buffer).await.unwrap(), 4);
                got.push(u32::from_le_bytes(buffer));
            }
            got
        });
        wait_all_tasks_blocked().await;
        // The system tells of the first; the rest must be drained until it says "would block".
        for n in 0..100_u32 {
            here.send(&n.to_le_bytes()).await.unwrap();
        }
        assert_eq!(receiver.await.unwrap(), (0..100).collect::<Vec<u32>>());
    });
}

#[test]
fn several_tasks_may_receive_from_one_socket_and_each_datagram_goes_to_one() {
    on_a_loop(async || {
        let (here, there) = pair();
        let there = Rc::new(there);
        let receivers: Vec<_> = (0..10)
            .map(|_| {
                let there = Rc::clone(&there);
                spawn(async move {
                    let mut buffer = [0; 1];
                    there.recv(&mut buffer).await.unwrap();
                    buffer[0]
                })
            })
            .collect();
        wait_all_tasks_blocked().await;
        for n in 0..10 {
            here.send(&[n]).await.unwrap();
        }
        let mut got = Vec::new();
        for receiver in receivers {
            got.push(receiver.await.unwrap());
        }
        got.sort_unstable();
        assert_eq!(got, (0..10).collect::<Vec<u8>>());
    });
}

#[test]
fn a_receive_that_is_given_up_loses_no_datagram_and_leaves_nobody_waiting() {
    on_a_loop(async || {
        let (here, there) = pair();
        for _ in 0..3 {
            let mut buffer = [0; 8];
            let given_up = select(there.recv(&mut buffer), yield_now()).await;
            assert!(format!("{given_up:?}").starts_with("Right"), "{given_up:?}");
        }
        // Made-up time stands still while somebody waits for a socket.
        sleep(ms(3_600_000)).await;
        here.send(b"kept").await.unwrap();
        let mut buffer = [0; 8];
        assert_eq!(there.recv(&mut buffer).await.unwrap(), 4);
    });
}

#[test]
fn who_always_finds_a_datagram_lets_the_others_have_their_turn() {
    on_a_loop(async || {
        let (socket, itself) = socket();
        socket.connect(itself).unwrap();
        let busy = spawn(async move {
            loop {
                socket.send(b"round").await.unwrap();
                socket.recv(&mut [0; 8]).await.unwrap();
            }
        });
        for _ in 0..100 {
            yield_now().await;
        }
        assert!(!busy.is_finished());
        busy.cancel();
    });
}

#[test]
fn a_datagram_that_is_too_long_is_an_error_and_the_socket_stays_good() {
    on_a_loop(async || {
        let (here, there) = pair();
        assert!(here.send(&[0; 100_000]).await.is_err());
        here.send(b"ok").await.unwrap();
        assert_eq!(there.recv(&mut [0; 8]).await.unwrap(), 2);
    });
}

#[test]
fn options_are_kept() {
    on_a_loop(async || {
        let (socket, _) = socket();
        assert!(!socket.broadcast().unwrap());
        socket.set_broadcast(true).unwrap();
        socket.set_ttl(7).unwrap();
        assert_eq!((socket.broadcast().unwrap(), socket.ttl().unwrap()), (true, 7));
        socket.set_multicast_loop_v4(true).unwrap();
        let (group, ours) = (Ipv4Addr::new(239, 1, 2, 3), Ipv4Addr::LOCALHOST);
        // A machine may have no multicast at all; then joining says so, and nothing hangs.
        if socket.join_multicast_v4(&group, &ours).is_ok() {
            socket.leave_multicast_v4(&group, &ours).unwrap();
        }
        assert!(socket.leave_multicast_v4(&group, &ours).is_err());
    });
}

#[test]
fn ipv6_works_where_there_is_ipv6() {
    on_a_loop(async || {
        let Ok(here) = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0).into()) else { return };
        let there = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0).into()).unwrap();
        here.send_to(b"six", there.local_addr().unwrap()).await.unwrap();
        assert_eq!(there.recv(&mut [0; 8]).await.unwrap(), 3);
        let _ = there.join_multicast_v6(&"ff02::1234".parse().unwrap(), 0);
        let _ = there.leave_multicast_v6(&"ff02::1234".parse().unwrap(), 0);
    });
}

#[test]
fn a_socket_of_stds_can_be_taken_up_and_given_back() {
    on_a_loop(async || {
        let theirs = net::UdpSocket::bind(ANYWHERE).unwrap();
        let ours = UdpSocket::from_std(theirs).unwrap();
        let (there, to) = socket();
        ours.send_to(b"x", to).await.unwrap();
        let given_back = ours.into_std();
        given_back.send_to(b"yz", to).unwrap();
        assert_eq!(there.recv(&mut [0; 8]).await.unwrap(), 1);
        assert_eq!(there.recv(&mut [0; 8]).await.unwrap(), 2);
        // It can be taken up again: nothing of the first registration is left.
        assert!(UdpSocket::from_std(given_back).is_ok());
    });
}

#[test]
fn a_socket_used_or_dropped_on_another_thread_does_no_harm() {
    on_a_loop(async || {
        let (here, there) = pair();
        let here = std::thread::spawn(move || {
            let error = futures_lite::future::block_on(here.send(b"from afar")).unwrap_err();
            assert!(error.get_ref().unwrap().is::<WrongLoop>(), "{error}");
            here
        });
        let here = here.join().unwrap();
        here.send(b"from home").await.unwrap();
        assert_eq!(there.recv(&mut [0; 16]).await.unwrap(), 9);
        std::thread::spawn(move || drop(there)).join().unwrap();
        yield_now().await;
        let (again, to) = socket();
        here.connect(to).unwrap();
        here.send(b"on it goes").await.unwrap();
        assert_eq!(again.recv(&mut [0; 16]).await.unwrap(), 10);
    });
}

#[test]
fn without_a_loop_it_says_what_to_do() {
    let error = UdpSocket::bind(ANYWHERE).unwrap_err();
    assert!(error.to_string().contains("roundelay::run"), "{error}");
}
