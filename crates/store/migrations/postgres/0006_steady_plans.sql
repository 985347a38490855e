-- Why: a connection keeps the plans it makes first. Made while the books are new, they read
-- `operations` from end to end for each group, and postings became slower with every one (a group
-- of 64 five times after 16,000 operations) until the table was analyzed. Small groups, on the other
-- hand, were planned anew each time. Here every table is read through its keys, whatever its size,
-- and the function says so. And the answers of a batch are numbers that hardly get smaller: packing
-- them cost a tenth of its posting.
-- Also, a roll-up of the house accounts could pass a posting that was on its way, and leave its
-- amounts out of the mark for ever. The next roll-up makes the marks anew from the entries, which
-- were always right.
-- Also, large groups of several servers meet at nearly every account: the one that waits for the
-- other's locks reads each account once more behind them. They take turns instead.
-- Lock: `operations` for a moment. Nothing is rewritten; older answers stay as they are.
-- The previous version of the program: goes on working, and does not notice. While it runs it may
-- still leave an amount out of a mark; `ballast audit` says so (house-mark).

-- A large group: behind all other large ones, until its commit is done.
create function post_group_in_turn(
    p_now bigint,
    p_keys text[], p_fingerprints bytea[], p_kinds text[], p_users text[], p_sessions bigint[],
    p_servers text[], p_leg_counts int[],
    p_customers bigint[], p_account_kinds text[], p_currencies text[], p_overdrafts bigint[],
    p_debits bigint[], p_credits bigint[], p_debit_slots int[], p_credit_slots int[],
    p_amounts bigint[], p_leg_currencies text[], p_descriptions text[],
    p_numbers bigint[],
    p_reverses bigint[], p_own_today boolean[]
) returns table (
    r_key text, r_fingerprint bytea, r_id bigint, r_booked_at bigint, r_known boolean,
    r_answer bytea
) language plpgsql volatile security definer set search_path = public, pg_temp as $$
begin
    -- "ballast" on a telephone's keys, plus two; migrations and roll-ups have those before it.
    perform pg_advisory_xact_lock(2255280);
    return query select * from post_group(
        p_now, p_keys, p_fingerprints, p_kinds, p_users, p_sessions, p_servers, p_leg_counts,
        p_customers, p_account_kinds, p_currencies, p_overdrafts, p_debits, p_credits,
        p_debit_slots, p_credit_slots, p_amounts, p_leg_currencies, p_descriptions, p_numbers,
        p_reverses, p_own_today);
end $$;
revoke execute on function post_group_in_turn(
    bigint, text[], bytea[], text[], text[], bigint[], text[], int[], bigint[], text[], text[],
    bigint[], bigint[], bigint[], int[], int[], bigint[], text[], text[], bigint[], bigint[],
    boolean[]) from public;
do $$
begin
    if exists (select from pg_roles where rolname = 'ballast_app') then
        grant execute on function post_group_in_turn(
            bigint, text[], bytea[], text[], text[], bigint[], text[], int[], bigint[], text[],
            text[], bigint[], bigint[], bigint[], int[], int[], bigint[], text[], text[], bigint[],
            bigint[], boolean[]) to ballast_app;
    end if;
end $$;

do $$
declare
    v_function regprocedure;
begin
    for v_function in select oid::regprocedure from pg_proc
        where proname = 'post_group' and pronamespace = 'public'::regnamespace
    loop
        execute format('alter function %s set plan_cache_mode = force_generic_plan', v_function);
        execute format('alter function %s set enable_seqscan = off', v_function);
    end loop;
end $$;
delete from house_marks;
alter table operations alter column answer set storage external;
