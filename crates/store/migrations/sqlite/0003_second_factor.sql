-- Why: a second factor at sign-in (RFC 6238), with codes for the day the telephone is lost.
-- Lock: the writer's lock file, for a moment.
-- The previous version of the program: goes on working, and does not ask for the factor; no row of
-- it is touched.

-- The secret is sealed. A factor counts once it is confirmed; the step of the last code that was
-- accepted only grows, so that no code is good twice.
create table second_factors (
    user text not null primary key constraint second_factors_staff references staff (user),
    secret blob not null,
    confirmed_at integer,
    last_step integer not null
) without rowid;

-- Keyed hashes.
create table recovery_codes (
    user text not null constraint recovery_codes_staff references staff (user),
    code blob not null constraint recovery_codes_length check (length(code) = 32),
    used_at integer,
    primary key (user, code)
) without rowid;
