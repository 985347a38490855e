//! Social security numbers as the books hold them: sealed, beside an index by which they are found.
//!
//! Guarantees: they are sealed and opened here, outside of the databases' twins and of the thread
//! that writes. A program without keys reads the rows that are not sealed yet, and no others.

use ledger::customer::Ssn;

use crate::error::Error;
use crate::model::{Customer, CustomerLog, Page};
use crate::vault::Vault;

/// What they are sealed and indexed for.
const PURPOSE: &str = "social security number";

/// A number as it is written.
pub(crate) struct SealedSsn {
    pub(crate) sealed: Vec<u8>,
    pub(crate) index: [u8; 32],
}

/// A row as it was read: if `sealed` is there, the number in the row means nothing.
pub(crate) struct Held<T> {
    pub(crate) row: T,
    pub(crate) sealed: Option<Vec<u8>>,
}

/// A row that has a number.
pub(crate) trait HasSsn {
    fn set_ssn(&mut self, ssn: Ssn);
}

impl HasSsn for Customer {
    fn set_ssn(&mut self, ssn: Ssn) {
        self.ssn = ssn;
    }
}

impl HasSsn for CustomerLog {
    fn set_ssn(&mut self, ssn: Ssn) {
        self.ssn = ssn;
    }
}

/// Why a sealed row cannot be read or written.
pub(crate) const NO_KEYS: Error = Error::Unavailable {
    reason: "social security numbers are sealed and there are no data keys: name their file in \
             the configuration",
    source: None,
};

pub(crate) fn seal(vault: &Vault, ssn: &Ssn) -> Result<SealedSsn, Error> {
    Ok(SealedSsn {
        sealed: vault.seal(PURPOSE, ssn.reveal().as_bytes())?,
        index: index(vault, ssn),
    })
}

pub(crate) fn index(vault: &Vault, ssn: &Ssn) -> [u8; 32] {
    vault.index(PURPOSE, ssn.reveal())
}

pub(crate) fn open<T: HasSsn>(vault: Option<&Vault>, held: Held<T>) -> Result<T, Error> {
    let Held { mut row, sealed } = held;
    if let Some(sealed) = sealed {
        let plain = vault.ok_or(NO_KEYS)?.open(PURPOSE, &sealed)?;
        let ssn = std::str::from_utf8(&plain).ok().and_then(Ssn::parse);
        let reason = "a sealed social security number has no nine digits";
        row.set_ssn(ssn.ok_or(Error::Unavailable { reason, source: None })?);
    }
    Ok(row)
}

pub(crate) fn open_page<T: HasSsn>(
    vault: Option<&Vault>,
    page: Page<Held<T>>,
) -> Result<Page<T>, Error> {
    let rows = page.rows.into_iter().map(|held| open(vault, held)).collect::<Result<_, _>>()?;
    Ok(Page { rows, next: page.next })
}
