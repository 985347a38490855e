-- Why: a connection keeps the plans it makes first. Made while the books are new, they read
-- `operations` from end to end for each group, and postings became slower with every one (a group
-- of 64 five times after 16,000 operations) until the table was analyzed. Small groups, on the other
-- hand, were planned anew each time. Here every table is read through its keys, whatever its size,
-- and the function says so. And the answers of a batch are numbers that hardly get smaller: packing
-- them cost a tenth of its posting.
-- Also, a roll-up of the house accounts could pass a posting that was on its way, and leave its
-- amounts out of the mark for ever. The next roll-up makes the marks anew from the entries, which
-- were always right.
-- Lock: `operations` for a moment. Nothing is rewritten; older answers stay as they are.
-- The previous version of the program: goes on working, and does not notice. While it runs it may
-- still leave an amount out of a mark; `ballast audit` says so (house-mark).

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
