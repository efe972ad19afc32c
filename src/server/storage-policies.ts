/**
 * Who may do what with files, in the `storage` schema that @supabase/lite makes: the service all of it,
 * administrators too, others read what lies in a folder named by their id. Can be executed again and again.
 */
export const storagePolicies: readonly string[] = [
  `grant usage on schema storage to anon, authenticated, service_role`,
  `grant all on storage.buckets, storage.objects to service_role`,
  `grant select on storage.buckets to authenticated`,
  `grant select, insert, update, delete on storage.objects to authenticated`,
  `drop policy if exists stepscope_buckets on storage.buckets`,
  `create policy stepscope_buckets on storage.buckets for select to authenticated using (true)`,
  `drop policy if exists stepscope_objects_admin on storage.objects`,
  `create policy stepscope_objects_admin on storage.objects for all to authenticated
     using ((select public.is_admin_user())) with check ((select public.is_admin_user()))`,
  `drop policy if exists stepscope_objects_own on storage.objects`,
  `create policy stepscope_objects_own on storage.objects for select to authenticated
     using ((storage.foldername(name))[1] = (select auth.uid())::text)`,
  `insert into storage.buckets (id, name, public) values ('outputs', 'outputs', false), ('uploads', 'uploads', false) on conflict do nothing`,
];
