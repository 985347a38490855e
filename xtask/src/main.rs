//! `cargo xtask tidy`: the house rules that a program can check.
//!
//! Layers (who may depend on whom), the places where SQL, processes and the environment may be
//! touched, sizes of files, file names, and a module doc in each file. Prints every breach and
//! exits 1 if there is one. Deliberately not here: what clippy and rustfmt check.

mod layers;
mod sources;

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("tidy") => tidy(),
        _ => {
            say("usage: cargo xtask tidy");
            ExitCode::from(64)
        }
    }
}

fn tidy() -> ExitCode {
    let checked = layers::check().and_then(|mut breaches| {
        let (files, found) = sources::check()?;
        breaches.extend(found);
        Ok((files, breaches))
    });
    match checked {
        Ok((files, breaches)) if breaches.is_empty() => {
            say(&format!("tidy: {files} files, no breach"));
            ExitCode::SUCCESS
        }
        Ok((_, breaches)) => {
            for breach in &breaches {
                say(breach);
            }
            say(&format!("tidy: {} breaches", breaches.len()));
            ExitCode::FAILURE
        }
        Err(error) => {
            say(&format!("tidy: {error:#}"));
            ExitCode::from(2)
        }
    }
}

#[expect(clippy::print_stderr, reason = "this program talks to a person")]
fn say(line: &str) {
    eprintln!("{line}");
}
