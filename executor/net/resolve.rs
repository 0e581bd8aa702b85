//! Looking up names.
//!
//! The system's look-up (`getaddrinfo`) blocks, now and then for minutes, and cannot be
//! stopped. So it happens in threads, and in few threads that do nothing else: four names whose
//! server does not answer cost the others their look-ups until then, but neither the files nor
//! the computations of [`to_thread`](crate::to_thread()), and no shutdown waits for them.
//!
//! ```text
//!   "10.0.0.1:80"  -----------------------------------------> [10.0.0.1:80]     no thread
//!   "name:80" --> queue --> one of 4 threads --> getaddrinfo --> addresses
//!                   \________ deadline ________/ --> TimedOut
//! ```
//!
//! # Invariants
//! - A numeric address never goes to a thread. (`fe80::1%eth0` is a name: which number its
//!   interface has, only the system knows.)
//! - Who gives up is free at once. A look-up that has not begun never begins; one that hangs
//!   keeps its thread until the system answers, or the process ends.
//!
//! Tutorial: chapter 15. Before this: `endpoint.rs`. After this: `connect.rs`.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use roundelay_pools::{JobError, ThreadPool};

use crate::net::endpoint::{Endpoint, Place};
use crate::run_on::run_on;
use crate::time::timeout::timeout;

/// The addresses behind a name, in the order in which the system prefers them; never none.
///
/// The same as [`Resolver::system`]`().lookup(endpoint)`.
///
/// # Errors
/// [`LookupError`], as the inner error of an `io::Error` of a fitting kind.
///
/// *Cancel safety: safe.* The look-up is given up; one that has begun ends in its thread.
///
/// # Panics
/// If a name is looked up where no event loop runs.
///
/// ```
/// use roundelay_executor::{lookup_host, run};
///
/// run(async {
///     let addresses = lookup_host("localhost:80").await?;
///     assert!(addresses.iter().all(|address| address.ip().is_loopback()));
///     std::io::Result::Ok(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "getaddrinfo")]
#[doc(alias = "resolve")]
pub async fn lookup_host(endpoint: impl Into<Endpoint>) -> io::Result<Vec<SocketAddr>> {
    SYSTEM.lookup(endpoint).await
}

/// Looks up names: with the system's function or another one, up to a deadline, in threads of
/// its own.
///
/// Clones share the threads. When the last one is dropped, they leave when they are idle.
///
/// ```
/// use std::net::SocketAddr;
/// use roundelay_executor::{Resolver, TcpStream, run};
///
/// let hosts = Resolver::new(|host, port| match host {
///     "printer" => Ok(vec![SocketAddr::from(([192, 168, 0, 7], port))]),
///     _ => Err(std::io::ErrorKind::NotFound.into()),
/// });
/// let found = run(hosts.lookup("printer:9100"))?;
/// assert_eq!(found[0].to_string(), "192.168.0.7:9100");
/// // ... and then: TcpStream::connect(found).await?
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Resolver {
    look_up: LookUp,
    pool: Arc<ThreadPool>,
    deadline: Duration,
}

type LookUp = Arc<dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync>;

/// How many names are looked up at once, in one resolver.
const THREADS: usize = 4;

/// The system asks two servers for five seconds each, unless it is told otherwise.
const DEADLINE: Duration = Duration::from_secs(20);

/// Shared by all loops of the process, and never waited for.
static SYSTEM: LazyLock<Resolver> = LazyLock::new(|| {
    Resolver::new(|host, port| (host, port).to_socket_addrs().map(Iterator::collect))
});

