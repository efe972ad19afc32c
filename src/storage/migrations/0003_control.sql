-- What steers runs and what they work with.

create table public.test_execution_commands (
  id uuid primary key default stepscope.uuid_v7(),
  test_run_id text not null references public.test_execution_runs (test_run_id) on delete cascade,
  verb text not null check (verb in ('pause', 'continue', 'next', 'stepIn', 'stepOut', 'runTo', 'cancel', 'edit', 'lease')),
  payload jsonb not null default '{}',
  sender uuid,
  sender_name text,
  state text not null default 'pending' check (state in ('pending', 'accepted', 'done', 'refused')),
  reason text,
  -- limits.commandExpiryMs
  expires_at timestamptz not null default now() + interval '60 seconds',
  seq bigint not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index commands_in_order on public.test_execution_commands (test_run_id, seq);
create index commands_by_state on public.test_execution_commands (test_run_id, state);
create index commands_pending on public.test_execution_commands (expires_at) where state = 'pending';

create table public.pipelines (
  pipeline_key text primary key check (octet_length(pipeline_key) between 1 and 200),
  version text not null default '1',
  title text not null,
  description text,
  step_tree jsonb not null default '[]',
  inputs_schema jsonb not null default '{}',
  example_inputs jsonb not null default '{}',
  file_path text,
  models text[] not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

-- No foreign key to pipelines: a breakpoint may wait for a pipeline that has yet to be registered.
create table public.breakpoints (
  id uuid primary key default stepscope.uuid_v7(),
  pipeline_key text not null check (octet_length(pipeline_key) between 1 and 200),
  number int not null check (number > 0),
  kind text not null default 'step' check (kind in ('step', 'error')),
  target text,
  enabled boolean not null default true,
  created_by uuid default auth.uid(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (pipeline_key, number)
);

create table public.models (
  model_record_id text primary key default stepscope.uuid_v7()::text,
  model_name text not null,
  model_provider text not null,
  model_content_type text not null,
  provider_ref text not null,
  cost_credits numeric not null default 0 check (cost_credits >= 0),
  is_active boolean not null default true,
  parameters jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index models_active on public.models (model_name) where is_active;

create table public.runners (
  id text primary key default stepscope.uuid_v7()::text check (octet_length(id) between 1 and 200),
  name text not null,
  host text not null,
  pid int not null,
  pipelines text[] not null default '{}',
  heartbeat_at timestamptz not null default now(),
  started_at timestamptz not null default now()
);
create index runners_by_heartbeat on public.runners (heartbeat_at);

create table public.jobs (
  id uuid primary key default stepscope.uuid_v7(),
  user_id uuid,
  run_id text references public.test_execution_runs (test_run_id) on delete set null,
  job_type text not null,
  status text not null default 'queued' check (status in ('queued', 'processing', 'succeeded', 'failed', 'canceled')),
  provider text,
  provider_id text,
  input jsonb not null default '{}',
  output jsonb,
  output_path text,
  error text,
  is_test boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index jobs_by_user on public.jobs (user_id, created_at desc);
create index jobs_by_run on public.jobs (run_id) where run_id is not null;
create unique index jobs_by_provider_id on public.jobs (provider, provider_id) where provider_id is not null;
create index jobs_open on public.jobs (created_at) where status in ('queued', 'processing');

-- No foreign keys: the ledger outlives the runs and jobs it tells of.
create table public.credit_ledger (
  id uuid primary key default stepscope.uuid_v7(),
  user_id uuid,
  run_id text,
  job_id uuid,
  kind text not null check (kind in ('grant', 'debit', 'refund')),
  amount numeric not null default 0,
  would_have_charged numeric not null default 0,
  reason text,
  created_at timestamptz not null default now()
);
create index ledger_by_user on public.credit_ledger (user_id, created_at desc);
create index ledger_by_run on public.credit_ledger (run_id) where run_id is not null;
-- A job is charged once and refunded once, whoever retries.
create unique index ledger_once_a_job on public.credit_ledger (job_id, kind) where job_id is not null;

create table public.audit_log (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  actor uuid,
  actor_role text not null,
  action text not null,
  target_table text not null,
  target_id text,
  details jsonb not null default '{}'
);
create index audit_newest on public.audit_log (at desc);
create index audit_by_target on public.audit_log (target_table, target_id);

-- A registry to start from. Whoever changes a row keeps the change.
insert into public.models (model_record_id, model_name, model_provider, model_content_type, provider_ref, cost_credits, is_active, parameters)
values
  ('flux-schnell', 'FLUX.1 Schnell', 'replicate', 'prompt_to_image', 'black-forest-labs/flux-schnell', 1, true,
   '{"type":"object","properties":{"prompt":{"type":"string"},"width":{"type":"integer","minimum":256,"maximum":1440},"height":{"type":"integer","minimum":256,"maximum":1440},"num_inference_steps":{"type":"integer","minimum":1,"maximum":4},"seed":{"type":"integer","minimum":0}},"required":["prompt"]}'),
  ('sdxl', 'Stable Diffusion XL', 'replicate', 'prompt_to_image', 'stability-ai/sdxl', 2, true,
   '{"type":"object","properties":{"prompt":{"type":"string"},"negative_prompt":{"type":"string"},"width":{"type":"integer","minimum":256,"maximum":1440},"height":{"type":"integer","minimum":256,"maximum":1440},"num_inference_steps":{"type":"integer","minimum":1,"maximum":50},"guidance_scale":{"type":"number","minimum":1,"maximum":20},"seed":{"type":"integer","minimum":0}},"required":["prompt"]}'),
  ('sd-1-5', 'Stable Diffusion 1.5', 'replicate', 'prompt_to_image', 'runwayml/stable-diffusion-v1-5', 1, false,
   '{"type":"object","properties":{"prompt":{"type":"string"},"width":{"type":"integer","minimum":256,"maximum":1024},"height":{"type":"integer","minimum":256,"maximum":1024},"seed":{"type":"integer","minimum":0}},"required":["prompt"]}')
on conflict (model_record_id) do nothing;
