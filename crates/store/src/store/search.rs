//! Finding people whose number nobody has at hand.

use super::{Engine, Store};
use crate::error::Error;
use crate::model::{Customer, Page};
use crate::{postgres, sqlite, ssn};

impl Store {
    /// Customers whose name has this part, in any case of any script, in the order of their
    /// numbers, after a number. Walks the customers' table.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn customers_named(
        &self,
        part: String,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Page<Customer>, Error> {
        ssn::open_page(self.vault(), read!(self, customers::named(&part, after, limit))?)
    }
}
