-- Why: social security numbers sealed in the books, found again by a keyed index.
-- Lock: the writer's lock file, for a moment.
-- The previous version of the program: goes on working. It reads and writes `ssn`, so this version
-- fills `ssn` too, until an operator (`ballast seal`, or `ballast up` before it starts servers) says
-- that no earlier program runs any more: the row in `sealing`. From then on `ssn` holds the
-- customer's own number, which keeps the column's rules and says nothing. A later version drops it.

alter table customers add column ssn_sealed blob;
alter table customers add column ssn_index blob
    constraint customers_ssn_index check ((ssn_index is null) = (ssn_sealed is null));
create unique index customers_ssn_index_unique on customers (ssn_index) where ssn_index is not null;

create table sealing (
    what text not null primary key constraint sealing_what check (what = 'ssn'),
    since integer not null
) without rowid;
