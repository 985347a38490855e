//! Where a database is in its log.
//!
//! The primary's position is asked for behind a change, on the same connection and without waiting,
//! so it costs no round trip; it is read after the commit and therefore never before it. What is
//! read is how far the log is on disk, not how far it is written: a commit is acknowledged when it
//! is on disk, and what others write meanwhile may reach no copy for seconds. Only a database that
//! acknowledges before that (`synchronous_commit = off`) is asked how far it has written.
//!
//! A copy's position is a lower bound: the timeline that it receives is known to those who may read
//! statistics (`pg_read_all_stats`); to others, and while it receives none, that of its last
//! restart point, which is older for some minutes after a failover.

use ledger::receipt::Position;
use tokio_postgres::Row;

use crate::model::UnixMs;

/// On the primary.
pub(crate) const OF_PRIMARY: &str = "select \
     ('x' || left(pg_walfile_name(lsn), 8))::bit(32)::bigint, (lsn - '0/0')::bigint \
     from (select case when current_setting('synchronous_commit') = 'off' \
         then pg_current_wal_insert_lsn() else pg_current_wal_flush_lsn() end as lsn) as here";

/// On a copy, or on the primary when it is the nearest. A change that is replayed up to here is
/// seen by what is asked next on this connection.
pub(crate) const OF_COPY: &str = "select \
     case when is_standby \
         then coalesce((select received_tli from pg_stat_wal_receiver), \
             (select greatest(c.timeline_id, r.min_recovery_end_timeline) \
                 from pg_control_checkpoint() c, pg_control_recovery() r))::bigint \
         else ('x' || left(pg_walfile_name(pg_current_wal_flush_lsn()), 8))::bit(32)::bigint end, \
     (case when is_standby then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end \
         - '0/0')::bigint, \
     case when is_standby \
         then (extract(epoch from pg_last_xact_replay_timestamp()) * 1000)::bigint end, \
     is_standby from (select pg_is_in_recovery() as is_standby) as here";

/// What a copy says of itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Whereabouts {
    pub(crate) position: Position,
    /// When the newest change that it shows was committed, by the primary's clock.
    pub(crate) changed_at: Option<UnixMs>,
    pub(crate) is_standby: bool,
}

/// `None` for a database that keeps its log to itself.
pub(crate) fn read(row: &Row) -> Option<Position> {
    let timeline = u32::try_from(row.try_get::<_, Option<i64>>(0).ok()??).ok()?;
    let lsn = u64::try_from(row.try_get::<_, Option<i64>>(1).ok()??).ok()?;
    Some(Position { timeline, lsn })
}

pub(crate) fn read_copy(row: &Row) -> Option<Whereabouts> {
    Some(Whereabouts {
        position: read(row)?,
        changed_at: row.try_get(2).ok()?,
        is_standby: row.try_get(3).ok()?,
    })
}
