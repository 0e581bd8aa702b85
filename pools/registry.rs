//! The table of functions that a worker can find by name.
//!
//! A process cannot receive code, only the *name* of a function it already has. So every
//! `#[remote]` function is entered into a table, in whichever crate it is declared; the worker
//! is the same program, has the same table, and looks the name up. (Python's pickle does the
//! same: what travels of a function is `module.qualname`.)
//!
//! ```text
//!   #[remote] fn cpu_heavy(n: u64) -> u64 { .. }
//!       |
//!       |-- a constant of its own type   what submit() is given; is called like the function
//!       |-- impl RemoteFn for it         name, types, how to call it
//!       '-- a row of the table           name -> decode arguments, call, encode the result
//! ```
//!
//! # Invariants
//! - A name is one function: two rows of one name make every pool refuse to start.
//! - Parent and worker compare the *fingerprint* of their tables before the first job. Another
//!   build of the program is refused, because a compact format would not notice.
//!
//! Tutorial: the chapter on process pools. Before this: `bytes.rs`. After this: `wire.rs`.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bytes::{decode_from, drop_sent};
use crate::codec;
use crate::error::PoolError;

/// A function that worker processes can find: one marked with `#[remote]`.
///
/// Implemented by the attribute and by nothing else. `Args` is `()`, the type of the only
/// argument, or a tuple of their types (up to eight).
///
/// What is not marked is refused by the compiler, and so is every closure:
///
/// ```compile_fail,E0277
/// # use roundelay_pools::ProcessPool;
/// fn plain(n: u64) -> u64 { n }
/// # fn example(pool: &ProcessPool) {
/// pool.submit(plain, 5); // error: .. cannot be sent to a worker process
/// # }
/// ```
///
/// ```compile_fail,E0277
/// # use roundelay_pools::ProcessPool;
/// # fn example(pool: &ProcessPool, k: u64) {
/// pool.submit(|n: u64| n + k, 5);
/// # }
/// ```
///
/// ```compile_fail,E0277
/// # use roundelay_pools::ProcessPool;
/// # fn example(pool: &ProcessPool) {
/// pool.submit(|n: u64| n + 1, 5);
/// # }
/// ```
///
/// And so are declarations that cannot work:
///
/// ```compile_fail
/// #[roundelay_pools::remote(crate = roundelay_pools)]
/// async fn later(n: u64) -> u64 { n }
/// ```
///
/// ```compile_fail
/// #[roundelay_pools::remote(crate = roundelay_pools)]
/// fn biggest<T: Ord>(items: Vec<T>) -> Option<T> { items.into_iter().max() }
/// ```
///
/// ```compile_fail
/// struct Counter;
/// impl Counter {
///     #[roundelay_pools::remote(crate = roundelay_pools)]
///     fn count(&self) -> u64 { 1 }
/// }
/// ```
///
/// ```compile_fail
/// #[roundelay_pools::remote(crate = roundelay_pools)]
/// fn length(text: &str) -> usize { text.len() }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent to a worker process",
    label = "not a `#[remote]` function",
    note = "another process cannot receive code, only the *name* of a function it already has",
    note = "put `#[remote]` above the function; closures cannot be submitted to a process pool"
)]
pub trait RemoteFn: Copy + Send + 'static {
    /// What it takes: `()`, the one argument's type, or a tuple.
    type Args: Serialize + DeserializeOwned + Send + 'static;
    /// What it returns.
    type Output: Serialize + DeserializeOwned + Send + 'static;
    /// `module::name @ file:line:column`.
    #[doc(hidden)]
    const NAME: &'static str;
    #[doc(hidden)]
    fn call(args: Self::Args) -> Self::Output;
}

/// A row of the table.
pub struct Entry {
    pub(crate) name: &'static str,
    signature: fn() -> [&'static str; 2],
    pub(crate) call: CallEncoded,
}

/// Decodes arguments from these bytes of the frame; calls; appends the result to the last.
pub(crate) type CallEncoded = fn(&mut Vec<u8>, Range<usize>, &mut Vec<u8>) -> Result<(), CallError>;

/// A call that went wrong without a panic.
#[derive(Debug)]
pub enum CallError {
    #[doc(hidden)]
    BadArgs(String),
    #[doc(hidden)]
    BadResult(String),
}

impl Entry {
    /// The row of one function.
    pub const fn of<F: RemoteFn>() -> Entry {
        Entry { name: F::NAME, signature: signature::<F>, call: call_encoded::<F> }
    }
}

inventory::collect!(Entry);

fn signature<F: RemoteFn>() -> [&'static str; 2] {
    [std::any::type_name::<F::Args>(), std::any::type_name::<F::Output>()]
}

fn call_encoded<F: RemoteFn>(
    frame: &mut Vec<u8>,
    args: Range<usize>,
    result: &mut Vec<u8>,
) -> Result<(), CallError> {
    let args = decode_from(frame, args).map_err(CallError::BadArgs)?;
    let value = F::call(args);
    let encoded = codec::encode(&value, result).map_err(CallError::BadResult);
    drop_sent(value);
    encoded
}

pub(crate) struct Table {
    entries: HashMap<&'static str, &'static Entry>,
    duplicate: Option<&'static str>,
    fingerprint: u64,
}

/// The table of this program, made at the first use.
pub(crate) fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| Table::new(inventory::iter::<Entry>.into_iter()))
}

