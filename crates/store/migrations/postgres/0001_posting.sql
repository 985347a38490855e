-- The posting of a group: one call, one transaction, whatever the group's size. The decision is
-- ledger::posting in PL/pgSQL, leg by leg over arrays; everything around it is set-based.
--
-- Phases: stored answers of known keys -> locks -> decision in order -> rows. Locks: customers of
-- openings in the order of their numbers, then accounts in the order of theirs, before anything
-- of them is read; house accounts never. Isolation: read committed; each statement after the
-- locks sees what the holders before left. A key that another group inserts meanwhile fails this
-- group (operations_key_unique) and the caller asks again: then the key is known.
--
-- Shapes: arrays of one element for each operation, each leg (the operations' legs one after the
-- other; an opening has its deposit or none), and each customer account that any leg names, by
-- number and without repeats. A slot is a leg's position in that last array; 0 is the house.
-- Codes are those of ledger::Refusal; answers are in the wide form of ledger::Answer.
create function post_group(
    p_now bigint,
    p_keys text[], p_fingerprints bytea[], p_kinds text[], p_users text[], p_sessions bigint[],
    p_servers text[], p_leg_counts int[],
    p_customers bigint[], p_account_kinds text[], p_currencies text[], p_overdrafts bigint[],
    p_debits bigint[], p_credits bigint[], p_debit_slots int[], p_credit_slots int[],
    p_amounts bigint[], p_leg_currencies text[], p_descriptions text[],
    p_numbers bigint[]
) returns table (
    r_key text, r_fingerprint bytea, r_id bigint, r_booked_at bigint, r_known boolean,
    r_answer bytea
) language plpgsql volatile security definer set search_path = public, pg_temp as $$
#variable_conflict use_column
declare
    c_number_max constant bigint := 9223372036854775807;
    c_operations constant int := cardinality(p_keys);
    c_legs constant int := cardinality(p_amounts);
    v_known boolean[];
    -- Customers of openings, and their open accounts as 'customer kind'.
    v_opening_customers bigint[];
    v_taken text[];
    -- Accounts that exist, by number: one slot each.
    s_number bigint[]; s_customer bigint[]; s_currency text[]; s_refusal int[]; s_overdraft bigint[];
    s_debits bigint[]; s_credits bigint[]; s_pending bigint[]; s_count bigint[]; s_last bigint[];
    s_touched boolean[];
    v_deactivated bigint[];
    -- From the caller's slots to ours; null while they are the same.
    v_map int[];
    v_existing int;
    v_slots int;
    v_booked_at bigint;
    -- What is decided: by operation, by leg.
    v_ids bigint[] := array_fill(null::bigint, array[c_operations]);
    v_answers bytea[] := array_fill(null::bytea, array[c_operations]);
    v_opened int[] := '{}';
    v_leg_answers bytea[] := array_fill(null::bytea, array[c_legs]);
    v_transfers bigint[] := array_fill(null::bigint, array[c_legs]);
    v_operations bigint[] := array_fill(null::bigint, array[c_legs]);
    v_credit_numbers bigint[] := p_credits;
    v_debit_after bigint[] := array_fill(null::bigint, array[c_legs]);
    v_credit_after bigint[] := array_fill(null::bigint, array[c_legs]);
    v_debit_place bigint[] := array_fill(null::bigint, array[c_legs]);
    v_credit_place bigint[] := array_fill(null::bigint, array[c_legs]);
    v_debit_previous bigint[] := array_fill(null::bigint, array[c_legs]);
    v_credit_previous bigint[] := array_fill(null::bigint, array[c_legs]);
    v_wrote boolean := false;
    v_leg int := 0;
    v_first int;
    v_id bigint;
    v_code int;
    v_number bigint;
    v_slot int;
    v_debit int;
    v_credit int;
    v_amount bigint;
    v_transfer bigint;
    v_text text;
    v_answer bytea;
