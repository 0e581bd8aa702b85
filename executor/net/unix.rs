//! Unix-domain streams: connections inside of one machine, addressed by a path.
//!
//! How bytes move is told in `stream.rs`; what is left are the ways to get one, and the
//! question who is at the other end.
//!
//! Tutorial: chapter 7. Before this: `unix_name.rs`. After this: `unix_listener.rs`.

use std::io;
use std::os::unix::net::{self, SocketAddr};
use std::path::Path;

use socket2::{Domain, SockAddr, Socket, Type};

use crate::net::stream::SocketStream;
use crate::net::unix_name::address_of;

/// A Unix-domain connection. All of its verbs are those of [`SocketStream`].
///
/// ```
/// use futures_lite::{AsyncReadExt, AsyncWriteExt};
/// use roundelay_executor::{UnixStream, run};
///
/// run(async {
///     let (mut here, mut there) = UnixStream::pair()?;
///     here.write_all(b"ping").await?;
///     here.close().await?;
///     let mut text = String::new();
///     there.read_to_string(&mut text).await?;
///     assert_eq!(text, "ping");
///     std::io::Result::Ok(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub type UnixStream = SocketStream<net::UnixStream>;

impl UnixStream {
    /// Connects to the listener at `path`. On Linux a path that begins with a zero byte is an
    /// abstract name, here and for all Unix-domain sockets: `"\0inn"`.
    ///
    /// # Errors
    /// `InvalidInput` for an empty path, or one with a zero in its middle. What the system says:
    /// there is no such path, or nobody listens there any more
    /// (refused). [`ResourceBusy`](io::ErrorKind::ResourceBusy) if the listener has more
    /// connections waiting than it keeps: the system gives no sign when that is over, so try
    /// again after a pause, for instance with [`retry`](crate::retry()).
    ///
    /// *Cancel safety: safe.*
    ///
    /// ```
    /// use roundelay_executor::{UnixStream, run};
    ///
    /// let nobody = run(UnixStream::connect("/no/such/socket")).unwrap_err();
    /// assert_eq!(nobody.kind(), std::io::ErrorKind::NotFound);
    /// ```
    #[doc(alias = "open_unix_connection")]
    pub async fn connect(path: impl AsRef<Path>) -> io::Result<UnixStream> {
        let path = path.as_ref();
        // Looked at by the rule for all; socket2 writes down the same name.
        address_of(path)?;
        let address = SockAddr::unix(path)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        SocketStream::connect_socket(socket, &address).await.map(without_shortcut)
    }

    /// Both ends of a connection that has no path.
    ///
    /// # Errors
    /// What the system says; no loop runs on this thread.
    #[doc(alias = "socketpair")]
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (one, other) = net::UnixStream::pair()?;
        Ok((UnixStream::from_std(one)?, UnixStream::from_std(other)?))
    }

    /// Takes up a connection of std's on this loop. It does not block from now on.
    ///
    /// # Errors
    /// What the system says; no loop runs on this thread.
    ///
    /// ```
    /// use std::io::Read;
    /// use futures_lite::AsyncWriteExt;
    /// use roundelay_executor::{UnixStream, run};
    ///
    /// run(async {
    ///     let (here, mut there) = std::os::unix::net::UnixStream::pair()?;
    ///     let mut here = UnixStream::from_std(here)?;
    ///     here.write_all(b"ping").await?;
    ///     assert_eq!(there.read(&mut [0; 16])?, 4);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn from_std(stream: net::UnixStream) -> io::Result<UnixStream> {
        stream.set_nonblocking(true)?;
        SocketStream::new(stream).map(without_shortcut)
    }

    /// Our own address; a connecting side has usually none.
    ///
    /// # Errors
    /// What the system says.
    ///
    /// ```
    /// use roundelay_executor::{UnixListener, UnixStream, run};
    ///
    /// let path = std::env::temp_dir().join(format!("roundelay-addr-{}", std::process::id()));
    /// run(async {
    ///     let _listener = UnixListener::bind(&path)?.unlink_on_drop();
    ///     let client = UnixStream::connect(&path).await?;
    ///     assert!(client.local_addr()?.is_unnamed());
    ///     assert_eq!(client.peer_addr()?.as_pathname(), Some(path.as_path()));
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.watched.file.local_addr()
    }

    /// The other side's address.
    ///
    /// # Errors
    /// What the system says.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.watched.file.peer_addr()
    }

    /// Who is at the other end, as the system saw it when the connection was made. It cannot
    /// be forged.
    ///
    /// # Errors
    /// What the system says; unsupported, except on Linux.
    ///
    /// ```
    /// use roundelay_executor::{UnixStream, run};
    ///
    /// run(async {
    ///     let (here, _there) = UnixStream::pair()?;
    ///     let other = here.peer_credentials()?;
    ///     assert_eq!(other.process, std::process::id()); // we talk to ourselves
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn peer_credentials(&self) -> io::Result<PeerCredentials> {
        #[cfg(target_os = "linux")]
        {
            let peer = rustix::net::sockopt::socket_peercred(&self.watched.file)?;
            Ok(PeerCredentials {
                process: peer.pid.as_raw_nonzero().get().unsigned_abs(),
                user: peer.uid.as_raw(),
                group: peer.gid.as_raw(),
            })
        }
        #[cfg(not(target_os = "linux"))]
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// A read of a Unix-domain stream also ends where a descriptor was sent along, which the other
/// side may do unasked: that it is short does not mean that there is no more.
fn without_shortcut(mut stream: UnixStream) -> UnixStream {
    stream.watched.short_is_all = false;
    stream
}

/// Who is at the other end of a [`UnixStream`]: see [`UnixStream::peer_credentials`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerCredentials {
    /// Its process. By now that may have ended, and the number may be another one's.
    pub process: u32,
    /// Its effective user.
    pub user: u32,
    /// Its effective group.
    pub group: u32,
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::{IoSlice, Write};
    use std::os::fd::AsFd;
    use std::pin::Pin;

    use futures_io::AsyncRead;
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

    use super::*;
    use crate::run::run;
    use crate::task::spawn;
    use crate::testing::wait_all_tasks_blocked;

    #[test]
    #[cfg_attr(miri, ignore = "sets an option of a socket pair")]
    fn a_descriptor_that_was_sent_along_does_not_hide_what_comes_after_it() {
        let (ours, mut theirs) = net::UnixStream::pair().unwrap();
        let got = run(async {
            let mut stream = UnixStream::from_std(ours).unwrap();
            let reader = spawn(async move {
                let (mut got, mut buffer) = (Vec::<u8>::new(), [0; 64]);
                while got.len() < 6 {
                    let read = poll_fn(|cx| Pin::new(&mut stream).poll_read(cx, &mut buffer));
                    let count = read.await.unwrap();
                    got.extend(&buffer[..count]);
                }
                got
            });
            wait_all_tasks_blocked().await;
            // One piece of news for all of it; and a read ends where the descriptor was.
            let mut room = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut along = SendAncillaryBuffer::new(&mut room);
            let descriptors = [theirs.as_fd()];
            assert!(along.push(SendAncillaryMessage::ScmRights(&descriptors)));
            sendmsg(&theirs, &[IoSlice::new(b"abc")], &mut along, SendFlags::empty()).unwrap();
            theirs.write_all(b"def").unwrap();
            reader.await.unwrap()
        });
        assert_eq!(got, b"abcdef");
    }
}
