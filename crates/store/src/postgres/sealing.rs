//! Sealing the social security numbers of rows that were written before, once no earlier program
//! runs. A row keeps its old text while another row's old text is what it would be given.

use ledger::CustomerNumber;
use ledger::customer::Ssn;

use crate::clock::now_ms;
use crate::error::Error;
use crate::postgres::row::{get, word};
use crate::postgres::{Database, Params};
use crate::ssn::SealedSsn;

const HAS_BEGUN: &str = "select exists (select from sealing where what = 'ssn')";
const BEGIN: &str =
    "insert into sealing (what, since) values ('ssn', $1) on conflict (what) do nothing";
const PLAIN: &str = "select number, ssn from customers \
     where number > $1 and (ssn_sealed is null or ssn <> number::text) \
     order by number limit $2";
const SEAL: &str = "update customers c set ssn_sealed = s.sealed, ssn_index = s.index, \
     ssn = case when exists (select from customers o \
         where o.ssn = c.number::text and o.number <> c.number) \
         then c.ssn else c.number::text end \
     from unnest($1::bigint[], $2::text[], $3::bytea[], $4::bytea[]) \
         as s (number, ssn, sealed, index) \
     where c.number = s.number and c.ssn = s.ssn and not exists \
         (select from customers o where o.ssn_index = s.index and o.number <> s.number)";

/// Whether new rows hold the sealed number alone.
pub(crate) async fn has_begun(db: &Database) -> Result<bool, Error> {
    db.read(HAS_BEGUN, &[]).await?.first().map_or(Err(Error::closed()), |row| get(row, 0))
}

/// From now on. What is overwritten stays in the files until PostgreSQL's vacuum has been there.
pub(crate) async fn begin(db: &Database) -> Result<(), Error> {
    db.write(BEGIN, &[&now_ms()]).await.map(|_| ())
}

/// Rows after a number that hold a number as it is.
pub(crate) async fn plain(
    db: &Database,
    after: i64,
    limit: u32,
) -> Result<Vec<(CustomerNumber, Ssn)>, Error> {
    let rows = db.read(PLAIN, &[&after, &i64::from(limit)]).await?;
    let found = |row| Ok((CustomerNumber::new(get(row, 0)?), word(row, 1, Ssn::parse)?));
    rows.iter().map(found).collect()
}

pub(crate) async fn seal(
    db: &Database,
    rows: &[(CustomerNumber, Ssn, SealedSsn)],
) -> Result<(), Error> {
    let numbers: Vec<i64> = rows.iter().map(|(number, ..)| number.get()).collect();
    let plain: Vec<&str> = rows.iter().map(|(_, ssn, _)| ssn.reveal()).collect();
    let sealed: Vec<&[u8]> = rows.iter().map(|(.., sealed)| sealed.sealed.as_slice()).collect();
    let index: Vec<&[u8]> = rows.iter().map(|(.., sealed)| sealed.index.as_slice()).collect();
    let params: Params<'_> = &[&numbers, &plain, &sealed, &index];
    db.write(SEAL, params).await.map(|_| ())
}
