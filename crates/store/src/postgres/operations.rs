//! Operations in lists: who did what with money, newest first.

use ledger::{Answer, OperationId, UserId};
use tokio_postgres::Row;

use crate::error::Error;
use crate::model::{OperationFilter, OperationView, Page};
use crate::postgres::row::{self, damaged, get};
use crate::postgres::{Database, Params, booked};

/// Servers book at once: ids follow the times but for the moments by which their groups overlap.
const OVERLAP_MS: i64 = 60_000;

/// Between two ids, found by halving, the times are looked at.
macro_rules! select_operations {
    ($user:literal) => {
        concat!(
            "select id, kind, user_id, session, server, booked_at, answer from operations ",
            "where id < least($1, operation_booked_from($4)) ",
            "and id >= operation_booked_from($3) and booked_at >= $5 and booked_at < $6 ",
            $user,
            "order by id desc limit $2"
        )
    };
}

const LIST: &str = select_operations!("");
const LIST_OF_USER: &str = select_operations!("and user_id = $7 ");

/// Operations below an id. What batches moved is left out: they are too long for a list.
pub(crate) async fn list(
    db: &Database,
    filter: &OperationFilter,
    before: Option<i64>,
    limit: u32,
) -> Result<Page<OperationView>, Error> {
    let (from, until) = (filter.from.unwrap_or(0), filter.until.unwrap_or(i64::MAX));
    let before = before.unwrap_or(i64::MAX);
    let rows_max = i64::from(limit).saturating_add(1);
    let (first, last) = (from.saturating_sub(OVERLAP_MS), until.saturating_add(OVERLAP_MS));
    let found = match &filter.user {
        None => db.read(LIST, &[&before, &rows_max, &first, &last, &from, &until]).await?,
        Some(user) => {
            let user = user.as_str();
            let params: Params<'_> = &[&before, &rows_max, &first, &last, &from, &until, &user];
            db.read(LIST_OF_USER, params).await?
        }
    };
    let mut rows = found.iter().map(view).collect::<Result<Vec<_>, _>>()?;
    let single = rows.iter().filter(|view| view.kind != "batch");
    let moved = booked::moved_by(db, single.flat_map(|view| view.answer.transfers())).await?;
    for view in &mut rows {
        let transfer = view.answer.transfers().next();
        view.moved = transfer.and_then(|transfer| moved.get(&transfer.get()).copied());
    }
    Ok(Page::cut(rows, limit, |view| view.operation.get()))
}

fn view(row: &Row) -> Result<OperationView, Error> {
    Ok(OperationView {
        operation: OperationId::new(get(row, 0)?),
        kind: get(row, 1)?,
        user: row::word(row, 2, UserId::parse)?,
        session: get(row, 3)?,
        server: get(row, 4)?,
        booked_at: get(row, 5)?,
        answer: Answer::decode(get(row, 6)?).map_err(damaged)?,
        moved: None,
    })
}
