//! Which exercise is meant.
//!
//! Tutorial: the exercises. Before this: `progress.rs`. After this: `steps.rs`.

use crate::about::About;
use crate::learn::progress::Progress;

/// The first exercise that has not passed yet.
pub fn next<'a>(all: &'a [About], progress: &Progress) -> Option<&'a About> {
    all.iter().find(|about| !progress.of(&about.name).passed)
}

/// The exercise of that name, or of that part of a name; without one, the next.
///
/// # Errors
/// A sentence: there is none, or several fit.
pub fn choose<'a>(
    all: &'a [About],
    progress: &Progress,
    name: Option<&str>,
) -> Result<&'a About, String> {
    let Some(name) = name else {
        return next(all, progress).ok_or_else(|| {
            "all exercises have passed; name one to do it again (`cargo learn list`)".to_owned()
        });
    };
    let name = name.trim_end_matches(".rs");
    if let Some(exact) = all.iter().find(|about| about.name == name) {
        return Ok(exact);
    }
    let alike: Vec<&About> = all.iter().filter(|about| about.name.contains(name)).collect();
    match alike.as_slice() {
        [one] => Ok(one),
        [] => Err(format!("there is no exercise `{name}`; `cargo learn list` lists them all")),
        many => {
            let names: Vec<&str> = many.iter().map(|about| about.name.as_str()).collect();
            Err(format!("`{name}` may mean {}; write more of the name", names.join(", ")))
        }
    }
}
