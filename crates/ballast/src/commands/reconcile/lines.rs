//! The lines of a file of receipts.

use std::io::{self, BufRead, Read as _};

use serde::Deserialize;

/// The longest line: the answer to a batch of 8,000 transfers is under 1 MiB.
const LINE_BYTES_MAX: u64 = 4 << 20;

/// What one line holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A receipt, not verified yet.
    Receipt(String),
    /// JSON of something that has no receipt, such as a refusal.
    WithoutReceipt,
    /// Neither; why.
    Unreadable(&'static str),
}

/// Reads line by line, whatever the size of the file.
pub(super) struct Lines<R> {
    input: R,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, number: 0 }
    }

    /// The next line that is not blank, with its number from 1.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, Line)>> {
        loop {
            let mut bytes = Vec::new();
            let read = (&mut self.input).take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes)?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            if bytes.last() != Some(&b'\n') && u64::try_from(read) == Ok(LINE_BYTES_MAX) {
                self.skip_line()?;
                return Ok(Some((self.number, Line::Unreadable("longer than 4 MiB"))));
            }
            let text = bytes.trim_ascii();
            if !text.is_empty() {
                return Ok(Some((self.number, classify(text))));
            }
        }
    }

    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let buffer = self.input.fill_buf()?;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let used = end.map_or(buffer.len(), |end| end + 1);
            self.input.consume(used);
            if end.is_some() || used == 0 {
                return Ok(());
            }
        }
    }
}

fn classify(text: &[u8]) -> Line {
    #[derive(Deserialize)]
    struct Holder {
        receipt: Option<String>,
    }
    if text.first() == Some(&b'{') {
        return match serde_json::from_slice::<Holder>(text) {
            Ok(Holder { receipt: Some(receipt) }) => Line::Receipt(receipt),
            Ok(Holder { receipt: None }) => Line::WithoutReceipt,
            Err(_) => Line::Unreadable("not JSON with a receipt in it"),
        };
    }
    match std::str::from_utf8(text) {
        Ok(text) => Line::Receipt(text.to_owned()),
        Err(_) => Line::Unreadable("not text"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_line_is_told_apart() {
        let long = "x".repeat(5 << 20);
        let text = format!(
            "a.b.c\n\n  {{\"x\":1,\"receipt\":\"d.e.f\"}} \r\n{{\"type\":\"refused\"}}\n\
             {{\"receipt\":7}}\n{{\"receipt\":\"cut\n{long}\nlast"
        );
        let mut bytes = text.into_bytes();
        bytes.extend([b'\n', 0xff, b'\n']);
        let mut lines = Lines::new(&bytes[..]);
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push(line);
        }
        let broken = "not JSON with a receipt in it";
        let expect = [
            (1, Line::Receipt("a.b.c".into())),
            (3, Line::Receipt("d.e.f".into())),
            (4, Line::WithoutReceipt),
            (5, Line::Unreadable(broken)),
            (6, Line::Unreadable(broken)),
            (7, Line::Unreadable("longer than 4 MiB")),
            (8, Line::Receipt("last".into())),
            (9, Line::Unreadable("not text")),
        ];
        assert_eq!(found, expect);
    }
}