impl Table {
    fn new(rows: impl Iterator<Item = &'static Entry>) -> Table {
        let mut sorted: Vec<_> = rows.collect();
        sorted.sort_by_key(|row| row.name);
        let duplicate = sorted.windows(2).find(|pair| pair[0].name == pair[1].name);
        let mut fingerprint = Fingerprint::new();
        for row in &sorted {
            fingerprint.add(row.name);
            (row.signature)().into_iter().for_each(|part| fingerprint.add(part));
        }
        Table {
            duplicate: duplicate.map(|pair| pair[0].name),
            fingerprint: fingerprint.hash,
            entries: sorted.into_iter().map(|row| (row.name, row)).collect(),
        }
    }

    pub(crate) fn find(&self, name: &str) -> Option<&'static Entry> {
        self.entries.get(name).copied()
    }

    pub(crate) fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    pub(crate) fn check(&self) -> Result<(), PoolError> {
        self.duplicate.map_or(Ok(()), |name| Err(PoolError::TwoFunctions(name)))
    }
}

/// FNV-1a: not for secrets, but two builds of a program do not agree by accident.
struct Fingerprint {
    hash: u64,
}

impl Fingerprint {
    fn new() -> Fingerprint {
        Fingerprint { hash: 0xcbf2_9ce4_8422_2325 }
    }

    fn add(&mut self, text: &str) {
        // The zero at the end keeps "ab", "c" apart from "a", "bc".
        for byte in text.bytes().chain([0]) {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

/// Calls a function pointer with its arguments in a tuple.
pub trait Invoke<Args> {
    /// What the function returns.
    type Output;
    /// Calls it.
    fn invoke(self, args: Args) -> Self::Output;
}

impl<R> Invoke<()> for fn() -> R {
    type Output = R;
    fn invoke(self, (): ()) -> R {
        self()
    }
}

impl<A, R> Invoke<A> for fn(A) -> R {
    type Output = R;
    fn invoke(self, a: A) -> R {
        self(a)
    }
}

macro_rules! invoke_with_tuple {
    ($($Type:ident $name:ident),+) => {
        impl<R, $($Type),+> Invoke<($($Type,)+)> for fn($($Type),+) -> R {
            type Output = R;
            fn invoke(self, ($($name,)+): ($($Type,)+)) -> R {
                self($($name),+)
            }
        }
    };
}
invoke_with_tuple!(A a, B b);
invoke_with_tuple!(A a, B b, C c);
invoke_with_tuple!(A a, B b, C c, D d);
invoke_with_tuple!(A a, B b, C c, D d, E e);
invoke_with_tuple!(A a, B b, C c, D d, E e, F f);
invoke_with_tuple!(A a, B b, C c, D d, E e, F f, G g);
invoke_with_tuple!(A a, B b, C c, D d, E e, F f, G g, H h);

/// What `#[remote]` turns a function into. Not called by hand.
#[doc(hidden)]
#[macro_export]
macro_rules! __remote {
    (
        [$($docs:tt)*] [$($cfgs:tt)*]
        [$vis:vis fn $name:ident ( $($arg:ident : $ty:ty),* $(,)? ) $(-> $out:ty)?]
        $($function:tt)*
    ) => {
        $($cfgs)*
        #[doc = concat!(
            "`fn ", stringify!($name), "(", stringify!($($arg: $ty),*), ")"
            $(, " -> ", stringify!($out))?, "`, known to worker processes.\n\n"
        )]
        $($docs)*
        #[allow(non_camel_case_types, reason = "the struct has the function's name")]
        #[derive(Clone, Copy)]
        $vis struct $name {}

        // A struct without a value of its own, and a constant of that type: a unit struct would
        // be both, but clippy takes the call of one (`cpu_heavy(5);`) for a useless expression.
        $($cfgs)*
        #[doc(hidden)]
        #[allow(non_upper_case_globals, reason = "so has the constant")]
        $vis const $name: $name = $name {};

        // Inside this block the *type* is the struct, and the *value* is the function again:
        // a recursive call in its body calls the function.
        //
        // Names of items know no hygiene: another function of that scope may be called `args`, or
        // `str`, and would be meant by a pattern `args` or a type `str` written here. So nothing is
        // bound but one long name, and every other word has its whole path.
        $($cfgs)*
        const _: () = {
            $($function)*

            impl ::core::ops::Deref for $name {
                type Target = fn($($ty),*) $(-> $out)?;
                fn deref(&self) -> &Self::Target {
                    const { &($name as fn($($ty),*) $(-> $out)?) }
                }
            }

            impl $crate::RemoteFn for $name {
                type Args = $crate::__remote_args!($($ty),*);
                type Output = $crate::__remote_output!($($out)?);
                const NAME: &'static ::core::primitive::str = ::core::concat!(
                    ::core::module_path!(), "::", ::core::stringify!($name),
                    " @ ", ::core::file!(), ":", ::core::line!(), ":", ::core::column!()
                );
                fn call(__roundelay_args: Self::Args) -> Self::Output {
                    $crate::__private::Invoke::invoke(
                        $name as fn($($ty),*) $(-> $out)?,
                        __roundelay_args,
                    )
                }
            }

            $crate::__private::inventory::submit! { $crate::__private::Entry::of::<$name>() }
        };
    };
    ($($anything:tt)*) => {
        ::core::compile_error!(
            "#[remote] goes above a plain function whose arguments have plain names, such as \
             `fn name(a: u64, b: String) -> u64 { .. }`"
        );
    };
}

/// One argument stands for itself, several are a tuple, none is `()`.
#[doc(hidden)]
#[macro_export]
macro_rules! __remote_args {
    ($one:ty) => { $one };
    ($($several:ty),*) => { ($($several),*) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __remote_output {
    () => {
        ()
    };
    ($out:ty) => {
        $out
    };
}
