//! `cargo xtask tidy`: the house rules that a program can check; `cargo xtask infra`: the same for
//! the Terraform sources.
//!
//! Layers (who may depend on whom), the places where SQL, processes and the environment may be
//! touched, sizes of files, file names, and a module doc in each file. Prints every breach and
//! exits 1 if there is one. Deliberately not here: what clippy and rustfmt check.

mod infra;
mod layers;
mod sources;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((command, _)) if command == "tidy" => tidy(),
        Some((command, rest)) if command == "infra" => infra(rest),
        _ => {
            say("usage: cargo xtask tidy | infra [plan ROOT FILE | edits WORD]");
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

fn infra(arguments: &[String]) -> ExitCode {
    match infra::run(arguments) {
        Ok(breaches) if breaches.is_empty() => {
            say("infra: no breach");
            ExitCode::SUCCESS
        }
        Ok(breaches) => {
            for breach in &breaches {
                say(breach);
            }
            say(&format!("infra: {} breaches", breaches.len()));
            ExitCode::FAILURE
        }
        Err(error) => {
            say(&format!("infra: {error:#}"));
            ExitCode::from(2)
        }
    }
}

#[expect(clippy::print_stderr, reason = "this program talks to a person")]
fn say(line: &str) {
    eprintln!("{line}");
}