begin
    return query select key, fingerprint, id, booked_at, true, answer
        from operations where key = any (p_keys);
    if found then
        select array_agg(exists (select from operations where key = k.key) order by k.place)
            into v_known from unnest(p_keys) with ordinality as k (key, place);
        if true = all (v_known) then return; end if;
    end if;

    if 'open_account' = any (p_kinds) then
        select array_agg(number), array_agg(number) filter (where status = 'deactivated')
            into v_opening_customers, v_deactivated
            from (select number, status from customers where number = any (p_customers)
                  order by number for no key update) as locked;
        select array_agg(customer || ' ' || kind) into v_taken from accounts
            where customer = any (v_opening_customers) and status = 'open';
    end if;
    select array_agg(number), array_agg(customer), array_agg(currency),
            array_agg(case status when 'closed' then 2 else 0 end), array_agg(overdraft),
            array_agg(debits_posted), array_agg(credits_posted), array_agg(debits_pending),
            array_agg(entry_count), array_agg(last_entry), max(booked_at), count(*)
        into s_number, s_customer, s_currency, s_refusal, s_overdraft, s_debits, s_credits,
            s_pending, s_count, s_last, v_booked_at, v_existing
        from (select * from accounts where number = any (p_numbers)
              order by number for no key update) as locked;
    v_booked_at := greatest(p_now, v_booked_at);
    v_slots := v_existing;
    s_touched := array_fill(false, array[v_existing]);
    select v_deactivated || array_agg(number) into v_deactivated from customers
        where status = 'deactivated' and number = any (s_customer);
    if v_deactivated is not null then
        for slot in 1 .. v_existing loop
            if s_refusal[slot] = 0 and s_customer[slot] = any (v_deactivated) then
                s_refusal[slot] := 3;
            end if;
        end loop;
    end if;
    if v_existing <> cardinality(p_numbers) then
        v_map := array_fill(null::int, array[cardinality(p_numbers)]);
        v_slot := 1;
        for place in 1 .. cardinality(p_numbers) loop
            if s_number[v_slot] = p_numbers[place] then
                v_map[place] := v_slot;
                v_slot := v_slot + 1;
            end if;
        end loop;
    end if;

    -- A roll-up of the house accounts knows by it when the ids taken below are settled.
    perform pg_current_xact_id();
    for op in 1 .. c_operations loop
        v_first := v_leg + 1;
        if v_known[op] then
            v_leg := v_leg + p_leg_counts[op];
            continue;
        end if;
        v_id := nextval('operations_id');
        v_ids[op] := v_id;
        if p_kinds[op] = 'open_account' then
            v_text := p_customers[op] || ' ' || p_account_kinds[op];
            v_code := case
                when v_opening_customers is null
                    or p_customers[op] <> all (v_opening_customers) then 8
                when p_customers[op] = any (v_deactivated) then 3
                when p_leg_counts[op] > 0 and p_leg_currencies[v_first] <> p_currencies[op] then 5
                when v_text = any (v_taken) then 9
                else 0 end;
            if v_code > 0 then
                v_answers[op] := '\x13'::bytea || set_byte('\x00', 0, v_code);
                v_leg := v_leg + p_leg_counts[op];
                continue;
            end if;
            v_taken := v_taken || v_text;
            v_number := nextval('accounts_number');
            v_slots := v_slots + 1;
            s_number[v_slots] := v_number;
            s_customer[v_slots] := p_customers[op];
            s_currency[v_slots] := p_currencies[op];
            s_refusal[v_slots] := 0;
            s_overdraft[v_slots] := p_overdrafts[op];
            s_debits[v_slots] := 0;
            s_credits[v_slots] := 0;
            s_pending[v_slots] := 0;
            s_count[v_slots] := 0;
            s_last[v_slots] := null;
            s_touched[v_slots] := false;
            v_opened := v_opened || op;
            -- A later leg may name the number before it was told to anybody.
            v_slot := array_position(p_numbers, v_number);
            if v_slot is not null then v_map[v_slot] := v_slots; end if;
        end if;

        for i in 1 .. p_leg_counts[op] loop
            v_leg := v_leg + 1;
            v_operations[v_leg] := v_id;
            v_amount := p_amounts[v_leg];
            v_debit := p_debit_slots[v_leg];
            v_credit := p_credit_slots[v_leg];
            if v_map is not null then
                if v_debit > 0 then v_debit := v_map[v_debit]; end if;
                if v_credit > 0 then v_credit := v_map[v_credit]; end if;
            end if;
            if p_kinds[op] = 'open_account' then
                v_credit := v_slots;
                v_credit_numbers[v_leg] := v_number;
            end if;
            v_code := 0;
            if p_debits[v_leg] = v_credit_numbers[v_leg] then
                v_code := 6;
            elsif v_debit is null then
                v_code := 1;
            elsif v_debit > 0 and s_refusal[v_debit] > 0 then
                v_code := s_refusal[v_debit];
            elsif v_debit > 0 and s_currency[v_debit] <> p_leg_currencies[v_leg] then
                v_code := 5;
            elsif v_credit is null then
                v_code := 1;
            elsif v_credit > 0 and s_refusal[v_credit] > 0 then
                v_code := s_refusal[v_credit];
            elsif v_credit > 0 and s_currency[v_credit] <> p_leg_currencies[v_leg] then
                v_code := 5;
            elsif v_debit > 0 and s_credits[v_debit] - s_debits[v_debit] - s_pending[v_debit]
                    < v_amount - s_overdraft[v_debit] then
                v_code := 4;
            elsif v_debit > 0 and s_debits[v_debit] > c_number_max - v_amount then
                v_code := 7;
            elsif v_credit > 0 and s_credits[v_credit] > c_number_max - v_amount then
                v_code := 7;
            end if;
            if v_code > 0 then
                v_leg_answers[v_leg] := set_byte('\x00', 0, v_code);
                continue;
            end if;
            v_transfer := nextval('transfers_id');
            v_transfers[v_leg] := v_transfer;
            v_wrote := true;
            if v_debit > 0 then
                s_debits[v_debit] := s_debits[v_debit] + v_amount;
                s_count[v_debit] := s_count[v_debit] + 1;
                v_debit_after[v_leg] := s_credits[v_debit] - s_debits[v_debit];
                v_debit_place[v_leg] := s_count[v_debit];
                v_debit_previous[v_leg] := s_last[v_debit];
                s_last[v_debit] := v_transfer * 2;
                s_touched[v_debit] := true;
            end if;
            if v_credit > 0 then
                s_credits[v_credit] := s_credits[v_credit] + v_amount;
                s_count[v_credit] := s_count[v_credit] + 1;
                v_credit_after[v_leg] := s_credits[v_credit] - s_debits[v_credit];
                v_credit_place[v_leg] := s_count[v_credit];
                v_credit_previous[v_leg] := s_last[v_credit];
                s_last[v_credit] := v_transfer * 2 + 1;
                s_touched[v_credit] := true;
            end if;
            if v_debit = 0 then
                v_leg_answers[v_leg] := case when v_credit = 0
                    then '\x80'::bytea || int8send(v_transfer)
                    else '\x82'::bytea || int8send(v_transfer) || int8send(v_credit_after[v_leg])
                    end;
            elsif v_credit = 0 then
                v_leg_answers[v_leg] :=
                    '\x81'::bytea || int8send(v_transfer) || int8send(v_debit_after[v_leg]);
            else
                v_leg_answers[v_leg] := '\x83'::bytea || int8send(v_transfer)
                    || int8send(v_debit_after[v_leg]) || int8send(v_credit_after[v_leg]);
            end if;
        end loop;

        if p_kinds[op] = 'open_account' then
            v_answers[op] := case when p_leg_counts[op] = 0
                then '\x11'::bytea || int8send(v_number)
                else '\x12'::bytea || int8send(v_number) || int8send(v_transfer) end;
        elsif p_leg_counts[op] = 1 then
            v_answers[op] := '\x14'::bytea || v_leg_answers[v_leg];
        else
            select coalesce(string_agg(v_leg_answers[i], ''::bytea order by i), '')
                into v_answer from generate_series(v_first, v_leg) as i;
            v_answers[op] := '\x14'::bytea || v_answer;
        end if;
    end loop;

    for place in 1 .. cardinality(v_opened) loop
        v_slot := v_existing + place;
        insert into accounts (number, customer, kind, currency, status, overdraft, debits_posted,
                credits_posted, debits_pending, credits_pending, entry_count, opened_at,
                last_entry, booked_at)
            values (s_number[v_slot], s_customer[v_slot], p_account_kinds[v_opened[place]],
                s_currency[v_slot], 'open', s_overdraft[v_slot], s_debits[v_slot],
                s_credits[v_slot], 0, 0, s_count[v_slot], v_booked_at, s_last[v_slot],
                v_booked_at);
        insert into account_log (account, message, at, user_id)
            values (s_number[v_slot], 'Account opened', v_booked_at, p_users[v_opened[place]]);
    end loop;
    if v_wrote then
        update accounts a set debits_posted = s.debits, credits_posted = s.credits,
                entry_count = s.entry_count, last_entry = s.last, booked_at = v_booked_at
            from unnest(s_number, s_debits, s_credits, s_count, s_last, s_touched)
                with ordinality as s (number, debits, credits, entry_count, last, touched, slot)
            where a.number = s.number and s.touched and s.slot <= v_existing;
        insert into transfers (id, operation, debit, credit, amount, description)
            select t.id, t.operation, t.debit, t.credit, t.amount, t.description
            from unnest(v_transfers, v_operations, p_debits, v_credit_numbers, p_amounts,
                    p_descriptions) as t (id, operation, debit, credit, amount, description)
            where t.id is not null;
        insert into entries (id, account, number, transfer, amount, balance, previous, booked_at)
            select e.id, e.account, coalesce(e.number, t.id), t.id, e.amount, e.balance,
                e.previous, v_booked_at
            from unnest(v_transfers, p_debits, v_credit_numbers, p_amounts, v_debit_place,
                    v_credit_place, v_debit_after, v_credit_after, v_debit_previous,
                    v_credit_previous)
                as t (id, debit, credit, amount, debit_place, credit_place, debit_after,
                    credit_after, debit_previous, credit_previous),
                lateral (values
                    (t.id * 2, t.debit, t.debit_place, -t.amount, t.debit_after, t.debit_previous),
                    (t.id * 2 + 1, t.credit, t.credit_place, t.amount, t.credit_after,
                        t.credit_previous))
                as e (id, account, number, amount, balance, previous)
            where t.id is not null;
        insert into entry_marks (account, number, entry)
            select t.debit, t.place, t.id * 2 from unnest(v_transfers, p_debits, v_debit_place)
                as t (id, debit, place) where t.place % 64 = 0
            union all
            select t.credit, t.place, t.id * 2 + 1
                from unnest(v_transfers, v_credit_numbers, v_credit_place) as t (id, credit, place)
                where t.place % 64 = 0;
    end if;
    return query insert into operations
            (id, key, fingerprint, kind, user_id, session, server, booked_at, answer)
        select o.id, o.key, o.fingerprint, o.kind, o.user_id, o.session, o.server, v_booked_at,
            o.answer
        from unnest(v_ids, p_keys, p_fingerprints, p_kinds, p_users, p_sessions, p_servers,
                v_answers)
            as o (id, key, fingerprint, kind, user_id, session, server, answer)
        where o.id is not null order by o.key collate "C"
        returning key, fingerprint, id, booked_at, false, answer;
