//! The shelf: memory for megabytes, used again.
//!
//! Fresh memory for megabytes costs more than copying them: the kernel maps and clears it page
//! by page. So frames that have been sent and bodies that have been decoded are put on a shelf,
//! and the next large one takes its memory from there.
//!
//! The simple version allocated anew each time. With it an echo of 16 MiB took about twice as
//! long, and a run of forty of them had eight times as many page faults.
//!
//! # Invariants
//! - At most [`SPARES`] pieces of at most [`LARGEST_SPARE`] bytes stay with the process.
//! - What is taken from the shelf may hold old bytes beyond its length: whoever takes it must
//!   not let them through.
//!
//! Tutorial: the chapter on process pools. Before this: `panics.rs`. After this: `linger.rs`.

use parking_lot::Mutex;

static SHELF: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
const SPARES: usize = 4;
const LARGEST_SPARE: usize = 32 << 20;

/// From this size on memory is worth keeping.
pub(crate) const LARGE: usize = 64 * 1024;

/// Nobody needs these bytes any more.
pub(crate) fn give_back(bytes: Vec<u8>) {
    if (LARGE..=LARGEST_SPARE).contains(&bytes.capacity()) {
        let mut shelf = SHELF.lock();
        if shelf.len() < SPARES {
            shelf.push(bytes);
        }
    }
}

/// For a body. A small one gets memory of its own, and no body gets far too much: a result keeps
/// its memory until somebody takes it.
pub(crate) fn memory_for(length: usize) -> Vec<u8> {
    if length < LARGE {
        return Vec::new();
    }
    let mut shelf = SHELF.lock();
    match shelf.iter().position(|spare| spare.capacity() / 4 <= length) {
        Some(place) => shelf.swap_remove(place),
        None => Vec::new(),
    }
}

/// For a frame whose size nobody knows yet: whatever lies there.
pub(crate) fn any_spare() -> Vec<u8> {
    SHELF.lock().pop().unwrap_or_default()
}
