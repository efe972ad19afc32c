import { AsyncLocalStorage } from 'node:async_hooks';
import { decodeObject } from '../core/decode-value.ts';
import { encodeObject } from '../core/encode-value.ts';
import { applyPatch } from '../core/json-diff.ts';
import { checkSchema, describeProblems } from '../core/json-schema.ts';
import { createMasker } from '../core/mask.ts';
import { refuseUnknownNames } from '../core/unknown-names.ts';
import type { JsonObject, PatchOperation } from '../protocol/json.ts';
import { UserError } from '../protocol/error.ts';
import { limits } from '../protocol/limits.ts';
import type { RunStatus } from '../protocol/vocabulary.ts';
import { finalRunStatuses, finalStepStatuses } from '../protocol/vocabulary.ts';
import { createGateKeeper } from './gate-keeper.ts';
import type { RunPatch, WrittenSnapshot, WrittenStep } from './make-rows.ts';
import { logRow, maskRun, maskSpec, snapshotRow, stepRow } from './make-rows.ts';
import type { OpenStep, RecorderOptions, RunRecorder } from './recorder.ts';
import type { Rows } from './sink.ts';
import { createSnapshotWriter } from './snapshot-writer.ts';
import type { StepSpec } from './step-spec.ts';
import { readUsage } from './usage.ts';

interface Opened {
  readonly id: string;
  readonly spec: StepSpec;
  inputs: Record<string, unknown>;
  isEdited: boolean;
  row: WrittenStep;
  snapshot: WrittenSnapshot;
  heldMs: number;
  startedMs: number;
  usage: ReturnType<typeof readUsage> | undefined;
}

const within = new AsyncLocalStorage<{ readonly runId: string; readonly step: Opened }>();

