-- Why: social security numbers sealed in the books, found again by a keyed index. The twin of the
-- embedded database's migration 4.
-- Lock: `customers` for a moment, and against changes while the index (of nothing yet) is built.
-- The previous version of the program: goes on working. It reads and writes `ssn`, so this version
-- fills `ssn` too, until an operator (`ballast seal`, or `ballast up` before it starts servers) says
-- that no earlier program runs any more: the row in `sealing`. From then on `ssn` holds the
-- customer's own number, which keeps the column's rules and says nothing. A later version drops it.

alter table customers
    add column ssn_sealed bytea,
    add column ssn_index bytea,
    add constraint customers_ssn_index check ((ssn_index is null) = (ssn_sealed is null)) not valid;
create unique index customers_ssn_index_unique on customers (ssn_index)
    where ssn_index is not null;

create table sealing (
    what text not null primary key constraint sealing_what check (what = 'ssn'),
    since bigint not null
);

do $$
begin
    if exists (select from pg_roles where rolname = 'ballast_app') then
        grant select, insert on sealing to ballast_app;
    end if;
end $$;
