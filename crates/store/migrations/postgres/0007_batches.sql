-- Why: large groups of several servers meet at nearly every account; the one that waits for the
-- other's locks reads each account once more behind them. They take turns instead. And a batch of
-- 1,000 spent much of its time on finding again, by their numbers, the accounts that it had
-- locked: now it goes to where they are.
-- Lock: none. Nothing is rewritten.
-- The previous version of the program: goes on working, and does not notice.

-- The posting of a group as before (migration 5, with the plans of migration 6).
create or replace function post_group(
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
) language plpgsql volatile security definer set search_path = public, pg_temp
    set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
#variable_conflict use_column
declare
    c_number_max constant bigint := 9223372036854775807;
    c_operations constant int := cardinality(p_keys);
    c_legs constant int := cardinality(p_amounts);
    -- From here on a group meets any other of its size at some account: of 10,000 it touches a
    -- twentieth.
    c_large constant int := 250;
    c_house_below constant bigint := 360110000;
    c_day constant bigint := 86400000;
    c_reversals constant boolean := 'reversal' = any (p_kinds);
    v_known boolean[];
    -- Customers of openings, and their open accounts as 'customer kind'.
    v_opening_customers bigint[];
    v_taken text[];
    -- Accounts that exist, by number: one slot each.
    s_number bigint[]; s_customer bigint[]; s_currency text[]; s_refusal int[]; s_overdraft bigint[];
    s_debits bigint[]; s_credits bigint[]; s_pending bigint[]; s_count bigint[]; s_last bigint[];
    -- Where they are. It holds until the end: what is locked is moved by nobody else.
    s_at tid[];
    v_deactivated bigint[];
    -- Transfers that reversals may name: those of the books that they do name, then this group's.
    t_id bigint[]; t_debit bigint[]; t_credit bigint[]; t_amount bigint[]; t_user text[];
    t_booked_at bigint[]; t_reversal boolean[]; t_reversed boolean[];
    v_numbers bigint[] := p_numbers;
    -- From the caller's slots to ours; null while they are the same.
    v_map int[];
    v_existing int;
    v_updated int;
    v_slots int;
    v_booked_at bigint;
    -- What is decided: by operation, by leg.
    v_ids bigint[] := array_fill(null::bigint, array[c_operations]);
    v_answers bytea[] := array_fill(null::bytea, array[c_operations]);
    v_opened int[] := '{}';
    v_leg_answers bytea[] := array_fill(null::bytea, array[c_legs]);
    v_transfers bigint[] := array_fill(null::bigint, array[c_legs]);
    v_operations bigint[] := array_fill(null::bigint, array[c_legs]);
    v_debit_numbers bigint[] := p_debits;
    v_credit_numbers bigint[] := p_credits;
    v_amounts bigint[] := p_amounts;
    v_reversing bigint[] := '{}';
    v_reversed bigint[] := '{}';
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
    v_currency text;
    v_past int;
    v_text text;
    v_answer bytea;
