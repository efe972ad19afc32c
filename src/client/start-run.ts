import type { SupabaseClient } from '@supabase/supabase-js';
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { didYouMean } from '../core/closest.ts';
import { ForkFacts, previewFork, refuseFork } from '../core/fork-plan.ts';
import { checkSchema, describeProblems, withDefaults } from '../core/json-schema.ts';
import { flattenSteps, resolveStep } from '../core/step-reference.ts';
import { refuseUnknownNames } from '../core/unknown-names.ts';
import { uuidv7 } from '../core/uuid.ts';
import { UserError } from '../protocol/error.ts';
import { ModelRow } from '../protocol/account-rows.ts';
import { PipelineRow, RunRow, StepRow } from '../protocol/rows.ts';
import { effectsOf, RunRequest } from '../protocol/run-request.ts';
import { refuseSecrets, refuseSecretsInPatch } from './refuse-secrets.ts';
import { request } from './request.ts';

/**
 * Inserts a pending run. Everything that can be known to be wrong is refused first: an unknown pipeline,
 * model or step with the closest names, inputs with path and reason, secrets among them, a fork that its
 * parent run has no results for or that would repeat an effect without leave.
 */
export async function startRun(supabase: SupabaseClient, url: string, wanted: RunRequest, userId: string | null): Promise<RunRow> {
  const { pipeline: pipelineKey, inputs, model: modelName, mode, billing, onLeaseEnd, tags, options, fork } = RunRequest.parse(wanted);
  const pipeline = await findPipeline(supabase, url, pipelineKey);
  // A fork takes the inputs of its parent as they were stored.
  if (!fork) refuseUnknownNames(inputs, pipeline.inputs_schema);
  const completed = withDefaults(inputs, pipeline.inputs_schema);
  const problems = checkSchema(completed, pipeline.inputs_schema);
  if (problems.length > 0) {
    throw new UserError('usage', `the inputs do not fit ${pipeline.pipeline_key}: ${describeProblems(problems)}`, {
      hint: `See what it takes with \`stepscope pipelines ${pipeline.pipeline_key}\`, or start from its example inputs`,
    });
  }
  refuseSecrets(completed);
  refuseSecretsInPatch(fork?.patch ?? []);
  const model =
    modelName === undefined && pipeline.models.length === 0 ? undefined : await findModel(supabase, url, modelName ?? pipeline.models[0]!);
  const steps = flattenSteps(pipeline.step_tree);
  const forkStep = fork && resolveStep(fork.step, steps).key;
  if (fork && forkStep !== undefined) {
    const [parentSteps, facts] = await Promise.all([stepsOf(supabase, url, fork.parentRunId), readForkFacts(supabase, url, fork.parentRunId)]);
    refuseFork(previewFork(pipeline.step_tree, forkStep, parentSteps, facts), effectsOf(options), facts);
  }
  const breakAt = options.breakAt.map((reference) => resolveStep(reference, steps).key);

  const row = {
    test_run_id: uuidv7(Date.now(), randomBytes(10)),
    pipeline_key: pipeline.pipeline_key,
    pipeline_version: pipeline.version,
    step_tree: pipeline.step_tree,
    inputs: completed,
    ...(model === undefined
      ? {}
      : {
          model_record_id: model.model_record_id,
          model_name: model.model_name,
          model_provider: model.model_provider,
          model_content_type: model.model_content_type,
        }),
    admin_user_id: userId,
    mode,
    billing,
    test_mode_enabled: billing === 'test',
    skip_billing: billing === 'test',
    on_lease_end: onLeaseEnd,
    tags,
    total_steps: pipeline.step_tree.length,
    execution_data: { options: { ...options, breakAt } },
    ...(fork === undefined
      ? {}
      : { parent_run_id: fork.parentRunId, forked_from_step: forkStep, fork_patch: fork.patch }),
  };
  return await request(url, 'start the run', supabase.from('test_execution_runs').insert(row).select('*').single(), RunRow);
}

/** What a fork of a run could begin with, and what its steps meant. Nothing large travels. */
export async function readForkFacts(supabase: SupabaseClient, url: string, runId: string): Promise<ForkFacts> {
  return await request(url, 'read what the parent run recorded', supabase.rpc('fork_facts', { run_id: runId }), ForkFacts);
}

async function stepsOf(supabase: SupabaseClient, url: string, runId: string): Promise<readonly StepRow[]> {
  const query = supabase.from('test_execution_steps').select('*').eq('test_run_id', runId).order('ordinal').order('attempt');
  return await request(url, 'read the steps of the parent run', query, z.array(StepRow));
}

async function findPipeline(supabase: SupabaseClient, url: string, key: string): Promise<PipelineRow> {
  const pipelines = await request(
    url,
    'list the pipelines',
    supabase.from('pipelines').select('*').order('pipeline_key'),
    z.array(PipelineRow),
  );
  const found = pipelines.find((one) => one.pipeline_key === key);
  if (found !== undefined) return found;
  const keys = pipelines.map((one) => one.pipeline_key);
  const known =
    keys.length === 0 ? 'No runner has registered one yet: start one with `stepscope runner FILE`' : `There are ${keys.join(', ')}`;
  throw new UserError('not-found', `no pipeline "${key}"`, { hint: didYouMean(key, keys) ?? known });
}

async function findModel(supabase: SupabaseClient, url: string, name: string): Promise<ModelRow> {
  const models = await request(url, 'list the models', supabase.from('models').select('*').order('model_record_id'), z.array(ModelRow));
  const wanted = name.toLowerCase();
  const found = models.find((one) => [one.model_record_id, one.model_name, one.provider_ref].some((word) => word.toLowerCase() === wanted));
  if (found !== undefined) return found;
  const ids = models.map((one) => one.model_record_id);
  throw new UserError('not-found', `no model "${name}"`, { hint: didYouMean(name, ids) ?? `There are ${ids.join(', ')}` });
}
