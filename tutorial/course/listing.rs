//! A listing: an item of the compiled source, cut out by its name.
//!
//! The source carries no marks for the book: a listing names a file and an item, and the
//! item's lines are found by reading the file as Rust does. When an item is renamed or
//! moved away, the book's check says so; when it changes, the listing changes with it.
//!
//! ```text
//!   runtime/ready.rs ReadyQueue::push   a method           ReadyQueue         a type
//!   executor/sleep.rs sleep             a function         Sleep as Future    a whole impl of a trait
//! ```
//!
//! Tutorial: the course's tools. Before this: `finding.rs`. After this: `program.rs`.

use std::path::Path;

use syn::spanned::Spanned;

/// Lines of a source file that belong to one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Its first line in the file, counted from 1.
    pub first: usize,
    /// Its last line.
    pub last: usize,
    /// The lines, moved to the left edge.
    pub text: String,
}

/// Cuts `item` out of the file at `path`, with its documentation.
///
/// # Errors
/// A sentence that says what is wrong: no such file, not Rust, no such item (with those that
/// there are), or two of that name.
pub fn cut(path: &Path, item: &str) -> Result<Listing, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    cut_from(&text, item).map_err(|what| format!("{}: {what}", path.display()))
}

/// As [`cut`], from a text.
///
/// # Errors
/// As [`cut`].
pub fn cut_from(text: &str, item: &str) -> Result<Listing, String> {
    let file = syn::parse_file(text).map_err(|error| format!("is not Rust: {error}"))?;
    let mut named = Vec::new();
    collect(&file.items, &mut named);
    let mut found = named.iter().filter(|(name, ..)| name == item);
    let Some(&(_, first, last)) = found.next() else {
        let names: Vec<&str> = named.iter().map(|(name, ..)| name.as_str()).collect();
        return Err(format!("has no item `{item}`; it has {}", names.join(", ")));
    };
    if found.next().is_some() {
        return Err(format!("has two items named `{item}`"));
    }
    Ok(Listing { first, last, text: at_the_left_edge(text, first, last) })
}

/// The names that can be cut out of a file, each with its first and last line.
fn collect(items: &[syn::Item], named: &mut Vec<(String, usize, usize)>) {
    for item in items {
        let name = match item {
            syn::Item::Fn(item) => item.sig.ident.to_string(),
            syn::Item::Struct(item) => item.ident.to_string(),
            syn::Item::Enum(item) => item.ident.to_string(),
            syn::Item::Trait(item) => item.ident.to_string(),
            syn::Item::Type(item) => item.ident.to_string(),
            syn::Item::Const(item) => item.ident.to_string(),
            syn::Item::Static(item) => item.ident.to_string(),
            syn::Item::Macro(item) => match &item.ident {
                Some(name) => name.to_string(),
                None => continue,
            },
            syn::Item::Impl(item) => {
                let Some(name) = type_name(&item.self_ty) else { continue };
                for inner in &item.items {
                    if let syn::ImplItem::Fn(method) = inner {
                        let owner = match &item.trait_ {
                            // A type may have the same method in several traits.
                            Some((_, path, _)) => format!("{name} as {}", last_segment(path)),
                            None => name.clone(),
                        };
                        let whole = format!("{owner}::{}", method.sig.ident);
                        push(named, whole, inner);
                    }
                }
                match &item.trait_ {
                    Some((_, path, _)) => format!("{name} as {}", last_segment(path)),
                    None => format!("impl {name}"),
                }
            }
            _ => continue,
        };
        push(named, name, item);
    }
}

fn push(named: &mut Vec<(String, usize, usize)>, name: String, item: &impl Spanned) {
    let span = item.span();
    named.push((name, span.start().line, span.end().line));
}

fn type_name(of: &syn::Type) -> Option<String> {
    match of {
        syn::Type::Path(path) => Some(last_segment(&path.path)),
        syn::Type::Reference(reference) => type_name(&reference.elem),
        _ => None,
    }
}

fn last_segment(path: &syn::Path) -> String {
    path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default()
}

/// The lines `first` to `last` without the indentation that they share.
fn at_the_left_edge(text: &str, first: usize, last: usize) -> String {
    let lines: Vec<&str> = text.lines().skip(first - 1).take(last + 1 - first).collect();
    let indent = |line: &&str| line.len() - line.trim_start().len();
    let shared = lines.iter().filter(|line| !line.trim().is_empty()).map(indent).min().unwrap_or(0);
    let mut out = String::new();
    for line in lines {
        out.push_str(line.get(shared..).unwrap_or("").trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
//! A module.

/// A queue.
#[derive(Debug)]
pub struct Queue {
    items: Vec<u8>,
}

impl Queue {
    /// Pushes.
    pub fn push(&mut self, item: u8) {
        self.items.push(item);
    }
}

impl Drop for Queue {
    fn drop(&mut self) {}
}

impl Queue {
    fn pop(&mut self) -> Option<u8> {
        self.items.pop()
    }
}

fn helper() {}
";

    #[test]
    fn a_type_comes_with_its_documentation_and_attributes() {
        let listing = cut_from(SOURCE, "Queue").unwrap();
        assert_eq!((listing.first, listing.last), (3, 7));
        assert!(listing.text.starts_with("/// A queue.\n#[derive(Debug)]\n"));
    }

    #[test]
    fn a_method_is_moved_to_the_left_edge() {
        let listing = cut_from(SOURCE, "Queue::push").unwrap();
        assert_eq!(
            listing.text,
            "/// Pushes.\npub fn push(&mut self, item: u8) {\n    self.items.push(item);\n}\n"
        );
    }

    #[test]
    fn the_impl_of_a_trait_and_its_methods_have_names_of_their_own() {
        assert_eq!(cut_from(SOURCE, "Queue as Drop").unwrap().first, 16);
        assert_eq!(
            cut_from(SOURCE, "Queue as Drop::drop").unwrap().text,
            "fn drop(&mut self) {}\n"
        );
    }

    #[test]
    fn an_item_that_is_not_there_is_told_with_those_that_are() {
        let told = cut_from(SOURCE, "Queue::peek").unwrap_err();
        assert!(told.contains("`Queue::peek`") && told.contains("Queue::push, "), "{told}");
    }

    #[test]
    fn a_name_that_fits_two_items_is_refused() {
        assert!(cut_from(SOURCE, "impl Queue").unwrap_err().contains("two items"));
    }
}