begin
    if c_legs >= c_large then
        -- Behind all other large groups, until its commit is done. The number is "ballast" on a
        -- telephone's keys, plus two; migrations and roll-ups have those before it.
        perform pg_advisory_xact_lock(2255280);
    end if;
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
    if c_reversals then
        select coalesce(array_agg(t.id), '{}'), array_agg(t.debit), array_agg(t.credit),
                array_agg(t.amount), array_agg(o.user_id), array_agg(o.booked_at)
            into t_id, t_debit, t_credit, t_amount, t_user, t_booked_at
            from transfers t join operations o on o.id = t.operation
            where t.id = any (p_reverses);
        select coalesce(array_agg(distinct number order by number), '{}') into v_numbers
            from unnest(p_numbers || t_debit || t_credit) as named (number)
            where number >= c_house_below;
    end if;
    select array_agg(number), array_agg(customer), array_agg(currency),
            array_agg(case status when 'closed' then 2 else 0 end), array_agg(overdraft),
            array_agg(debits_posted), array_agg(credits_posted), array_agg(debits_pending),
            array_agg(entry_count), array_agg(last_entry), array_agg(at), max(booked_at), count(*)
        into s_number, s_customer, s_currency, s_refusal, s_overdraft, s_debits, s_credits,
            s_pending, s_count, s_last, s_at, v_booked_at, v_existing
        from (select *, ctid as at from accounts where number = any (v_numbers)
              order by number for no key update) as locked;
    v_booked_at := greatest(p_now, v_booked_at);
    -- Behind the locks: whoever reversed one of them held one of its accounts.
    if c_reversals then
        select array_agg(exists (select from reversals where transfer = t.id) order by t.place),
                array_agg(exists (select from reversals where reverses = t.id) order by t.place)
            into t_reversal, t_reversed
            from unnest(t_id) with ordinality as t (id, place);
    end if;
    v_slots := v_existing;
    select v_deactivated || array_agg(number) into v_deactivated from customers
        where status = 'deactivated' and number = any (s_customer);
    if v_deactivated is not null then
        for slot in 1 .. v_existing loop
            if s_refusal[slot] = 0 and s_customer[slot] = any (v_deactivated) then
                s_refusal[slot] := 3;
            end if;
        end loop;
    end if;
    if v_existing <> cardinality(p_numbers) or c_reversals then
        v_map := array_fill(null::int, array[cardinality(p_numbers)]);
        v_slot := 1;
        for place in 1 .. cardinality(p_numbers) loop
            while s_number[v_slot] < p_numbers[place] loop
                v_slot := v_slot + 1;
            end loop;
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
            v_opened := v_opened || op;
            -- A later leg may name the number before it was told to anybody.
            v_slot := array_position(p_numbers, v_number);
            if v_slot is not null then v_map[v_slot] := v_slots; end if;
        end if;

        for i in 1 .. p_leg_counts[op] loop
            v_leg := v_leg + 1;
            v_operations[v_leg] := v_id;
            v_amount := p_amounts[v_leg];
            v_currency := p_leg_currencies[v_leg];
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
            if p_kinds[op] = 'reversal' then
                v_past := array_position(t_id, p_reverses[op]);
                v_code := case
                    when v_past is null then 15
                    when t_reversal[v_past] then 17
                    when t_reversed[v_past] then 16
                    when p_own_today[op] and t_user[v_past] <> p_users[op] then 18
                    when p_own_today[op]
                        and t_booked_at[v_past] / c_day <> v_booked_at / c_day then 19
                    else 0 end;
            end if;
            if v_code = 0 and p_kinds[op] = 'reversal' then
                v_debit_numbers[v_leg] := t_credit[v_past];
                v_credit_numbers[v_leg] := t_debit[v_past];
                v_amounts[v_leg] := t_amount[v_past];
                v_amount := t_amount[v_past];
                v_debit := case when t_credit[v_past] < c_house_below then 0
                    else array_position(s_number, t_credit[v_past]) end;
                v_credit := case when t_debit[v_past] < c_house_below then 0
                    else array_position(s_number, t_debit[v_past]) end;
                -- Accounts never change their currency.
                v_currency := coalesce(s_currency[nullif(v_debit, 0)], s_currency[v_credit]);
            end if;
            if v_code > 0 then
                null;
            elsif v_debit_numbers[v_leg] = v_credit_numbers[v_leg] then
                v_code := 6;
            elsif v_debit is null then
                v_code := 1;
            elsif v_debit > 0 and s_refusal[v_debit] > 0 then
                v_code := s_refusal[v_debit];
            elsif v_debit > 0 and s_currency[v_debit] <> v_currency then
                v_code := 5;
            elsif v_credit is null then
                v_code := 1;
            elsif v_credit > 0 and s_refusal[v_credit] > 0 then
                v_code := s_refusal[v_credit];
            elsif v_credit > 0 and s_currency[v_credit] <> v_currency then
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
            if c_reversals then
                t_id := t_id || v_transfer;
                t_debit := t_debit || v_debit_numbers[v_leg];
                t_credit := t_credit || v_credit_numbers[v_leg];
                t_amount := t_amount || v_amount;
                t_user := t_user || p_users[op];
                t_booked_at := t_booked_at || v_booked_at;
                t_reversal := t_reversal || (p_kinds[op] = 'reversal');
                t_reversed := t_reversed || false;
                if p_kinds[op] = 'reversal' then
                    t_reversed[v_past] := true;
                    v_reversing := v_reversing || v_transfer;
                    v_reversed := v_reversed || p_reverses[op];
                end if;
            end if;
            if v_debit > 0 then
                s_debits[v_debit] := s_debits[v_debit] + v_amount;
                s_count[v_debit] := s_count[v_debit] + 1;
                v_debit_after[v_leg] := s_credits[v_debit] - s_debits[v_debit];
                v_debit_place[v_leg] := s_count[v_debit];
                v_debit_previous[v_leg] := s_last[v_debit];
                s_last[v_debit] := v_transfer * 2;
            end if;
            if v_credit > 0 then
                s_credits[v_credit] := s_credits[v_credit] + v_amount;
                s_count[v_credit] := s_count[v_credit] + 1;
                v_credit_after[v_leg] := s_credits[v_credit] - s_debits[v_credit];
                v_credit_place[v_leg] := s_count[v_credit];
                v_credit_previous[v_leg] := s_last[v_credit];
                s_last[v_credit] := v_transfer * 2 + 1;
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
        update accounts a set debits_posted = s_debits[slot], credits_posted = s_credits[slot],
                entry_count = s_count[slot], last_entry = s_last[slot], booked_at = v_booked_at
            from generate_series(1, v_existing) as slot
            where a.ctid = s_at[slot];
        get diagnostics v_updated = row_count;
        if v_updated <> v_existing then
            raise exception 'of % locked accounts % were updated', v_existing, v_updated;
        end if;
        insert into transfers (id, operation, debit, credit, amount, description)
            select v_transfers[leg], v_operations[leg], v_debit_numbers[leg],
                v_credit_numbers[leg], v_amounts[leg], p_descriptions[leg]
            from generate_series(1, c_legs) as leg
            where v_transfers[leg] is not null;
        insert into entries (id, account, number, transfer, amount, balance, previous, booked_at)
            select e.id, e.account, coalesce(e.number, t.id), t.id, e.amount, e.balance,
                e.previous, v_booked_at
            from unnest(v_transfers, v_debit_numbers, v_credit_numbers, v_amounts, v_debit_place,
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
            select t.debit, t.place, t.id * 2
                from unnest(v_transfers, v_debit_numbers, v_debit_place) as t (id, debit, place)
                where t.place % 64 = 0
            union all
            select t.credit, t.place, t.id * 2 + 1
                from unnest(v_transfers, v_credit_numbers, v_credit_place) as t (id, credit, place)
                where t.place % 64 = 0;
    end if;
    if c_reversals then
        insert into reversals (transfer, reverses)
            select r.transfer, r.reverses from unnest(v_reversing, v_reversed)
                as r (transfer, reverses);
        insert into audit_events (at, user_id, session, server, action, subject, result)
            select v_booked_at, o.user_id, o.session, o.server, 'transfer.reverse',
                o.reverses::text,
                case when get_byte(o.answer, 1) < 128 then 'denied' else 'done' end
            from unnest(v_ids, p_kinds, p_users, p_sessions, p_servers, p_reverses, v_answers)
                with ordinality
                as o (id, kind, user_id, session, server, reverses, answer, place)
            where o.id is not null and o.kind = 'reversal' order by o.place;
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
