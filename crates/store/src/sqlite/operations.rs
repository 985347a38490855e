//! Operations in lists: who did what with money, newest first.
//!
//! Booking times never go back along the ids, so the first operation of a period is found by
//! halving: no index on time is kept.

use ledger::{Answer, OperationId, UserId};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::Error;
use crate::model::{OperationFilter, OperationView, Page, UnixMs};
use crate::sqlite::{booked, classify, row};

const LIST: &str = "select id, kind, user, session, server, booked_at, answer from operations \
     where id < ?1 and id >= ?2 order by id desc limit ?3";
const LIST_OF_USER: &str = "select id, kind, user, session, server, booked_at, answer \
     from operations where user = ?4 and id < ?1 and id >= ?2 order by id desc limit ?3";
const LAST: &str = "select coalesce(max(id), 0) from operations";
const BOOKED_AT: &str = "select booked_at from operations where id = ?1";

/// Operations below an id. What batches moved is left out: they are too long for a list.
pub(crate) fn list(
    db: &mut Connection,
    filter: &OperationFilter,
    before: Option<i64>,
    limit: u32,
) -> Result<Page<OperationView>, Error> {
    let db = db.transaction().map_err(classify)?;
    let read = || -> Result<Vec<OperationView>, rusqlite::Error> {
        let from = filter.from.map_or(Ok(1), |at| booked_from(&db, at))?;
        let until = filter.until.map_or(Ok(i64::MAX), |at| booked_from(&db, at))?;
        let below = until.min(before.unwrap_or(i64::MAX));
        let limit = limit.saturating_add(1);
        let mut rows: Vec<OperationView> = match &filter.user {
            None => db
                .prepare_cached(LIST)?
                .query_map(params![below, from, limit], view)?
                .collect::<Result<_, _>>()?,
            Some(user) => db
                .prepare_cached(LIST_OF_USER)?
                .query_map(params![below, from, limit, user.as_str()], view)?
                .collect::<Result<_, _>>()?,
        };
        for view in rows.iter_mut().filter(|view| view.kind != "batch") {
            if let Some(transfer) = view.answer.transfers().next() {
                view.moved = booked::moved_by(&db, transfer)?;
            }
        }
        Ok(rows)
    };
    let rows = read().map_err(classify)?;
    Ok(Page::cut(rows, limit, |view| view.operation.get()))
}

/// The id of the first operation booked at or after a time; one past the last if there is none.
fn booked_from(db: &Connection, at: UnixMs) -> Result<i64, rusqlite::Error> {
    let last: i64 = db.prepare_cached(LAST)?.query_row([], |row| row.get(0))?;
    let mut statement = db.prepare_cached(BOOKED_AT)?;
    let (mut low, mut high) = (1, last.saturating_add(1));
    while low < high {
        let middle = low + (high - low) / 2;
        let booked_at: Option<UnixMs> =
            statement.query_row([middle], |row| row.get(0)).optional()?;
        if booked_at.is_some_and(|booked_at| booked_at < at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

fn view(row: &Row<'_>) -> Result<OperationView, rusqlite::Error> {
    let answer = Answer::decode(row.get_ref(6)?.as_blob()?)
        .map_err(|error| row::damaged(6, Type::Blob, error))?;
    Ok(OperationView {
        operation: OperationId::new(row.get(0)?),
        kind: row.get(1)?,
        user: row::word(row, 2, UserId::parse)?,
        session: row.get(3)?,
        server: row.get(4)?,
        booked_at: row.get(5)?,
        answer,
        moved: None,
    })
}