/** Starts recording a run. Nothing is written before the first step or line. */
export function createRunRecorder(options: RecorderOptions): RunRecorder {
  const { runId, link } = options;
  const masker = options.masker ?? createMasker();
  const snapshots = createSnapshotWriter(runId, masker);
  const steps = new Map<string, Opened>();
  let status: RunStatus = 'pending';
  let startedMs = 0;
  let ordinal = 0;
  let generationId = options.generationId ?? null;
  let completedSteps = 0;
  let closed: Promise<void> | undefined;

  const write = (rows: Rows) => {
    link.sink.write(rows);
    options.onRows?.(rows);
  };
  const writeStep = (step: Opened, change: Partial<WrittenStep>, more: Rows = {}) => {
    step.row = { ...step.row, ...change };
    write({ ...more, steps: [step.row] });
  };
  const withSnapshot = (step: Opened, change: Partial<WrittenSnapshot>, blobs: Rows['blobs'] = []): Rows => {
    step.snapshot = { ...step.snapshot, ...change };
    return { snapshots: [step.snapshot], ...(blobs.length > 0 ? { blobs } : {}) };
  };
  /** What is stored of a value; what is too large to be is told in the log, for nobody can go on from it. */
  const stateOf = (step: Opened, value: unknown) => {
    const written = snapshots.state(value);
    for (const { path, size } of written.truncated.slice(0, 5)) {
      recorder.log({ level: 'warn', message: `${path} is too large to be recorded (${size.toLocaleString('en')}): its step cannot be run again from here`, metadata: { truncated: path } }, step);
    }
    return written;
  };
  const patchRun = (patch: RunPatch) => {
    if (patch.generation_id !== undefined) generationId = patch.generation_id;
    if (patch.status !== undefined) status = patch.status;
    write({ run: maskRun(patch, masker) });
  };

  const keeper = createGateKeeper({
    controls: link.controls,
    mode: options.mode,
    breakAt: options.breakAt ?? [],
    onLeaseEnd: options.onLeaseEnd ?? 'hold',
    leaseMs: options.leaseMs ?? limits.leaseMs,
    status: () => status,
    steps: () => [...steps.values()].map((step) => step.row),
    onMode: (mode) => patchRun({ mode }),
    onHold: (stepId, hold) => {
      const step = steps.get(stepId)!;
      const heldAt = new Date().toISOString();
      const isBefore = !finalStepStatuses.has(step.row.status);
      if (isBefore) writeStep(step, { status: 'held' });
      patchRun({
        status: 'paused',
        current_step: step.spec.key,
        pause_reason: hold.reason,
        paused_by: hold.by,
        paused_at: heldAt,
        lease_until: hold.leaseUntil,
      });
    },
    onLease: (leaseUntil, by) => patchRun({ lease_until: leaseUntil, ...(by === undefined ? {} : { paused_by: by }) }),
    onRelease: (stepId, heldMs) => {
      const step = steps.get(stepId)!;
      step.heldMs += heldMs;
      if (step.row.status === 'held') writeStep(step, { status: 'pending', held_ms: step.heldMs });
      if (!finalRunStatuses.has(status))
        patchRun({ status: 'running', pause_reason: null, paused_by: null, paused_at: null, lease_until: null });
    },
    onEdit: (stepId, patch) => edit(steps.get(stepId)!, patch),
    onCancel: options.onCancel,
  });

  const edit = (step: Opened, patch: readonly PatchOperation[]): string | undefined => {
    try {
      const before = encodeObject(step.inputs);
      const edited = applyPatch(before, patch);
      const { inputSchema } = step.spec;
      const problems = inputSchema === undefined ? [] : checkSchema(edited, inputSchema);
      if (problems.length > 0) return `the edit does not fit: ${describeProblems(problems)}`;
      if (edited === null || typeof edited !== 'object' || Array.isArray(edited)) return 'the edit does not leave an object';
      if (inputSchema !== undefined) refuseUnknownNames(edited, inputSchema, { before });
      setInputs(step, decodeObject(edited as JsonObject), true);
      return undefined;
    } catch (error) {
      if (error instanceof UserError && error.hint !== undefined) return `${error.message}. ${error.hint}`;
      return error instanceof Error ? error.message : String(error);
    }
  };

  const setInputs = (step: Opened, inputs: Record<string, unknown>, isEdited: boolean) => {
    step.inputs = inputs;
    step.isEdited ||= isEdited;
    const { manifest, blobs } = stateOf(step, inputs);
    // A row that says the same as before is no news to anyone: the count makes a second edit one.
    const { edits } = step.row.metadata;
    writeStep(
      step,
      { is_edited: step.isEdited, metadata: { ...step.row.metadata, edits: (typeof edits === 'number' ? edits : 0) + 1 } },
      withSnapshot(step, { inputs: manifest, is_edited: step.isEdited }, blobs as Rows['blobs']),
    );
  };

  const open = (declared: StepSpec, inputs: unknown): Opened => {
    const spec = maskSpec(declared, masker);
    const row = stepRow(runId, spec, spec.ordinal ?? ordinal);
    ordinal = Math.max(ordinal, row.ordinal) + 1;
    const real =
      inputs !== null && typeof inputs === 'object' && !Array.isArray(inputs)
        ? { ...inputs }
        : inputs === undefined || inputs === null
          ? {}
          : { value: inputs };
    const step: Opened = {
      id: row.id,
      spec,
      inputs: real as Record<string, unknown>,
      isEdited: false,
      row,
      snapshot: snapshotRow(runId, spec),
      heldMs: 0,
      startedMs: 0,
      usage: undefined,
    };
    steps.set(step.id, step);
    return step;
  };

  const opened = (step: OpenStep): Opened => {
    const found = steps.get(step.id);
    if (found === undefined) throw new Error(`step ${step.id} is of another run`);
    return found;
  };

  const begin = () => {
    if (status !== 'pending') return;
    startedMs = performance.now();
    patchRun({ status: 'running', started_at: new Date().toISOString() });
  };

  const finish = (step: Opened, change: Partial<WrittenStep>, snapshot: Partial<WrittenSnapshot>, blobs: Rows['blobs'] = []) => {
    if (finalStepStatuses.has(step.row.status)) return;
    const completedAt = new Date().toISOString();
    const used = step.usage === undefined ? undefined : readUsage(step.usage);
    const durationMs = step.startedMs === 0 ? null : Math.max(0, performance.now() - step.startedMs);
    const timing = { completed_at: completedAt, duration_ms: durationMs };
    const isCounted = step.spec.depth === 0 && (change.status === 'completed' || change.status === 'skipped');
    if (isCounted) completedSteps += 1;
    writeStep(
      step,
      { ...timing, cpu_ms: used?.cpuMs ?? null, memory_bytes: used?.memoryBytes ?? null, ...change },
      withSnapshot(step, { ...timing, ...snapshot }, blobs),
    );
    if (isCounted) patchRun({ completed_steps: completedSteps });
  };

  const recorder: RunRecorder = {
    runId,
    signal: keeper.signal,
    status: () => status,
    listen: () => keeper.listen(),
    patchRun,
    begin,
    open,

    checkpoint: async (step, state) => {
      begin();
      const here = opened(step);
      await keeper.checkpoint(here.id, here.spec, () => {
        // Whoever looks at a held step must find its inputs and the state it would start from.
        const inputs = stateOf(here, here.inputs);
        const before = state === undefined ? undefined : stateOf(here, state());
        const blobs = [...inputs.blobs, ...(before?.blobs ?? [])];
        write({
          steps: [here.row],
          ...withSnapshot(here, { inputs: inputs.manifest, ...(before === undefined ? {} : { state_before: before.manifest }) }, blobs),
        });
      });
      return { inputs: here.inputs, isEdited: here.isEdited };
    },
    setInputs: (step, inputs) => setInputs(opened(step), (inputs ?? {}) as Record<string, unknown>, true),
    start: (step, stateBefore) => {
      begin();
      const here = opened(step);
      const startedAt = new Date().toISOString();
      const inputs = stateOf(here, here.inputs);
      const before = stateBefore === undefined ? undefined : stateOf(here, stateBefore);
      const snapshot = withSnapshot(
        here,
        { inputs: inputs.manifest, started_at: startedAt, ...(before === undefined ? {} : { state_before: before.manifest }) },
        [...inputs.blobs, ...(before?.blobs ?? [])],
      );
      here.startedMs = performance.now();
      here.usage = readUsage();
      writeStep(here, { status: 'running', started_at: startedAt, held_ms: here.heldMs > 0 ? here.heldMs : null }, snapshot);
      patchRun({ current_step: here.spec.key });
    },
    complete: (step, { outputs, stateAfter, metadata }) => {
      const out = outputs === undefined ? undefined : stateOf(opened(step), outputs);
      const after = stateAfter === undefined ? undefined : stateOf(opened(step), stateAfter);
      const more = metadata === undefined ? {} : { metadata: masker.json(encodeObject(metadata)) as JsonObject };
      finish(
        opened(step),
        { status: 'completed', ...more },
        { ...(out === undefined ? {} : { outputs: out.manifest }), ...(after === undefined ? {} : { state_after: after.manifest }) },
        [...(out?.blobs ?? []), ...(after?.blobs ?? [])],
      );
    },
    fail: (step, error, { isPassedOn = false } = {}) => {
      const here = opened(step);
      if (finalStepStatuses.has(here.row.status)) return;
      const failure = {
        error_message: masker.text(error.message),
        error_stack: error.stack === undefined ? null : masker.text(error.stack),
      };
      finish(here, { status: 'failed', ...failure }, {});
      if (isPassedOn) return;
      recorder.log(
        { level: 'error', type: 'error', message: error.message, data: error.stack === undefined ? undefined : { stack: error.stack } },
        here,
      );
      patchRun({ failed_step: here.spec.key, failed_step_number: here.spec.number, ...failure });
    },
    holdOnError: (step) => keeper.holdOnError(step.id, opened(step).spec),
    skip: (step, reason) => {
      finish(opened(step), { status: 'skipped', metadata: { skipped: masker.text(reason) } }, {});
    },
    cancelStep: (step) => finish(opened(step), { status: 'cancelled' }, {}),
    reuse: (spec, from) => {
      const step = open(spec, from.inputs);
      const [inputs, outputs, before, after] = [from.inputs, from.outputs, from.stateBefore, from.stateAfter].map((value) =>
        snapshots.state(value),
      );
      const blobs = [inputs, outputs, before, after].flatMap((one) => one!.blobs);
      const snapshot = withSnapshot(
        step,
        {
          inputs: inputs!.manifest,
          outputs: outputs!.manifest,
          state_before: before!.manifest,
          state_after: after!.manifest,
          duration_ms: from.durationMs,
        },
        blobs,
      );
      if (spec.depth === 0) completedSteps += 1;
      writeStep(step, { status: 'reused', reused_from_run_id: from.runId, duration_ms: from.durationMs }, snapshot);
      patchRun({ completed_steps: completedSteps });
      return step;
    },

    within: (step, work) => within.run({ runId, step: opened(step) }, work),
    currentStep: () => {
      const current = within.getStore();
      return current?.runId === runId ? current.step : undefined;
    },
    log: (entry, step) => {
      const spec = step?.spec ?? recorder.currentStep()?.spec;
      const row = logRow(runId, generationId, entry, spec, masker);
      write({ logs: [row] });
      return row;
    },

    steer: keeper.steer,
    toggleBreakAt: keeper.toggleBreakAt,
    breakAt: keeper.breakAt,
    cancel: (by) => keeper.cancel(by),

    end: async (ending, failure) => {
      if (!finalRunStatuses.has(status)) {
        keeper.release();
        for (const step of steps.values()) {
          if (!finalStepStatuses.has(step.row.status) && step.row.status !== 'pending')
            finish(step, { status: ending === 'completed' ? 'completed' : 'cancelled' }, {});
        }
        const failed =
          failure === undefined
            ? {}
            : {
                error_message: failure.message,
                error_stack: failure.stack ?? null,
                ...(failure.step === undefined ? {} : { failed_step: failure.step.spec.key, failed_step_number: failure.step.spec.number }),
              };
        const durationMs = startedMs === 0 ? null : performance.now() - startedMs;
        patchRun({
          status: ending,
          completed_at: new Date().toISOString(),
          total_duration_ms: durationMs,
          ...(ending === 'completed' ? { current_step: null } : {}),
          pause_reason: null,
          paused_by: null,
          paused_at: null,
          lease_until: null,
          ...failed,
        });
      }
      await link.sink.flush();
    },
    flush: () => link.sink.flush(),
    close: () =>
      (closed ??= Promise.resolve().then(() => {
        keeper.close();
        return link.sink.close();
      })),
  };
  return recorder;
}
