//! House accounts: no row that every posting locks; the balance is a mark and what is behind it.

use ledger::{AccountNumber, Balance};
use rusqlite::Connection;

use crate::error::Error;
use crate::model::HouseBalance;
use crate::sqlite::{classify, row};

const BALANCES: &str = "select a.number, a.currency, \
     coalesce(m.credits - m.debits, 0) + coalesce((select sum(e.amount) from entries e \
         where e.account = a.number and e.number > coalesce(m.transfer, 0)), 0) \
     from accounts a left join house_marks m on m.account = a.number \
     where a.kind = 'house' and exists (select 1 from entries e where e.account = a.number) \
     order by a.number";
const ROLL_UP: &str = "insert into house_marks (account, transfer, debits, credits) \
     select e.account, max(e.number), -sum(min(e.amount, 0)), sum(max(e.amount, 0)) \
     from accounts a left join house_marks m on m.account = a.number \
     join entries e on e.account = a.number and e.number > coalesce(m.transfer, 0) \
     where a.kind = 'house' group by e.account \
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
