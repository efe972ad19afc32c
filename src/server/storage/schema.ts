/**
 * The tables of Storage as hosted projects have them, where there are none, and who may do what with files: the
 * service all of it, administrators too, others what lies in a folder named by their id, in the buckets of
 * this program. Can be executed again and again.
 */
export const storageSchema: readonly string[] = [
  `create schema if not exists storage`,
  `create table if not exists storage.buckets (
     id text not null primary key, name text not null unique, owner uuid, owner_id text, public boolean default false,
     file_size_limit bigint, allowed_mime_types text[], created_at timestamptz default now(), updated_at timestamptz default now())`,
  `create table if not exists storage.objects (
     id uuid not null default gen_random_uuid() primary key, bucket_id text references storage.buckets (id), name text, owner uuid, owner_id text,
     metadata jsonb, user_metadata jsonb, path_tokens text[] generated always as (string_to_array(name, '/')) stored, version text,
     created_at timestamptz default now(), updated_at timestamptz default now(), last_accessed_at timestamptz default now(),
     unique (bucket_id, name))`,
  `create index if not exists storage_objects_name_pattern_search on storage.objects (name text_pattern_ops)`,
  `alter table storage.buckets enable row level security`,
  `alter table storage.objects enable row level security`,
  `create or replace function storage.foldername(name text) returns text[] language sql immutable
     as $$ select (string_to_array(name, '/'))[1:cardinality(string_to_array(name, '/')) - 1] $$`,
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
  `create policy stepscope_objects_own on storage.objects for all to authenticated
     using (bucket_id in ('uploads', 'outputs') and (storage.foldername(name))[1] = (select auth.uid())::text)
     with check (bucket_id in ('uploads', 'outputs') and (storage.foldername(name))[1] = (select auth.uid())::text)`,
  `insert into storage.buckets (id, name, public) values ('outputs', 'outputs', false), ('uploads', 'uploads', false) on conflict do nothing`,
];