impl Resolver {
    /// The system's own, with a deadline of 20 seconds. All of these share their threads.
    ///
    /// ```
    /// use std::time::Duration;
    /// use roundelay_executor::{Resolver, run};
    ///
    /// let patient = Resolver::system().deadline(Duration::from_secs(60));
    /// let found = run(patient.lookup("localhost:80"))?;
    /// assert!(found.iter().all(|address| address.ip().is_loopback()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn system() -> Resolver {
        SYSTEM.clone()
    }

    /// One that calls `look_up` with host and port, in a thread that may block. It has four
    /// threads, which are started when they are needed.
    pub fn new(
        look_up: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Resolver {
        let pool = ThreadPool::builder().threads(THREADS).name("roundelay-lookup").build();
        Resolver { look_up: Arc::new(look_up), pool: Arc::new(pool), deadline: DEADLINE }
    }

    /// Gives each look-up so long, waiting for a thread included. A virtual clock does not
    /// jump over a look-up that is under way, so this does not pass in it.
    ///
    /// ```
    /// use std::{io::ErrorKind, time::Duration};
    /// use roundelay_executor::{Resolver, run};
    ///
    /// let (_hold, silence) = std::sync::mpsc::channel::<()>();
    /// let silence = std::sync::Mutex::new(silence);
    /// let slow = Resolver::new(move |_, _| {
    ///     let _ = silence.lock().unwrap().recv(); // for as long as `_hold` is there
    ///     Ok(Vec::new())
    /// });
    /// let found = run(slow.deadline(Duration::from_millis(1)).lookup("printer:9100"));
    /// assert_eq!(found.unwrap_err().kind(), ErrorKind::TimedOut);
    /// ```
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Resolver {
        self.deadline = deadline;
        self
    }

    /// The addresses behind a name, in the order in which they were given; never none.
    ///
    /// # Errors
    /// [`LookupError`], as the inner error of an `io::Error` of a fitting kind.
    ///
    /// *Cancel safety: safe.* The look-up is given up; one that has begun ends in its thread.
    ///
    /// # Panics
    /// If a name is looked up where no event loop runs.
    ///
    /// ```
    /// use roundelay_executor::{Resolver, run};
    ///
    /// let empty = Resolver::new(|_, _| Ok(Vec::new()));
    /// let nowhere = run(empty.lookup("printer:9100")).unwrap_err();
    /// assert_eq!(nowhere.kind(), std::io::ErrorKind::NotFound);
    /// let address = run(empty.lookup("127.0.0.1:80"))?; // is one, and need not be looked up
    /// assert_eq!(address[0].port(), 80);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn lookup(&self, endpoint: impl Into<Endpoint>) -> io::Result<Vec<SocketAddr>> {
        let (host, port) = match endpoint.into().place {
            Place::Addresses(addresses) if addresses.is_empty() => {
                return Err(LookupError::EmptyList.into());
            }
            Place::Addresses(addresses) => return Ok(addresses),
            Place::Nonsense(text) => return Err(LookupError::NotAnEndpoint { text }.into()),
            Place::Name { host, port } => (host, port),
        };
        let (look_up, name) = (Arc::clone(&self.look_up), host.clone());
        let job = run_on(&*self.pool, move || look_up(&host, port));
        match timeout(self.deadline, job).await {
            Err(_) => Err(LookupError::TimedOut { name, limit: self.deadline }.into()),
            Ok(Err(cause)) => Err(LookupError::NotRun { name, cause }.into()),
            Ok(Ok(Err(cause))) => Err(LookupError::Failed { name, cause }.into()),
            Ok(Ok(Ok(none))) if none.is_empty() => Err(LookupError::NoAddress { name }.into()),
            Ok(Ok(Ok(addresses))) => Ok(addresses),
        }
    }
}

/// Why a name has no address. It comes inside of an `io::Error`: `error.get_ref()`.
#[derive(Debug)]
#[non_exhaustive]
pub enum LookupError {
    /// The text is not `host:port`. Kind: invalid input.
    NotAnEndpoint {
        /// The text.
        text: String,
    },
    /// There was a list of addresses, and none in it. Kind: invalid input.
    EmptyList,
    /// The system does not know the name, or could not ask. Kind: that of the cause.
    Failed {
        /// The name.
        name: String,
        /// What the system says.
        cause: io::Error,
    },
    /// The name is known and has no address. Kind: not found.
    NoAddress {
        /// The name.
        name: String,
    },
    /// Nobody has answered in time. Kind: timed out.
    TimedOut {
        /// The name.
        name: String,
        /// The deadline.
        limit: Duration,
    },
    /// The look-up panicked, or no thread could be started for it. Kind: other.
    NotRun {
        /// The name.
        name: String,
        /// What happened to the job.
        cause: JobError,
    },
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LookupError::NotAnEndpoint { text } => write!(
                f,
                "{text:?} is not a host and a port; write \"name:80\", \"10.0.0.1:80\" or \
                 \"[::1]:80\""
            ),
            LookupError::EmptyList => f.write_str(
                "the list of addresses is empty, so there is nowhere to connect to; give it one, or \
                 look at where the list comes from",
            ),
            LookupError::Failed { name, cause } => {
                write!(f, "the name {name:?} could not be looked up: {cause}")
            }
            LookupError::NoAddress { name } => {
                write!(f, "the name {name:?} has no address; check its spelling")
            }
            LookupError::TimedOut { name, limit } => write!(
                f,
                "nobody has said within {limit:?} which address the name {name:?} has; the name \
                 server may be out of reach, so try again, or give a number instead of the name"
            ),
            LookupError::NotRun { name, cause } => {
                write!(f, "the name {name:?} was not looked up: {cause}")
            }
        }
    }
}

impl std::error::Error for LookupError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            LookupError::Failed { cause, .. } => Some(cause),
            LookupError::NotRun { cause, .. } => Some(cause),
            _ => None,
        }
    }
}

impl From<LookupError> for io::Error {
    fn from(error: LookupError) -> io::Error {
        let kind = match &error {
            LookupError::NotAnEndpoint { .. } | LookupError::EmptyList => {
                io::ErrorKind::InvalidInput
            }
            LookupError::Failed { cause, .. } => cause.kind(),
            LookupError::NoAddress { .. } => io::ErrorKind::NotFound,
            LookupError::TimedOut { .. } => io::ErrorKind::TimedOut,
            LookupError::NotRun { .. } => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
