//! Sealing what earlier programs wrote.

use ledger::CustomerNumber;
use ledger::customer::Ssn;

use super::{Engine, Store};
use crate::error::Error;
use crate::ssn;
use crate::{postgres, sqlite};

/// A transaction of some 10 ms.
const BATCH_ROWS: u32 = 500;

/// What [`Store::seal_ssns`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sealed {
    /// How many rows were sealed.
    pub done: u64,
    /// How many still hold their number as it is, because another customer has the same one: an
    /// earlier program must have added it while this one was at work.
    pub left: u64,
}

impl Store {
    /// Seals the social security numbers that are not sealed yet, and from now on writes none that
    /// is not. To be called when no program runs any more that knows no sealed ones. May be called
    /// at any time again.
    ///
    /// # Errors
    /// [`Error::Unavailable`], also if this store has no keys.
    pub async fn seal_ssns(&self) -> Result<Sealed, Error> {
        self.keys()?;
        write!(self, sealing::begin())?;
        let found = self.seal_pass().await?;
        // A row may wait for another one to be sealed first: as long as that helps, once more.
        let (mut before, mut left) = (u64::MAX, found);
        while left > 0 && left < before {
            before = left;
            left = self.seal_pass().await?;
        }
        Ok(Sealed { done: found.saturating_sub(left), left })
    }

    /// Seals every row that is not; how many there were.
    async fn seal_pass(&self) -> Result<u64, Error> {
        let (mut count, mut after) = (0_u64, 0_i64);
        loop {
            let rows = self.plain_after(after).await?;
            let Some((last, _)) = rows.last() else { return Ok(count) };
            after = last.get();
            let seal = |(number, plain)| {
                let sealed = ssn::seal(self.keys()?, &plain)?;
                Ok((number, plain, sealed))
            };
            let rows = rows.into_iter().map(seal).collect::<Result<Vec<_>, Error>>()?;
            count = count.saturating_add(u64::try_from(rows.len()).unwrap_or(u64::MAX));
            write!(self, sealing::seal(&rows))?;
        }
    }

    async fn plain_after(&self, after: i64) -> Result<Vec<(CustomerNumber, Ssn)>, Error> {
        read!(self, sealing::plain(after, BATCH_ROWS))
    }
}
