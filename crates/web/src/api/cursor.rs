//! Opaque cursors: where the next page of a list begins.
//!
//! A version, the list, and a number as base64url. Clients hand them back as they are; a cursor
//! of another list or version is refused instead of misread.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use store::PAGE_ROWS_MAX;

use crate::fields::Fields;
use crate::problem::Problem;

const VERSION: u8 = 1;
/// A screenful.
const LIMIT_DEFAULT: u32 = 50;

/// Which list a cursor is of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum List {
    Customers,
    Accounts,
    Entries,
    Audit,
    Operations,
}

impl List {
    const fn mark(self) -> u8 {
        match self {
            Self::Customers => b'c',
            Self::Accounts => b'a',
            Self::Entries => b'e',
            Self::Audit => b'u',
            Self::Operations => b'o',
        }
    }
}

/// The cursor of a place in a list.
pub(crate) fn encode(list: List, place: i64) -> String {
    let mut bytes = vec![VERSION, list.mark()];
    bytes.extend(place.to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The place of a cursor.
pub(crate) fn decode(list: List, text: &str) -> Result<i64, Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
    match bytes.split_at_checked(2) {
        Some((head, place)) if head == [VERSION, list.mark()] => {
            place.try_into().map(i64::from_be_bytes).ok()
        }
        _ => None,
    }
    .ok_or_else(|| Problem::field("cursor", "must be a next_cursor of this list"))
}

/// The page that a query asks for: after which place, and how many rows.
pub(crate) fn page(list: List, query: &Fields) -> Result<(Option<i64>, u32), Problem> {
    let limit = query.count("limit", PAGE_ROWS_MAX)?.unwrap_or(LIMIT_DEFAULT);
    let after = query.find("cursor").map(|text| decode(list, text)).transpose()?;
    Ok((after, limit))
}

/// The same for a page: never more rows than fit into 60 KiB.
pub(crate) fn screen(list: List, query: &Fields) -> Result<(Option<i64>, u32), Problem> {
    let (after, limit) = page(list, query)?;
    Ok((after, limit.min(LIMIT_DEFAULT)))
}

/// Where one row of a list is seen alone.
pub(crate) fn row_path(path: &str, list: List, place: i64) -> String {
    format!("{path}?limit=1&cursor={}", encode(list, place.saturating_sub(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_own_list_only() {
        let cursor = encode(List::Entries, 77);
        assert_eq!(decode(List::Entries, &cursor).ok(), Some(77));
        assert!(decode(List::Accounts, &cursor).is_err());
        for bad in ["", "77", "AAAA", &cursor[1..], &format!("{cursor}AA")] {
            assert!(decode(List::Entries, bad).is_err(), "{bad}");
        }
    }
}
