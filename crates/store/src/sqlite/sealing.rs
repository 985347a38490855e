//! Sealing the social security numbers of rows that were written before, once no earlier program
//! runs. A row keeps its old text while another row's old text is what it would be given.

use ledger::CustomerNumber;
use ledger::customer::Ssn;
use rusqlite::{Connection, params};

use crate::clock::now_ms;
use crate::error::Error;
use crate::sqlite::{classify, row};
use crate::ssn::SealedSsn;

const HAS_BEGUN: &str = "select exists (select 1 from sealing where what = 'ssn')";
const BEGIN: &str =
    "insert into sealing (what, since) values ('ssn', ?1) on conflict (what) do nothing";
const PLAIN: &str = "select number, ssn from customers \
     where number > ?1 and (ssn_sealed is null or ssn <> cast(number as text)) \
     order by number limit ?2";
const SEAL: &str = "update customers set ssn_sealed = ?3, ssn_index = ?4, \
     ssn = case when exists (select 1 from customers o \
         where o.ssn = cast(?1 as text) and o.number <> ?1) then ssn else cast(?1 as text) end \
     where number = ?1 and ssn = ?2 \
         and not exists (select 1 from customers o where o.ssn_index = ?4 and o.number <> ?1)";

/// Whether new rows hold the sealed number alone.
pub(crate) fn has_begun(db: &Connection) -> Result<bool, Error> {
    db.prepare_cached(HAS_BEGUN)
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .map_err(classify)
}

/// From now on; what is overwritten afterwards is wiped from the file, too.
pub(crate) fn begin(db: &Connection) -> Result<(), Error> {
    db.execute(BEGIN, [now_ms()]).map_err(classify)?;
    db.pragma_update(None, "secure_delete", true).map_err(classify)
}

/// Rows after a number that hold a number as it is.
pub(crate) fn plain(
    db: &Connection,
    after: i64,
    limit: u32,
) -> Result<Vec<(CustomerNumber, Ssn)>, Error> {
    let found = |found: &rusqlite::Row<'_>| {
        Ok((CustomerNumber::new(found.get(0)?), row::word(found, 1, Ssn::parse)?))
    };
    db.prepare(PLAIN)
        .and_then(|mut statement| statement.query_map(params![after, limit], found)?.collect())
        .map_err(classify)
}

pub(crate) fn seal(
    db: &Connection,
    rows: &[(CustomerNumber, Ssn, SealedSsn)],
) -> Result<(), Error> {
    let seal = || -> Result<(), rusqlite::Error> {
        let mut statement = db.prepare_cached(SEAL)?;
        for (number, ssn, sealed) in rows {
            statement.execute(params![number.get(), ssn.reveal(), sealed.sealed, sealed.index])?;
        }
        Ok(())
    };
    seal().map_err(classify)
}
