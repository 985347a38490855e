-- Why: auditors and administrators; where sessions and audit rows come from; passwords that must
-- be changed; reading the audit rows by time.
-- Lock: the writer's lock file, for the whole migration. SQLite cannot change a check, so `staff`
-- is written anew (its guide, "Making Other Kinds Of Table Schema Changes"): the program switches
-- foreign keys off around the migrations and checks them afterwards.
-- The previous version of the program: goes on working. Every column it knows is where it was, new
-- ones have defaults; staff of the two new roles it cannot read and so does not let in.

create table staff_with_all_roles (
    user text not null primary key,
    name text not null,
    role text not null constraint staff_role
        check (role in ('executive', 'cashier', 'teller', 'auditor', 'administrator')),
    password_hash text not null,
    password_generated integer not null constraint staff_generated check (password_generated in (0, 1)),
    disabled integer not null constraint staff_disabled check (disabled in (0, 1)),
    created_at integer not null
) without rowid;
insert into staff_with_all_roles
    (user, name, role, password_hash, password_generated, disabled, created_at)
select user, name, role, password_hash, password_generated, disabled, created_at from staff;
drop table staff;
alter table staff_with_all_roles rename to staff;

alter table sessions add column address text not null default '';
alter table sessions add column agent text not null default '';
alter table sessions add column password_due integer not null default 0
    constraint sessions_password_due check (password_due in (0, 1));

alter table audit_events add column address text;
create index audit_events_by_time on audit_events (at);
