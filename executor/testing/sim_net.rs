//! A network in memory: hosts by name, and weather from one seed.
//!
//! ```text
//!   net.listen("server") <------ delay, short reads, resets, a cut ------ net.connect("client", "server")
//! ```
//!
//! A real network is late, hands over half a message, and breaks at the worst moment, but never
//! when a test looks. This one does it from a seed: [`explore`](super::explore()) runs a test in
//! many kinds of weather, and again in the one that broke it.
//!
//! # Invariants
//! - All times are on the loop's clock, all chance from the net's generator: with the same seed
//!   the same bytes arrive at the same moments.
//! - A cut loses nothing: what was under way arrives when it heals, as with TCP.
//!
//! Tutorial: chapter 19. Before this: `sim_stream.rs`. After this: `../attributes.rs`.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::rc::{Rc, Weak};

use crate::net::accept::Accept;
use crate::sync::notify::Notify;
use crate::testing::sim_pipe::{Pipe, SimWeather, Sky};
use crate::testing::sim_stream::{SharedPipe, SimStream, alter};
use crate::time::sleep::sleep;

/// A network in memory. Clones are the same network.
///
/// ```
/// use std::time::Duration;
/// use futures_lite::{AsyncReadExt, AsyncWriteExt};
/// use roundelay_executor::{spawn, testing::{SimNet, SimWeather, explore}};
///
/// explore(0..20, async || {
///     let net = SimNet::new(SimWeather::usual());
///     let listener = net.listen("server").unwrap();
///     let server = spawn(async move {
///         let (mut stream, from) = listener.accept().await.unwrap();
///         assert_eq!(from, "client");
///         stream.write_all(b"hello").await.unwrap();
///     });
///     let mut stream = net.connect("client", "server").await.unwrap();
///     let mut text = String::new();
///     stream.read_to_string(&mut text).await.unwrap();
///     assert_eq!(text, "hello");
///     server.await.unwrap();
/// });
/// ```
#[derive(Clone)]
pub struct SimNet {
    shared: Rc<Shared>,
}

struct Shared {
    sky: Sky,
    listeners: RefCell<BTreeMap<Rc<str>, Rc<RefCell<Backlog>>>>,
    links: RefCell<Vec<Link>>,
    cuts: RefCell<BTreeSet<[Rc<str>; 2]>>,
    /// Who waits for a cut to heal.
    healed: Notify,
}

/// One direction of a connection, and between whom.
struct Link {
    hosts: [Rc<str>; 2],
    pipe: Weak<RefCell<Pipe>>,
}

/// What nobody has accepted yet.
#[derive(Default)]
struct Backlog {
    streams: VecDeque<SimStream>,
    /// There is one more. All are told: the one who is next may have given up.
    arrived: Notify,
}

impl SimNet {
    /// A network with this weather. Its chance comes from [`Random::new`](crate::Random::new), and
    /// so from the seed of the test.
    #[must_use]
    pub fn new(weather: SimWeather) -> SimNet {
        SimNet {
            shared: Rc::new(Shared {
                sky: Sky::new(weather),
                listeners: RefCell::default(),
                links: RefCell::default(),
                cuts: RefCell::default(),
                healed: Notify::new(),
            }),
        }
    }

    /// Listens as `host`, until the listener is dropped.
    ///
    /// # Errors
    /// [`AddrInUse`](ErrorKind::AddrInUse) if somebody does already.
    pub fn listen(&self, host: &str) -> io::Result<SimListener> {
        let host: Rc<str> = host.into();
        let mut listeners = self.shared.listeners.borrow_mut();
        if listeners.contains_key(&host) {
            let text = format!("somebody listens as {host:?} already; drop that listener first");
            return Err(io::Error::new(ErrorKind::AddrInUse, text));
        }
        let backlog = Rc::default();
        listeners.insert(Rc::clone(&host), Rc::clone(&backlog));
        Ok(SimListener { shared: Rc::clone(&self.shared), host, backlog })
    }

