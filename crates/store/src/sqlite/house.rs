//! House accounts: no row that every posting locks; the balance is a mark and what is behind it.

use ledger::{AccountNumber, Balance};
use rusqlite::Connection;

use crate::error::Error;
use crate::model::HouseBalance;
use crate::sqlite::{classify, row};

/// Marks move together, so behind the newest one no house account has an entry that any mark
/// covers. House accounts are those below the first customer's account.
const BALANCES: &str = "with tail as (select account, sum(amount) as amount from entries \
         where id > (select coalesce(max(transfer), 0) * 2 + 1 from house_marks) \
         and account < 360110000 group by account) \
     select a.number, a.currency, \
         coalesce(m.credits - m.debits, 0) + coalesce(t.amount, 0) \
     from accounts a left join house_marks m on m.account = a.number \
     left join tail t on t.account = a.number \
     where a.kind = 'house' and coalesce(m.account, t.account) is not null order by a.number";
const ROLL_UP: &str = "insert into house_marks (account, transfer, debits, credits) \
     select account, max(transfer), -sum(min(amount, 0)), sum(max(amount, 0)) from entries \
     where id > (select coalesce(max(transfer), 0) * 2 + 1 from house_marks) \
     and account < 360110000 group by account \
     on conflict (account) do update set transfer = excluded.transfer, \
         debits = debits + excluded.debits, credits = credits + excluded.credits";

pub(crate) fn balances(db: &mut Connection) -> Result<Vec<HouseBalance>, Error> {
    let read = || -> Result<Vec<HouseBalance>, rusqlite::Error> {
        db.prepare_cached(BALANCES)?
            .query_map([], |found| {
                let currency = row::currency(found, 1)?;
                Ok(HouseBalance {
                    account: AccountNumber::new(found.get(0)?),
                    balance: Balance::new(found.get(2)?, currency),
                    currency,
                })
            })?
            .collect()
    };
    read().map_err(classify)
}

pub(crate) fn roll_up(db: &Connection) -> Result<(), Error> {
    db.execute(ROLL_UP, []).map_err(classify)?;
    Ok(())
}
