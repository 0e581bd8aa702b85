//! What the inspector's page promises and needs no browser to be checked: no request, small,
//! readable colours, every name and text in its place. `tests/inspector` drives it in a browser.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

fn files() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("executor/trace/page");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    files.map(|path| (name(&path), fs::read_to_string(&path).unwrap())).collect()
}

fn scripts() -> String {
    let files = files();
    let scripts = files.iter().filter(|(name, _)| name.ends_with(".js"));
    scripts.map(|(_, text)| text.as_str()).collect()
}

/// What stands between `before` and `after`, each time.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split(after).next()).collect()
}

#[test]
fn the_page_asks_nothing_of_anyone_and_keeps_nothing() {
    let forbidden = [
        "http:",
        "https:",
        "\"//",
        "'//",
        "import ",
        "import(",
        "fetch(",
        "eval(",
        "new Function",
        "XMLHttpRequest",
        "WebSocket",
        "Worker(",
        "localStorage",
        "sessionStorage",
        "indexedDB",
        "document.cookie",
        "sendBeacon",
        "@font-face",
        "url(",
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "src=",
        "@import",
    ];
    for (name, text) in files() {
        for word in forbidden {
            assert!(!text.contains(word), "{name} contains {word}");
        }
    }
    let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
    assert!(files()["template.html"].contains(policy));
}

#[test]
fn the_script_is_at_most_90_kilobytes_and_with_style_and_markup_not_much_more() {
    // As `page.rs` carries it: without indentation, and scripts without comment lines.
    let carried = |text: &str, comments: &[&str]| {
        let lines = text.lines().map(str::trim_start);
        let lines = lines.filter(|line| !comments.iter().any(|mark| line.starts_with(mark)));
        lines.map(|line| line.len() + 1).sum::<usize>()
    };
    let files = files();
    let script = carried(&scripts(), &["//", "/**", "* ", "*/"]);
    assert!(script <= 90_000, "{script} bytes");
    let all = script + carried(&files["page.css"], &[]) + carried(&files["template.html"], &[]);
    assert!(all <= 110_000, "{all} bytes");
}

#[test]
fn every_text_of_the_page_is_in_the_table_and_every_text_of_the_table_is_used() {
    let files = files();
    let ui = files["sentences.json"].split("\"ui\": {").nth(1).unwrap();
    let ui = ui.split("\n  }").next().unwrap();
    let keys: BTreeSet<_> =
        ui.lines().filter_map(|line| line.trim().strip_prefix('"')?.split('"').next()).collect();
    let code = scripts();
    let mut named: BTreeSet<&str> = between(&code, "ui(\"", "\"").into_iter().collect();
    named.extend(between(&files["template.html"], "data-t=\"", "\""));
    // A key that ends with a dot is the beginning of several.
    for name in named {
        let known = keys.contains(name)
            || (name.ends_with('.') && keys.iter().any(|key| key.starts_with(name)));
        assert!(known, "no text for {name}");
    }
    let template = &files["template.html"];
    for key in keys {
        let beginning = key.rfind('.').map_or(key, |dot| &key[..=dot]);
        let used = code.contains(&format!("\"{key}\""))
            || template.contains(&format!("\"{key}\""))
            || (beginning.ends_with('.') && code.contains(&format!("\"{beginning}\"")));
        assert!(used, "{key} is not used");
    }
}

#[test]
fn every_event_of_the_format_changes_the_state_or_is_said_not_to() {
    let files = files();
    let changes: BTreeSet<_> = files["run.js"]
        .lines()
        .filter_map(|line| line.strip_prefix("  \"")?.split_once("\": (s"))
        .map(|it| it.0)
        .collect();
    let table = files["sentences.json"].split("\"work\"").next().unwrap();
    let told: BTreeSet<_> = table
        .lines()
        .filter_map(|line| line.strip_prefix("    \"")?.split(['"', ':']).next())
        .filter(|event| *event != "?")
        .collect();
    assert_eq!(changes.difference(&told).collect::<Vec<_>>(), [&""; 0]);
    let still: Vec<_> = told.difference(&changes).copied().collect();
    assert_eq!(
        still,
        [
            "clock.jump",
            "inbox.collect",
            "note",
            "run.begin",
            "stuck",
            "task.cancel",
            "task.wake",
            "warn.slow",
        ]
    );
}

#[test]
fn ids_are_there_once_and_what_names_an_id_finds_it() {
    let template = &files()["template.html"];
    let ids = between(template, " id=\"", "\"");
    let once: BTreeSet<_> = ids.iter().collect();
    assert_eq!(once.len(), ids.len());
    for mark in ["aria-labelledby=\"", " for=\""] {
        for id in between(template, mark, "\"") {
            assert!(ids.contains(&id), "{mark}{id}");
        }
    }
}

#[test]
fn every_colour_of_text_can_be_read_in_both_themes() {
    let files = files();
    let css = &files["page.css"];
    let colour = |name: &str, theme: usize| {
        let line = css.lines().find(|line| line.trim().starts_with(&format!("--{name}:"))).unwrap();
        let pair = line.split("light-dark(").nth(1).unwrap().split(')').next().unwrap();
        luminance(pair.split(',').nth(theme).unwrap().trim())
    };
    let texts =
        ["ink", "soft", "accent", "mark", "idle", "scheduled", "running", "good", "gone", "bad"];
    for theme in [0, 1] {
        for ground in ["paper", "panel"] {
            for text in texts {
                let contrast = contrast(colour(text, theme), colour(ground, theme));
                assert!(contrast >= 4.5, "{text} on {ground}, theme {theme}: {contrast:.2}");
            }
        }
        for text in ["ink", "soft", "idle", "scheduled", "running", "good", "gone", "bad", "accent"]
        {
            let contrast = contrast(colour(text, theme), colour("new", theme));
            assert!(contrast >= 4.5, "{text} on new, theme {theme}: {contrast:.2}");
        }
        // A chosen thing is `panel` on `accent`; the border of a control needs 3 : 1.
        assert!(contrast(colour("panel", theme), colour("accent", theme)) >= 4.5);
        assert!(contrast(colour("edge", theme), colour("panel", theme)) >= 3.0);
    }
}

fn contrast(a: f64, b: f64) -> f64 {
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// The relative luminance of `#rrggbb`, as the accessibility guidelines define it.
fn luminance(colour: &str) -> f64 {
    let part = |at: usize| {
        let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
}
