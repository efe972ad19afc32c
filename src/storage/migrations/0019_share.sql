-- Talking about a run: nobody puts words into another's mouth, and who looks at a run together is theirs to know.

-- Anybody may settle a comment; what it says, and of what, is its author's.
create function stepscope.keep_words() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if auth.uid() is not null and auth.uid() is distinct from old.author
    and (new.body, new.test_run_id, new.step_key, new.log_id, new.path) is distinct from (old.body, old.test_run_id, old.step_key, old.log_id, old.path) then
    raise exception 'a comment is changed by its author alone' using errcode = '42501';
  end if;
  return new;
end $$;
revoke all on function stepscope.keep_words() from public, anon, authenticated, service_role;
create trigger keep_words before update on public.comments for each row execute function stepscope.keep_words();

-- Our own server asks for the role itself before anybody joins a private channel. A hosted project asks these policies.
do $$
begin
  if to_regclass('realtime.messages') is null or to_regprocedure('realtime.topic()') is null then return; end if;
  execute 'drop policy if exists stepscope_sessions_hear on realtime.messages';
  execute 'drop policy if exists stepscope_sessions_say on realtime.messages';
  execute $policy$create policy stepscope_sessions_hear on realtime.messages for select to authenticated
    using ((select realtime.topic()) like 'session:%' and (select public.is_admin_user()))$policy$;
  execute $policy$create policy stepscope_sessions_say on realtime.messages for insert to authenticated
    with check ((select realtime.topic()) like 'session:%' and (select public.is_admin_user()))$policy$;
exception when insufficient_privilege then
  raise warning 'sessions need policies on realtime.messages, which this role may not make';
end $$;

select stepscope.remember_schema();
