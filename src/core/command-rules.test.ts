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
  ])('%s %j', (verb, payload, situation, reason) => {
    expect(whyRefused(verb, payload, situation)).toBe(reason);
  });
});
