-- Why: the first books. Lock: the writer's lock file, for the whole migration.
-- The previous version of the program: there is none.

create table staff (
    user text not null primary key,
    name text not null,
    role text not null constraint staff_role check (role in ('executive', 'cashier', 'teller')),
    password_hash text not null,
    password_generated integer not null constraint staff_generated check (password_generated in (0, 1)),
    disabled integer not null constraint staff_disabled check (disabled in (0, 1)),
    created_at integer not null
) without rowid;

create table sessions (
    id integer primary key autoincrement,
    token_hash blob not null constraint sessions_token_unique unique
        constraint sessions_token_length check (length(token_hash) = 32),
    user text not null constraint sessions_staff references staff (user),
    kind text not null constraint sessions_kind check (kind in ('browser', 'client')),
    created_at integer not null,
    expires_at integer not null,
    seen_at integer not null,
    ended_at integer
);
create index sessions_user on sessions (user) where ended_at is null;

-- The subject is a hash of a typed name or an address: people type passwords into the wrong field.
create table sign_in_failures (
    subject blob not null primary key,
    failures integer not null constraint sign_in_failures_count check (failures > 0),
    locked_until integer not null,
    updated_at integer not null
) without rowid;

create table audit_events (
    id integer primary key,
    at integer not null,
    user text,
    session integer,
    server text not null,
    action text not null,
    subject text not null,
    result text not null constraint audit_events_result check (result in ('done', 'denied', 'failed'))
);

create table customers (
    number integer primary key constraint customers_number check (number >= 110110000),
    ssn text not null constraint customers_ssn_unique unique
        constraint customers_ssn_digits check (length(ssn) = 9 and ssn not glob '*[^0-9]*'),
    name text not null constraint customers_name check (length(name) between 1 and 50),
    address text not null constraint customers_address check (length(address) between 1 and 100),
    age integer not null constraint customers_age check (age between 0 and 999),
    state text not null constraint customers_state check (length(state) between 1 and 20),
    city text not null constraint customers_city check (length(city) between 1 and 20),
    status text not null constraint customers_status check (status in ('active', 'deactivated')),
    created_at integer not null
);

create table customer_log (
    id integer primary key,
    customer integer not null constraint customer_log_customer references customers (number),
    message text not null,
    at integer not null,
    user text not null
);
create index customer_log_latest on customer_log (customer, id);

create table accounts (
    number integer primary key,
    customer integer constraint accounts_customer references customers (number),
    kind text not null constraint accounts_kind check (kind in ('current', 'savings', 'house')),
    currency text not null constraint accounts_currency check (length(currency) = 3),
    status text not null constraint accounts_status check (status in ('open', 'closed')),
    overdraft integer not null constraint accounts_overdraft check (overdraft >= 0),
    debits_posted integer not null constraint accounts_debits check (debits_posted >= 0),
    credits_posted integer not null constraint accounts_credits check (credits_posted >= 0),
    debits_pending integer not null constraint accounts_debits_held check (debits_pending >= 0),
    credits_pending integer not null constraint accounts_credits_held check (credits_pending >= 0),
    entry_count integer not null constraint accounts_entries check (entry_count >= 0),
    last_entry integer,
    opened_at integer not null,
    constraint accounts_floor
        check (kind = 'house' or credits_posted - debits_posted - debits_pending + overdraft >= 0),
    constraint accounts_house check ((kind = 'house') = (customer is null)),
    constraint accounts_closed_at_zero
        check (status = 'open' or (credits_posted = debits_posted and debits_pending = 0))
);
create unique index accounts_one_of_a_kind on accounts (customer, kind)
    where status = 'open' and kind <> 'house';
create index accounts_by_customer on accounts (customer) where customer is not null;

create table account_log (
    id integer primary key,
    account integer not null constraint account_log_account references accounts (number),
    message text not null,
    at integer not null,
    user text not null
);
create index account_log_latest on account_log (account, id);