end $$;

-- Entries of an account from number p_top back, newest first: from the next mark, or the newest
-- entry, back to it, and on from there. Each step is one look-up by key.
create function entries_back(p_account bigint, p_top bigint, p_limit bigint)
returns setof entries language plpgsql stable set search_path = public, pg_temp as $$
declare
    v_entry entries;
    v_next bigint;
    v_given bigint := 0;
begin
    select entry into v_next from entry_marks
        where account = p_account and number >= p_top order by number limit 1;
    if v_next is null then
        select last_entry into v_next from accounts where number = p_account;
    end if;
    while v_next is not null and v_given < p_limit loop
        select * into v_entry from entries where id = v_next;
        exit when not found;
        if v_entry.number <= p_top then
            return next v_entry;
            v_given := v_given + 1;
        end if;
        v_next := v_entry.previous;
    end loop;
end $$;

-- The number of the first entry of an account booked at or after a time; one past the last if
-- there is none. Booking times never go back along the numbers, so it is found by halving.
create function entry_booked_from(p_account bigint, p_at bigint)
returns bigint language plpgsql stable set search_path = public, pg_temp as $$
declare
    v_low bigint := 1;
    v_high bigint;
    v_middle bigint;
begin
    select entry_count + 1 into v_high from accounts where number = p_account;
    while v_low < v_high loop
        v_middle := v_low + (v_high - v_low) / 2;
        if (select booked_at < p_at from entries_back(p_account, v_middle, 1)) then
            v_low := v_middle + 1;
        else
            v_high := v_middle;
        end if;
    end loop;
    return v_low;
end $$;

-- The application's role, where this role may make one; the operator grants it to the role that
-- servers sign in with. It reads everything, posts through post_group, and changes what people
-- may change; entries, transfers and operations only the posting writes.
revoke execute on function post_group from public;
do $$
begin
    if not exists (select from pg_roles where rolname = 'ballast_app') then
        create role ballast_app nologin;
    end if;
exception
    when insufficient_privilege then
        raise notice 'the role ballast_app is missing and cannot be made by this role';
    when duplicate_object or unique_violation then
        null;
end $$;
do $$
begin
    if exists (select from pg_roles where rolname = 'ballast_app') then
        grant usage on schema public to ballast_app;
        grant select on all tables in schema public to ballast_app;
        grant usage on all sequences in schema public to ballast_app;
        grant select on all sequences in schema public to ballast_app;
        grant insert, update on staff, sessions, customers, house_marks to ballast_app;
        grant insert, update, delete on sign_in_failures to ballast_app;
        grant update (status) on accounts to ballast_app;
        grant insert on audit_events, customer_log, account_log to ballast_app;
        grant execute on function post_group, entries_back, entry_booked_from to ballast_app;
    end if;
end $$;
