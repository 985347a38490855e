-- Why: auditors and administrators; where sessions and audit rows come from; passwords that must
-- be changed; reading the audit rows by time. The twin of the embedded database's migration 2.
-- Lock: each `alter table` locks its table for a moment; the new check is not held against the rows
-- that are there, which the old and narrower one has checked. The index blocks writers of audit
-- rows while it is built.
-- The previous version of the program: goes on working. Every column it knows is where it was, new
-- ones have defaults; staff of the two new roles it cannot read and so does not let in.

alter table staff drop constraint staff_role;
alter table staff add constraint staff_role
    check (role in ('executive', 'cashier', 'teller', 'auditor', 'administrator')) not valid;

alter table sessions
    add column address text not null default '',
    add column agent text not null default '',
    add column password_due boolean not null default false;

alter table audit_events add column address text;
create index audit_events_by_time on audit_events (at);
