-- A breakpoint keeps the number that was given with it, and one that is taken is refused (23505): it was replaced
-- without a word. Without one it gets the next of its pipeline.
create function stepscope.next_breakpoint_number(pipeline text) returns int language sql security definer set search_path = '' as $$
  select coalesce(max(number), 0) + 1 from public.breakpoints where pipeline_key = pipeline
$$;
revoke all on function stepscope.next_breakpoint_number(text) from public, anon, authenticated, service_role;

create or replace function stepscope.before_breakpoint() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  -- One at a time, or two people get the same number.
  perform pg_advisory_xact_lock(hashtextextended('stepscope.breakpoints:' || new.pipeline_key, 0));
  new.id := coalesce(new.id, stepscope.uuid_v7());
  new.number := coalesce(new.number, stepscope.next_breakpoint_number(new.pipeline_key));
  new.enabled := coalesce(new.enabled, true);
  new.created_by := coalesce(auth.uid(), new.created_by);
  new.created_at := coalesce(new.created_at, now());
  new.updated_at := now();
  return new;
end $$;
