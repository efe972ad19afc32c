import { describe, expect, it } from 'vitest';
import type { CommandPayload, CommandVerb } from '../protocol/rows.ts';
import type { Situation } from './command-rules.ts';
import { whyRefused } from './command-rules.ts';

const steps = [
  { step_key: 'load', display: '1', status: 'completed' as const },
  { step_key: 'call', display: '2', status: 'held' as const },
];
const held = { step_key: 'call', display: '2', can_edit: true };
const paused: Situation = { run: { status: 'paused', mode: 'step' }, held, steps };
const running: Situation = { run: { status: 'running', mode: 'auto' }, held: null, steps };
const pausing: Situation = { run: { status: 'running', mode: 'paused' }, held: null, steps };
const waiting: Situation = { ...paused, steps: [steps[0]!, { ...steps[1]!, metadata: { awaitsApproval: 'Charge the customer?' } }] };
const lease = { test_run_id: 'r1', owner: 'eve', owner_name: 'eve@example.org', terminal: 'a' };
const owned = (user: string | null): Situation => ({ ...paused, lease, sender: { user } });
const notYours = 'eve@example.org holds this pause; `stepscope take r1` (O in the terminal) makes it yours';
const over: Situation = { run: { status: 'completed', mode: 'auto' }, held: null, steps };

describe('whether a verb applies', () => {
  it.each<[CommandVerb, CommandPayload, Situation, string | undefined]>([
    ['cancel', {}, running, undefined],
    ['cancel', {}, over, 'the run is completed'],
    ['cancel', {}, { ...over, run: { ...over.run, status: 'failed' } }, 'the run has failed'],
    ['pause', {}, running, undefined],
    ['pause', {}, paused, 'the run is paused already'],
    ['pause', {}, pausing, 'the run is about to pause'],
    ['pause', { step: 'load' }, running, 'step 1 is completed'],
    ['pause', { step: 'later' }, running, undefined],
    ['continue', {}, paused, undefined],
    ['continue', {}, pausing, undefined],
    ['continue', {}, running, 'the run is not paused'],
    ['next', {}, running, 'the run is not paused'],
    ['stepOut', {}, paused, undefined],
    ['runTo', {}, paused, 'it names no step to run to'],
    ['runTo', { step: '1' }, paused, 'step 1 is completed'],
    ['runTo', { step: 'call' }, paused, 'the run is held before 2 already'],
    ['runTo', { step: 'later' }, paused, undefined],
    ['edit', { patch: [] }, running, 'the run is not held before a step'],
    ['edit', {}, paused, 'it carries no edit'],
    ['edit', { step: 'load', patch: [] }, paused, 'the run is held before 2, not before load'],
    ['edit', { step: '2', patch: [] }, paused, undefined],
    ['edit', { patch: [] }, { ...paused, held: { ...held, can_edit: false } }, 'the inputs of step 2 cannot be edited'],
    ['lease', {}, over, 'the run is completed'],
    ['take', {}, running, 'the run is not paused'],
    ['take', {}, paused, undefined],
    ['approve', {}, paused, 'the run waits for no approval'],
    ['approve', {}, waiting, undefined],
    ['approve', { step: 'call' }, waiting, undefined],
    ['approve', { step: 'load' }, waiting, 'the run waits for an approval at 2, not at load'],
    ['reject', {}, waiting, 'a rejection needs a reason'],
    ['reject', { why: 'too dear' }, waiting, undefined],
    ['continue', {}, waiting, 'the run waits for an approval: Charge the customer? Any admin can approve or reject it'],
    ['runTo', { step: 'later' }, waiting, 'the run waits for an approval: Charge the customer? Any admin can approve or reject it'],
    ['edit', { patch: [] }, waiting, undefined],
    ['cancel', {}, waiting, undefined],
    ['next', {}, owned('bob'), notYours],
    ['continue', {}, owned('bob'), notYours],
    ['runTo', { step: 'later' }, owned(null), notYours],
    ['edit', { patch: [] }, owned('bob'), notYours],
    ['stepOut', {}, owned('eve'), undefined],
    ['next', {}, owned('eve'), undefined],
    ['cancel', {}, owned('bob'), undefined],
    ['take', {}, owned('bob'), undefined],
    ['approve', {}, { ...waiting, lease, sender: { user: 'bob' } }, undefined],
  ])('%s %j', (verb, payload, situation, reason) => {
    expect(whyRefused(verb, payload, situation)).toBe(reason);
  });
});
