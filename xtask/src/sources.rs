//! Rules that are read off the text of the sources.

use std::path::{Path, PathBuf};

use anyhow::Context;

const LINES_MAX: usize = 500;
const TEST_LINES_MAX: usize = 800;
const COLUMNS_MAX: usize = 100;

/// File names that say nothing.
const NAMES_BANNED: &[&str] = &["mod", "utils", "helpers", "common", "misc", "manager"];

/// Words that may appear only below these folders: the walls that no dependency shows.
const WORDS_ONLY_IN: &[(&str, &[&str])] = &[
    ("std::process::Command", &["crates/fleet", "xtask"]),
    ("tokio::process", &["crates/fleet"]),
    ("std::env::var", &["crates/ballast", "xtask"]),
    (
        "SystemTime::now",
        &["crates/store", "crates/web", "crates/balancer", "crates/fleet", "crates/drill"],
    ),
    ("#[ignore", &[]),
];

/// What `ledger` must never name: it has no IO, clock, randomness or threads.
const BANNED_IN_LEDGER: &[&str] =
    &["std::fs", "std::net", "std::time", "std::thread", "async ", "rand::", "std::env"];

/// Checks every source; gives the number of files and the breaches.
pub(crate) fn check() -> anyhow::Result<(usize, Vec<String>)> {
    let root = root()?;
    let mut files = Vec::new();
    for folder in ["crates", "xtask"] {
        collect(&root.join(folder), &mut files)?;
    }
    let mut breaches = Vec::new();
    for file in &files {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("could not read {}", file.display()))?;
        let path = file.strip_prefix(&root).unwrap_or(file);
        breaches.extend(
            breaches_of(path, &text)
                .into_iter()
                .map(|breach| format!("{}: {breach}", path.display())),
        );
    }
    Ok((files.len(), breaches))
}

fn root() -> anyhow::Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(here.parent().context("xtask lies in the workspace")?.to_owned())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("could not list {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

fn breaches_of(path: &Path, text: &str) -> Vec<String> {
    let mut breaches = Vec::new();
    let place = path.to_string_lossy().replace('\\', "/");
    let is_test = place.contains("/tests/") || place.ends_with("tests.rs");
    let lines_max = if is_test { TEST_LINES_MAX } else { LINES_MAX };
    let lines = text.lines().count();
    if lines > lines_max {
        breaches.push(format!("{lines} lines, at most {lines_max}: it has two subjects"));
    }
    if !text.starts_with("//!") {
        breaches.push("does not open with //! and what it is for".to_owned());
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    if NAMES_BANNED.contains(&stem.as_ref()) {
        breaches.push(format!("a file may not be called {stem}"));
    }
    for (number, line) in (1..).zip(text.lines()) {
        // Tables of cases in tests stay aligned, however wide.
        if line.chars().count() > COLUMNS_MAX && !is_test && !line.contains("://") {
            breaches.push(format!("line {number} is longer than {COLUMNS_MAX} columns"));
        }
    }
    // This file names the words in order to ban them.
    if !is_test && stem != "sources" {
        for (word, homes) in WORDS_ONLY_IN {
            if text.contains(word) && !homes.iter().any(|home| place.starts_with(home)) {
                breaches.push(format!("{word} belongs in {}", homes.join(", ")));
            }
        }
    }
    if place.starts_with("crates/ledger/src") && !is_test {
        for word in BANNED_IN_LEDGER {
            if text.contains(word) {
                breaches.push(format!("ledger is pure: {word}"));
            }
        }
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_is_broken_by_something() {
        let long = format!("//! x\n{}", "x".repeat(101));
        let many = format!("//! x\n{}", "\n".repeat(500));
        let process = "//! x\nuse std::process::Command;";
        let cases = [
            ("crates/web/src/a.rs", "//! x", 0),
            ("crates/web/src/a.rs", "use x;", 1),
            ("crates/web/src/mod.rs", "//! x", 1),
            ("crates/web/src/a.rs", &long, 1),
            ("crates/web/src/a.rs", &many, 1),
            ("crates/web/tests/it/a.rs", &many, 0),
            ("crates/web/src/a.rs", process, 1),
            ("crates/fleet/src/a.rs", process, 0),
            ("crates/ledger/src/a.rs", "//! x\nuse std::time::Instant;", 1),
        ];
        for (path, text, expect) in cases {
            assert_eq!(breaches_of(Path::new(path), text).len(), expect, "{path}");
        }
    }
}
