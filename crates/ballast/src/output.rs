//! Printing: data to standard output, words for people to standard error.
//!
//! Guarantees: a reader that hangs up (`ballast ps | head -1`) is not an error; columns are aligned
//! by characters.
//!
//! Deliberately not here: colours and boxes; the tables are read by `awk` as well.

use std::io::{self, Write};

/// The exit code of a command that could not do its work, or not say what it found.
pub(crate) const EXIT_COULD_NOT_RUN: u8 = 2;

/// A table of text.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with this line of titles.
    pub(crate) fn new(titles: &[&str]) -> Self {
        Self { rows: vec![titles.iter().map(|title| title.to_string()).collect()] }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The text, each line ended.
    pub(crate) fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
            text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
            text.push('\n');
        }
        text
    }
}

/// Writes data to standard output, the last line ended.
pub(crate) fn data(text: &str) {
    let mut out = io::stdout().lock();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let written = write!(out, "{text}{end}").and_then(|()| out.flush());
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        problem(&format!("could not write to standard output: {error}"));
        std::process::exit(i32::from(EXIT_COULD_NOT_RUN));
    }
}

/// Tells people how it goes, on standard error.
pub(crate) fn note(line: &str) {
    // Nobody is left to be told when this fails.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Tells people what went wrong, on standard error.
pub(crate) fn problem(sentence: &str) {
    note(&format!("ballast: {sentence}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_characters() {
        let mut table = Table::new(&["WHAT", "ADDRESS"]);
        table.row(["ALB-öst".to_owned(), "127.0.0.1:1".to_owned()]);
        table.row(["-".to_owned(), "-".to_owned()]);
        assert_eq!(table.render(), "WHAT     ADDRESS\nALB-öst  127.0.0.1:1\n-        -\n");
    }
}