-- One row for each key: what was asked, by whom, and what was answered. Also the audit row of
-- every posting, refusals included.
create table operations (
    id integer primary key,
    key text not null constraint operations_key_unique unique,
    fingerprint blob not null constraint operations_fingerprint check (length(fingerprint) = 32),
    kind text not null constraint operations_kind
        check (kind in ('open_account', 'deposit', 'withdrawal', 'transfer', 'batch')),
    user text not null constraint operations_staff references staff (user),
    session integer not null,
    server text not null,
    booked_at integer not null,
    answer blob not null
);

create table transfers (
    id integer primary key,
    operation integer not null constraint transfers_operation references operations (id),
    debit integer not null constraint transfers_debit references accounts (number),
    credit integer not null constraint transfers_credit references accounts (number),
    amount integer not null constraint transfers_amount check (amount > 0),
    description text not null constraint transfers_description check (length(description) <= 140),
    constraint transfers_two_accounts check (debit <> credit)
);

-- Written in the order of booking: a posting appends to one page, where a tree by account would
-- dirty one page for each account (8 MB of log instead of 1 for 1,000 transfers). An account's
-- entries are a list: its row names the newest, each entry the one before. The id is twice the
-- transfer's, plus one on the credit side. Entries of house accounts are numbered by transfer,
-- carry no balance and are in no list: see house_marks.
create table entries (
    id integer primary key constraint entries_id check (id / 2 = transfer),
    account integer not null constraint entries_account references accounts (number),
    number integer not null constraint entries_number check (number > 0),
    transfer integer not null constraint entries_transfer references transfers (id),
    amount integer not null constraint entries_amount check ((id % 2 = 1) = (amount > 0) and amount <> 0),
    balance integer,
    previous integer constraint entries_previous check (previous < id),
    booked_at integer not null
);

-- Every 64th entry of an account, so that an old one is found without walking the whole list.
create table entry_marks (
    account integer not null constraint entry_marks_account references accounts (number),
    number integer not null,
    entry integer not null constraint entry_marks_entry references entries (id),
    primary key (account, number)
) without rowid;

-- The balance of a house account is its mark and the entries behind it.
create table house_marks (
    account integer primary key constraint house_marks_account references accounts (number),
    transfer integer not null,
    debits integer not null,
    credits integer not null
);

create trigger entries_never_change before update on entries
    begin select raise(abort, 'entries are never changed'); end;
create trigger entries_never_go before delete on entries
    begin select raise(abort, 'entries are never removed'); end;
create trigger transfers_never_change before update on transfers
    begin select raise(abort, 'transfers are never changed'); end;
create trigger transfers_never_go before delete on transfers
    begin select raise(abort, 'transfers are never removed'); end;
create trigger operations_never_change before update on operations
    begin select raise(abort, 'operations are never changed'); end;
create trigger operations_never_go before delete on operations
    begin select raise(abort, 'operations are never removed'); end;
create trigger audit_events_never_change before update on audit_events
    begin select raise(abort, 'audit rows are never changed'); end;
create trigger audit_events_never_go before delete on audit_events
    begin select raise(abort, 'audit rows are never removed'); end;

-- The bank's own accounts: series x 1000 + the numeric code of ISO 4217 (ledger::house).
insert into accounts (number, customer, kind, currency, status, overdraft, debits_posted,
                      credits_posted, debits_pending, credits_pending, entry_count, opened_at)
select series.base + currencies.numeric, null, 'house', currencies.code, 'open', 0, 0, 0, 0, 0, 0, 0
from (select 100000 as base union all select 200000 union all select 300000 union all select 400000)
         as series,
     (select 756 as numeric, 'CHF' as code union all select 203, 'CZK' union all select 978, 'EUR'
      union all select 826, 'GBP' union all select 392, 'JPY' union all select 414, 'KWD'
      union all select 840, 'USD') as currencies;
