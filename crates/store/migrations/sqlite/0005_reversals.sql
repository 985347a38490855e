-- Why: transfers that take back others, and reading who did what.
-- Lock: the writer's lock file, for the whole migration; the indexes are built meanwhile (some
-- seconds for a million operations). SQLite cannot change a check, and writing `operations` anew
-- would take a copy of all stored answers; so the text of the table is changed in place, which its
-- guide allows for changes of checks ("Making Other Kinds Of Table Schema Changes"). The table that
-- is made afterwards tells connections that are open to read the texts again.
-- The previous version of the program: goes on working. It does not know the new table, and shows
-- operations of the new kind by their word.

pragma writable_schema = on;
update sqlite_schema
    set sql = replace(sql, '''transfer'', ''batch'')', '''transfer'', ''batch'', ''reversal'')')
    where type = 'table' and name = 'operations';
pragma writable_schema = reset;

-- The transfer, and the earlier one that it takes back.
create table reversals (
    transfer integer primary key constraint reversals_transfer references transfers (id),
    reverses integer not null constraint reversals_once unique
        constraint reversals_reverses references transfers (id),
    constraint reversals_later check (transfer > reverses)
);

create trigger reversals_never_change before update on reversals
    begin select raise(abort, 'reversals are never changed'); end;
create trigger reversals_never_go before delete on reversals
    begin select raise(abort, 'reversals are never removed'); end;

-- What somebody did, and the newest audit rows of a kind, both newest first.
create index operations_by_user on operations (user);
create index audit_events_by_action on audit_events (action);