    /// Connects from one host to another: the weather's delay there, and another one back. While
    /// the two are cut off from each other it waits, as TCP does: put a
    /// [`timeout`](crate::timeout()) around it.
    ///
    /// # Errors
    /// [`ConnectionRefused`](ErrorKind::ConnectionRefused) if nobody listens there.
    ///
    /// *Cancel safety: safe.* The other end may see a connection that ends at once.
    ///
    /// ```
    /// use roundelay_executor::{run, testing::{SimNet, SimWeather}};
    ///
    /// let net = SimNet::new(SimWeather::calm());
    /// let refused = run(net.connect("client", "server")).unwrap_err();
    /// assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused); // nobody listens
    /// ```
    pub async fn connect(&self, from: &str, to: &str) -> io::Result<SimStream> {
        let shared = &self.shared;
        let (from, to): (Rc<str>, Rc<str>) = (from.into(), to.into());
        let hosts = pair(&from, &to);
        shared.way(&hosts).await;
        let backlog = shared.listeners.borrow().get(&to).map(Rc::clone);
        let Some(backlog) = backlog else {
            let text = format!("nobody listens as {to:?} in this simulated network");
            return Err(io::Error::new(ErrorKind::ConnectionRefused, text));
        };
        let is_cut = shared.is_cut(&hosts);
        let [here, there] = SimStream::pair(&shared.sky, [from, to], is_cut);
        shared.note(&hosts, here.pipes());
        let arrived = {
            let mut backlog = backlog.borrow_mut();
            backlog.streams.push_back(there);
            backlog.arrived.clone()
        };
        arrived.notify_all();
        shared.way(&hosts).await;
        Ok(here)
    }

    /// Cuts two hosts off from each other: nothing arrives until [`SimNet::heal`]. What is written
    /// meanwhile is under way, as long as there is room.
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_executor::{testing::{SimNet, SimWeather, TestRun}, timeout};
    ///
    /// TestRun::new().run(async |_seed| {
    ///     let net = SimNet::new(SimWeather::calm());
    ///     let _listener = net.listen("server").unwrap();
    ///     net.cut("client", "server");
    ///     let minute = Duration::from_secs(60);
    ///     assert!(timeout(minute, net.connect("client", "server")).await.is_err());
    ///     net.heal("client", "server");
    ///     assert!(timeout(minute, net.connect("client", "server")).await.is_ok());
    /// });
    /// ```
    pub fn cut(&self, one: &str, other: &str) {
        let hosts = pair(&one.into(), &other.into());
        self.shared.cuts.borrow_mut().insert(hosts.clone());
        self.shared.each_pipe(&hosts, |pipe| pipe.set_cut(true));
    }

    /// Ends a cut.
    pub fn heal(&self, one: &str, other: &str) {
        let hosts = pair(&one.into(), &other.into());
        self.shared.cuts.borrow_mut().remove(&hosts);
        self.shared.each_pipe(&hosts, |pipe| pipe.set_cut(false));
        self.shared.healed.notify_all();
    }

    /// Resets every connection between two hosts: see [`SimStream::reset`].
    ///
    /// ```
    /// use futures_lite::AsyncReadExt;
    /// use roundelay_executor::{run, testing::{SimNet, SimWeather}};
    ///
    /// run(async {
    ///     let net = SimNet::new(SimWeather::calm());
    ///     let _listener = net.listen("server")?;
    ///     let mut client = net.connect("client", "server").await?;
    ///     net.reset("server", "client"); // whichever comes first
    ///     let error = client.read(&mut [0; 16]).await.unwrap_err();
    ///     assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn reset(&self, one: &str, other: &str) {
        self.shared.each_pipe(&pair(&one.into(), &other.into()), Pipe::reset);
    }
}

/// Two hosts, whichever comes first.
fn pair(one: &Rc<str>, other: &Rc<str>) -> [Rc<str>; 2] {
    let mut hosts = [Rc::clone(one), Rc::clone(other)];
    hosts.sort();
    hosts
}

impl Shared {
    fn is_cut(&self, hosts: &[Rc<str>; 2]) -> bool {
        self.cuts.borrow().contains(hosts)
    }

