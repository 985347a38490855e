//! Files that are refused, with the line and the rule, and files that are not.

use drill::{
    cents::Cents,
    replay::{Direction, ReplayFile},
};

const HEADER: &str = "account,date,direction,amount,balance\n";

/// `expect` lists line and a part of the rule.
fn check(rows: &str, expect: &[(u64, &str)]) {
    let refused = ReplayFile::parse(format!("{HEADER}{rows}").as_bytes()).unwrap_err();
    let found: Vec<_> = refused.problems.iter().map(|p| (p.line, p.rule.as_str())).collect();
    assert_eq!(found.len(), expect.len(), "{found:?}");
    for ((line, rule), (line_expected, part)) in found.iter().zip(expect) {
        assert_eq!(line, line_expected, "{found:?}");
        assert!(rule.contains(part), "{rule} does not say {part}");
    }
}

#[test]
fn each_bad_field_is_named_with_its_line() {
    check("a,2026-01-01,credit,0.00,0.00\n", &[(2, "amount \"0.00\" must be above zero")]);
    check("a,2026-01-01,credit,-1.00,1.00\n", &[(2, "must not carry a sign")]);
    check("a,2026-01-01,credit,1.005,1.00\n", &[(2, "at most two decimals")]);
    check("a,2026-01-01,credit,1_000,1.00\n", &[(2, "decimal")]);
    check("a,2026-02-30,credit,1.00,1.00\n", &[(2, "date \"2026-02-30\"")]);
    check("a,20260101,credit,1.00,1.00\n", &[(2, "date")]);
    check("a,2026-01-01,Credit,1.00,1.00\n", &[(2, "direction \"Credit\"")]);
    check(",2026-01-01,credit,1.00,1.00\n", &[(2, "account is missing")]);
    check("a,2026-01-01,credit,1.00\n", &[(2, "balance \"\"")]);
    check("a,2026-01-01,credit,1.00,x\n", &[(2, "balance \"x\"")]);
    check("", &[(2, "no rows")]);
}

#[test]
fn all_lines_are_looked_at_and_good_lines_do_not_hide_bad_ones() {
    check(
        "a,2026-01-01,credit,1.00,1.00\nb,x,credit,1.00,1.00\n\n\na,2026-01-01,up,1.00,1.00\n",
        &[(3, "date"), (6, "direction")],
    );
}

#[test]
fn only_the_first_problems_are_listed_but_all_are_counted() {
    let rows = "a,2026-01-01,credit,0,0\n".repeat(25);
    let refused = ReplayFile::parse(format!("{HEADER}{rows}").as_bytes()).unwrap_err();
    assert_eq!((refused.count, refused.problems.len()), (25, 10));
    assert!(refused.to_string().ends_with("and 15 more"), "{refused}");
}

#[test]
fn a_wrong_header_is_line_one() {
    for (content, part) in [
        ("account,date,amount,balance\n", "no `direction`"),
        ("account,account,date,direction,amount,balance\n", "`account` twice"),
        ("", "empty"),
    ] {
        let refused = ReplayFile::parse(content.as_bytes()).unwrap_err();
        assert_eq!(refused.problems[0].line, 1);
        assert!(refused.problems[0].rule.contains(part), "{refused}");
    }
}

#[test]
fn bytes_that_are_not_text_are_refused() {
    let mut content = HEADER.as_bytes().to_vec();
    content.extend(b"a,2026-01-01,credit,1.00,1.00\n\xff,2026-01-01,credit,1.00,2.00\n");
    let refused = ReplayFile::parse(&content).unwrap_err();
    assert_eq!(refused.problems[0].line, 3);
}

#[test]
fn columns_are_found_by_name_and_further_ones_ignored() {
    let content = "\u{feff}note,balance,amount,direction,date,account\r\n\
                   hello,-5.00,5,debit,2026-01-01,\"a,b\"\r\n\
                   ,-1.00,4.0,credit,2026-01-02,\"a,b\"\r\n";
    let file = ReplayFile::parse(content.as_bytes()).unwrap();
    assert_eq!((file.rows, file.accounts.len()), (2, 1));
    let account = &file.accounts[0];
    assert_eq!((account.name.as_str(), account.overdraft), ("a,b", Cents::new(500)));
    assert_eq!(account.rows[1].direction, Direction::Credit);
    assert_eq!((account.rows[1].line, account.rows[1].amount), (3, Cents::new(400)));
    assert_eq!(file.first_inconsistent_line(), None);
}

#[test]
fn a_file_that_contradicts_itself_is_noticed() {
    let content = format!("{HEADER}a,2026-01-01,credit,1.00,1.00\na,2026-01-01,credit,1.00,3.00\n");
    let file = ReplayFile::parse(content.as_bytes()).unwrap();
    assert_eq!(file.first_inconsistent_line(), Some(3));
}
