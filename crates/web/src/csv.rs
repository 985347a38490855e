//! Tables as text: RFC 4180, in UTF-8, with nothing in them that a spreadsheet runs.

/// A field.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cell<'a> {
    /// Anything; may have been written by anybody.
    Text(&'a str),
    /// A number that this program wrote, perhaps with a minus: no quotes, no apostrophe.
    Number(&'a str),
}

/// Adds a row.
pub(crate) fn row(out: &mut String, cells: &[Cell<'_>]) {
    for (index, cell) in cells.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        match cell {
            Cell::Text(text) => push(out, text),
            Cell::Number(number) => out.push_str(number),
        }
    }
    out.push_str("\r\n");
}

/// What a spreadsheet would take for a formula gets an apostrophe before it (OWASP, "CSV
/// Injection"), with blanks before it or in full width, too.
fn push(out: &mut String, text: &str) {
    const STARTS: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
    let shown = text.trim_start_matches(|sign: char| sign.is_whitespace() || sign == '\u{feff}');
    let formula = text.starts_with(['\t', '\r']) || shown.starts_with(STARTS);
    let quoted = text.contains(['"', ',', ';', '\t', '\r', '\n']);
    if quoted {
        out.push('"');
    }
    if formula {
        out.push('\'');
    }
    if quoted {
        out.push_str(&text.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_no_formula() {
        let cases = [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("a;b", "\"a;b\""),
            ("say \"so\"", "\"say \"\"so\"\"\""),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("\t=1", "\"'\t=1\""),
            (" =1+1", "' =1+1"),
            ("\u{feff}=1", "'\u{feff}=1"),
            ("＝1", "'＝1"),
            ("@SUM(A1,2)", "\"'@SUM(A1,2)\""),
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("two\r\nlines", "\"two\r\nlines\""),
        ];
        for (field, expect) in cases {
            let mut out = String::new();
            row(&mut out, &[Cell::Text(field), Cell::Number("-5.00")]);
            assert_eq!(out, format!("{expect},-5.00\r\n"));
        }
    }
}