    /// One way between two hosts: the delay, and as long as they are cut off.
    async fn way(&self, hosts: &[Rc<str>; 2]) {
        let delay = self.sky.delay();
        if !delay.is_zero() {
            sleep(delay).await;
        }
        while self.is_cut(hosts) {
            self.healed.notified().await;
        }
    }

    fn note(&self, hosts: &[Rc<str>; 2], pipes: [&SharedPipe; 2]) {
        let mut links = self.links.borrow_mut();
        links.retain(|link| link.pipe.strong_count() > 0);
        let new = pipes.map(|pipe| Link { hosts: hosts.clone(), pipe: Rc::downgrade(pipe) });
        links.extend(new);
    }

    fn each_pipe(&self, hosts: &[Rc<str>; 2], mut each: impl FnMut(&mut Pipe)) {
        let pipes: Vec<SharedPipe> = {
            let links = self.links.borrow();
            let between = links.iter().filter(|link| link.hosts == *hosts);
            between.filter_map(|link| link.pipe.upgrade()).collect()
        };
        pipes.iter().for_each(|pipe| alter(pipe, &mut each));
    }
}

impl fmt::Debug for SimNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.shared.listeners.borrow();
        f.debug_struct("SimNet").field("listening", &hosts.keys()).finish_non_exhaustive()
    }
}

/// Accepts the connections to one host of a [`SimNet`]. Dropping it closes those that nobody has
/// accepted.
///
/// A [`Server`](crate::Server) can take its connections from it, so a whole server can be
/// [explored](super::explore()):
///
/// ```
/// use std::time::Duration;
/// use futures_lite::{AsyncReadExt, AsyncWriteExt};
/// use roundelay_executor::{serve, testing::{SimNet, SimStream, SimWeather, explore}};
///
/// explore(0..20, async || {
///     let net = SimNet::new(SimWeather::usual());
///     let server = serve(net.listen("server").unwrap(), async |mut stream: SimStream, _host| {
///         stream.write_all(b"hello").await
///     });
///     let mut text = String::new();
///     net.connect("client", "server").await.unwrap().read_to_string(&mut text).await.unwrap();
///     assert_eq!(text, "hello");
///     assert_eq!(server.drain(Duration::from_secs(1)).await, 0);
/// });
/// ```
pub struct SimListener {
    shared: Rc<Shared>,
    host: Rc<str>,
    backlog: Rc<RefCell<Backlog>>,
}

impl SimListener {
    /// The next connection, and the host from which it comes.
    ///
    /// # Errors
    /// None so far; the signature is that of [`TcpListener`](crate::TcpListener).
    ///
    /// *Cancel safety: safe.* No connection is lost.
    pub async fn accept(&self) -> io::Result<(SimStream, String)> {
        let stream = loop {
            let arrived = {
                let mut backlog = self.backlog.borrow_mut();
                match backlog.streams.pop_front() {
                    Some(stream) => break stream,
                    None => backlog.arrived.notified(),
                }
            };
            arrived.await;
        };
        let peer = stream.peer_name().to_owned();
        Ok((stream, peer))
    }

    /// The host that it listens as.
    ///
    /// ```
    /// use roundelay_executor::testing::{SimNet, SimWeather};
    ///
    /// let net = SimNet::new(SimWeather::calm());
    /// let listeners = ["mail", "news"].map(|host| net.listen(host).unwrap());
    /// assert_eq!(listeners.each_ref().map(|it| it.local_name()), ["mail", "news"]);
    /// ```
    #[must_use]
    pub fn local_name(&self) -> &str {
        &self.host
    }
}

impl Accept for SimListener {
    type Stream = SimStream;
    type Peer = String;

    fn accept(&self) -> impl Future<Output = io::Result<(SimStream, String)>> {
        SimListener::accept(self)
    }
}

impl Drop for SimListener {
    fn drop(&mut self) {
        let ours = self.shared.listeners.borrow_mut().remove(&self.host);
        drop(ours);
        let left = std::mem::take(&mut *self.backlog.borrow_mut());
        drop(left);
    }
}

impl fmt::Debug for SimListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimListener").field("host", &self.host).finish_non_exhaustive()
    }
}
