//! House accounts: no row that every posting locks; the balance is a mark and what is behind it.

use std::time::Duration;

use ledger::{AccountNumber, Balance};
use tokio_postgres::Client;

use crate::error::Error;
use crate::model::HouseBalance;
use crate::postgres::Database;
use crate::postgres::pool::classify;
use crate::postgres::row::{self, get};

/// Marks move together, so behind the newest one no house account has an entry that any mark
/// covers. House accounts are those below the first customer's account.
const BALANCES: &str = "with tail as (select account, sum(amount)::bigint as amount from entries \
         where id > (select coalesce(max(transfer), 0) * 2 + 1 from house_marks) \
         and account < 360110000 group by account) \
     select a.number, a.currency, \
         coalesce(m.credits - m.debits, 0) + coalesce(t.amount, 0) \
     from accounts a left join house_marks m on m.account = a.number \
     left join tail t on t.account = a.number \
     where a.kind = 'house' and coalesce(m.account, t.account) is not null order by a.number";

/// A transfer's id is taken before its commit, so one that is on its way may have a lower id than
/// one that is seen. A posting has its transaction's id before it takes a transfer's. So whatever
/// has an id up to the last one is of an earlier transaction than one that begins behind the
/// reading of it, and is settled once all of those are. The end of a snapshot does not serve as
/// that transaction: it is behind the last one that is *over*, and those under way may be beyond
/// it.
const LAST: &str = "select case when is_called then last_value else 0 end from transfers_id";
const NEXT_TRANSACTION: &str = "select pg_current_xact_id()::text::bigint";
const IS_SETTLED: &str = "select pg_snapshot_xmin(pg_current_snapshot())::text::bigint >= $1";
const TAKE_TURN: &str = "select pg_advisory_xact_lock(2255279)";
const ROLL_UP: &str = "with bound as ( \
         select coalesce(max(transfer), 0) as transfer from house_marks) \
     insert into house_marks as m (account, transfer, debits, credits) \
     select e.account, $1::bigint, -sum(least(e.amount, 0))::bigint, \
         sum(greatest(e.amount, 0))::bigint \
     from entries e, bound where e.id > bound.transfer * 2 + 1 and e.id <= $1::bigint * 2 + 1 \
     and e.account < 360110000 group by e.account \
     on conflict (account) do update set transfer = excluded.transfer, \
         debits = m.debits + excluded.debits, credits = m.credits + excluded.credits";

/// How often and how long apart it is asked whether the last transfers are settled; a commit that
/// takes longer is left to the next roll-up.
const SETTLED_ASKED_MAX: u32 = 20;
const SETTLED_INTERVAL: Duration = Duration::from_millis(25);

pub(crate) async fn balances(db: &Database) -> Result<Vec<HouseBalance>, Error> {
    let rows = db.read(BALANCES, &[]).await?;
    let balance = |found| {
        let currency = row::currency(found, 1)?;
        Ok(HouseBalance {
            account: AccountNumber::new(get(found, 0)?),
            balance: Balance::new(get(found, 2)?, currency),
            currency,
        })
    };
    rows.iter().map(balance).collect()
}

/// All on one connection: after a failover the numbers of the old primary mean nothing.
pub(crate) async fn roll_up(db: &Database) -> Result<(), Error> {
    let mut lease = db.parts.primary.lease().await?;
    let client = &mut lease.connection.client;
    let last: i64 = client.query_one_scalar(LAST, &[]).await.map_err(classify)?;
    let next_transaction: i64 =
        client.query_one_scalar(NEXT_TRANSACTION, &[]).await.map_err(classify)?;
    for _ in 0..SETTLED_ASKED_MAX {
        let settled: bool =
            client.query_one_scalar(IS_SETTLED, &[&next_transaction]).await.map_err(classify)?;
        if settled {
            roll_up_to(client, last).await.map_err(classify)?;
            break;
        }
        tokio::time::sleep(SETTLED_INTERVAL).await;
    }
    lease.give_back();
    Ok(())
}

/// Servers take turns: a statement behind the lock sees the marks that the one before moved.
async fn roll_up_to(client: &mut Client, last: i64) -> Result<(), tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    transaction.execute(TAKE_TURN, &[]).await?;
    transaction.execute(ROLL_UP, &[&last]).await?;
    transaction.commit().await
}
