//! Holds `docs/commands.md` and the picture of the topology against the program: the page is what
//! `--help` says of each command, the picture is what `topology diagram` draws.
//!
//! To write them anew: `BALLAST_WRITE_DOCS=1 cargo nextest run --release -p ballast reference`.

use std::fmt::Write as _;
use std::path::Path;

use clap::{Command, CommandFactory};
use fleet::topology::{BUILT_IN, Topology, diagram};

use crate::Cli;

#[test]
fn the_page_of_commands_is_in_date() {
    check("docs/commands.md", &render());
}

#[test]
fn the_picture_of_the_topology_is_in_date() {
    let topology = Topology::parse(BUILT_IN, "built-in").unwrap();
    check("docs/pictures/topology.svg", &diagram::svg(&topology));
}

fn check(file: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file);
    if std::env::var_os("BALLAST_WRITE_DOCS").is_some() {
        std::fs::write(&path, expected).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == expected,
        "{file} is out of date; write it anew with: \
         BALLAST_WRITE_DOCS=1 cargo nextest run --release -p ballast reference"
    );
}

#[test]
fn the_arguments_are_well_formed() {
    Cli::command().debug_assert();
}

fn render() -> String {
    let mut page = String::from(
        "# Commands\n\nWhat `--help` says of each command. This page is made from the program \
         and checked by its tests.\n",
    );
    let mut root = Cli::command().term_width(92);
    root.build();
    section(&mut page, &mut root, "");
    page
}

fn section(page: &mut String, command: &mut Command, before: &str) {
    let name = format!("{before}{}", command.get_name());
    let help = command.render_long_help().to_string();
    let trimmed: Vec<_> = help.lines().map(str::trim_end).collect();
    write!(page, "\n## {name}\n\n```text\n{}\n```\n", trimmed.join("\n").trim_end()).unwrap();
    let before = format!("{name} ");
    for inner in command.get_subcommands_mut() {
        if inner.get_name() != "help" && !inner.is_hide_set() {
            section(page, inner, &before);
        }
    }
}
