import { makePatch } from '../../core/json-diff.ts';
import { checkSchema, describeProblems } from '../../core/json-schema.ts';
import { refuseUnknownNames } from '../../core/unknown-names.ts';
import { UserError } from '../../protocol/error.ts';
import { JsonObject, type Json } from '../../protocol/json.ts';
import type { StepSnapshot } from '../../client/backend.ts';
import type { Editor } from '../overlay.ts';
import { snapshotKey } from '../model/detail.ts';
import type { OpenRun, State } from '../state.ts';
import { moveToOffset, textArea, textOf } from '../text-area.ts';
import { selectStep } from '../update/open-run.ts';
import { sent } from '../update/pending.ts';
import { closeOverlay, only, replaceOverlay, told, withOverlay, withRun, type Update } from '../update/result.ts';
import { stepsOf, type Step } from '../model/steps.ts';
import { jsonProblem } from './json-problem.ts';

/** The editor on the inputs of a step, or on the draft that was made of them. */
export function openEditor(state: State, step: Step, snapshot: StepSnapshot): State {
  const original = snapshot.inputs ?? {};
  const shown = state.open!.drafts[step.key] ?? original;
  return withOverlay(state, {
    type: 'editor',
    runId: state.open!.runId,
    stepKey: step.key,
    title: `Inputs of ${step.display} ${step.name}`,
    original,
    schema: step.definition?.inputSchema,
    area: textArea(JSON.stringify(shown, null, 2)),
    problem: undefined,
    leaving: false,
  });
}

/** Parses and checks what the editor holds; the cursor goes to what is wrong. */
function checkEditor(editor: Editor): { readonly value: JsonObject } | { readonly editor: Editor } {
  const text = textOf(editor.area);
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (error) {
    const { offset, message } = jsonProblem(text, error);
    const area = moveToOffset(editor.area, offset);
    return { editor: { ...editor, area, problem: `Not JSON, line ${area.row + 1}: ${message}` } };
  }
  const object = JsonObject.safeParse(value);
  if (!object.success || Array.isArray(value)) return { editor: { ...editor, problem: 'Inputs are an object: { "name": value, … }' } };
  const problems = editor.schema ? checkSchema(value, editor.schema) : [];
  if (problems.length > 0) return { editor: { ...editor, problem: describeProblems(problems) } };
  try {
    if (editor.schema) refuseUnknownNames(value, editor.schema, { before: editor.original });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { editor: { ...editor, problem: `${error.message}. ${error.hint}` } };
  }
  return { value: object.data };
}

/**
 * Saves: into the run itself while it is held before the step, else as a draft that a rerun takes.
 */
export function saveEditor(state: State, editor: Editor): Update {
  const checked = checkEditor(editor);
  if ('editor' in checked) return only(replaceOverlay(state, checked.editor));
  const closed = closeOverlay(state);
  const patch = makePatch(editor.original, checked.value);
  const run = closed.open;
  const step = run && stepsOf(run.view).find((one) => one.key === editor.stepKey);
  if (!run || !step) return only(closed);

  if (patch.length === 0) {
    const { [editor.stepKey]: _dropped, ...drafts } = run.drafts;
    return only(told(withRun(closed, (open) => ({ ...open, drafts })), 'Nothing was changed.'));
  }
  if (step.status === 'held') {
    const payload = { step: editor.stepKey, patch: [...patch] };
    return only(withRun(closed, (open) => withEdit(sent(open, 'edit', payload, state.now), step)), { type: 'command', runId: run.runId, verb: 'edit', payload });
  }
  const next = withRun(closed, (open) => selectStep({ ...open, drafts: { ...open.drafts, [editor.stepKey]: checked.value } }, editor.stepKey));
  return only(told(next, `Draft kept. Press r to rerun from ${step.display} with it; this run stays as it was.`));
}

/** What was read of the step so far lacks the edit: nobody may edit on from it. A draft of the step has become the edit. */
function withEdit(run: OpenRun, step: Step): OpenRun {
  const key = snapshotKey(step.key, step.row!.attempt);
  const { [step.key]: _used, ...drafts } = run.drafts;
  return { ...run, drafts, snapshots: { ...run.snapshots, [key]: { ...run.snapshots[key]!, editedAfter: step.row!.seq } } };
}

export function isChanged(editor: Editor): boolean {
  try {
    return makePatch(editor.original, JSON.parse(textOf(editor.area)) as Json).length > 0;
  } catch {
    return true;
  }
}

/** The text laid out anew, when it is JSON. */
export function formatEditor(editor: Editor): Editor {
  const text = textOf(editor.area);
  try {
    return { ...editor, area: textArea(JSON.stringify(JSON.parse(text), null, 2)), problem: undefined };
  } catch (error) {
    const { offset, message } = jsonProblem(text, error);
    const area = moveToOffset(editor.area, offset);
    return { ...editor, area, problem: `Not JSON, line ${area.row + 1}: ${message}` };
  }
}
