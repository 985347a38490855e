-- Why: a second factor at sign-in (RFC 6238), with codes for the day the telephone is lost. The
-- twin of the embedded database's migration 3.
-- Lock: `staff` against changes, for a moment.
-- The previous version of the program: goes on working, and does not ask for the factor; no row of
-- it is touched.

-- The secret is sealed. A factor counts once it is confirmed; the step of the last code that was
-- accepted only grows, so that no code is good twice.
create table second_factors (
    user_id text not null primary key constraint second_factors_staff references staff (user_id),
    secret bytea not null,
    confirmed_at bigint,
    last_step bigint not null
);

-- Keyed hashes.
create table recovery_codes (
    user_id text not null constraint recovery_codes_staff references staff (user_id),
    code bytea not null constraint recovery_codes_length check (length(code) = 32),
    used_at bigint,
    primary key (user_id, code)
);

do $$
begin
    if exists (select from pg_roles where rolname = 'ballast_app') then
        grant select, insert, update, delete on second_factors, recovery_codes to ballast_app;
    end if;
end $$;
