import { describe, expect, it } from 'vitest';
import type { Effect } from './effect.ts';
import { typedText } from './input/key.ts';
import { bindingFor, effectiveKeymap, keymap, placesOf, type Binding } from './keymap.ts';
import { presetNames } from './keymap/presets/table.ts';
import { lineWidth, span } from './output/line.ts';
import { screens } from './screens/table.ts';
import type { State } from './state.ts';
import { testNow } from './testing.tsx';
import { situations } from './testing/situations.ts';
import { update } from './update.ts';

/*
 * Every key in every situation, with the keys of every preset. What is asked of each: it does what its
 * binding is allowed to do and no more, a key without a binding does nothing, and what cannot be done now changes
 * nothing but says why.
 */

const states: readonly (readonly [string, State])[] = Object.entries(situations).map(([name, open]) => [name, open().state()]);
const unnamed = ['é', '§', '漢', 'ctrl-]', 'ctrl-y', 'f5'];

/** The same moment with the keys of a preset. */
const under = (state: State, preset: string): State => ({ ...state, settings: { ...state.settings, values: { ...state.settings.values, preset } } });

interface Press {
  readonly name: string;
  readonly key: string;
  readonly before: State;
  readonly after: State;
  readonly effects: readonly Effect[];
  readonly binding: Binding | undefined;
  readonly why: string | undefined;
}

/** What each key means in the first preset, by situation and key: under the others it need not be pressed again. Presets are gone through one by one, for making the table of one takes a millisecond. */
const pressed = new Map<string, string | undefined>();
const presses: readonly Press[] = presetNames.flatMap((preset) => {
  const keys = new Set([...effectiveKeymap({ preset, bindings: {} }).flatMap((binding) => binding.keys), ...unnamed]);
  return states.flatMap(([name, first]) => {
    let before = under(first, preset);
    return [...keys].flatMap((key): readonly Press[] => {
      const binding = bindingFor(before, key);
      const place = `${name}: ${key}`;
      if (pressed.has(place) && pressed.get(place) === binding?.action) return [];
      pressed.set(place, binding?.action);
      const why = binding?.disabled?.(before);
      try {
        const { state: after, effects } = update(before, { type: 'key', key }, testNow);
        const press = { name: `${preset}, ${name}`, key, before, after, effects, binding, why };
        // What a log shows grows and shrinks in place: after a key that moved it, the state of before is no longer what it was.
        if (after.open?.log !== before.open?.log) before = under(situations[name]!().state(), preset);
        return [press];
      } catch (error) {
        throw new Error(`${preset}, ${name}: ${key} throws`, { cause: error });
      }
    });
  });
});

/** What a key may change in passing: what is said about it, and whether Ctrl-c was pressed. */
const passing = new Set<keyof State>(['now', 'notice', 'interruptedAt']);
const changedParts = ({ before, after }: Press): readonly (keyof State)[] => (Object.keys(after) as (keyof State)[]).filter((part) => !passing.has(part) && after[part] !== before[part]);

/** Effects that change something at the backend, start or end something, or leave the terminal, and the actions that may have them. */
const mayCause: Partial<Record<Effect['type'], readonly Binding['action'][]>> = {
  command: ['run.pause', 'run.next', 'run.stepIn', 'run.continue', 'run.runTo', 'run.approve', 'run.take', 'dialog.accept', 'editor.save'],
  start: ['runs.start', 'runs.open', 'dialog.accept'],
  annotate: ['dialog.accept'],
  addBreakpoint: ['run.breakpoint', 'run.breakHere', 'run.breakPath', 'breakpoints.onError'],
  setBreakpoint: ['run.breakpoint', 'breakpoints.toggle'],
  removeBreakpoint: ['run.breakpoint', 'breakpoints.remove'],
  keepLease: ['run.pause', 'run.next', 'run.stepIn', 'run.take', 'dialog.accept'],
  releaseLease: ['run.continue', 'dialog.accept'],
  write: ['dialog.accept', 'picture.write', 'run.promote', 'breakpoints.remove'],
  startSession: ['dialog.accept', 'sessions.begin'],
  joinSession: ['dialog.accept', 'sessions.join'],
  leaveSession: ['dialog.accept', 'sessions.leave'],
  exit: ['app.leave', 'app.interrupt', 'dialog.accept'],
  suspend: ['app.suspend'],
  editOutside: ['editor.outside'],
  export: ['run.export'],
  copy: ['screen.copy', 'picture.copy', 'copy.line', 'copy.json', 'copy.path', 'copy.run', 'copy.command'],
  writeFile: ['run.write', 'screen.write', 'performance.write'],
};
/** Of these, what changes something at the backend. */
const changing = new Set<Effect['type']>(['command', 'start', 'annotate', 'addBreakpoint', 'setBreakpoint', 'removeBreakpoint', 'keepLease', 'write', 'startSession']);
/** Parts of the state that are facts: no key changes them. */
const facts: readonly (keyof State)[] = ['size', 'lists', 'together', 'initialRun', 'readOnly', 'recording'];

const has = (type: Effect['type'], what: Readonly<Record<string, unknown>> = {}) => (press: Press): boolean => press.effects.some((effect) => effect.type === type && Object.entries(what).every(([name, value]) => (effect as Readonly<Record<string, unknown>>)[name] === value));
const opens = (type: string, what: Readonly<Record<string, unknown>> = {}) => ({ after }: Press): boolean => {
  const top = after.overlays.at(-1) as Readonly<Record<string, unknown>> | undefined;
  return top?.['type'] === type && Object.entries(what).every(([name, value]) => top[name] === value);
};
const shows = (name: string) => ({ after }: Press): boolean => after.screens.at(-1)?.name === name;
const view = (pane: string, tab?: string) => ({ after }: Press): boolean => after.open?.pane === pane && (tab === undefined || after.open.detail.tab === tab);
/** A notice is an answer, too: there was nothing to be done. */
const told = ({ after }: Press): boolean => after.notice !== undefined;
const either = (...some: readonly ((press: Press) => boolean)[]) => (press: Press): boolean => some.some((one) => one(press));

/** What an action means by its name, wherever its key is pressed and works. */
const meanings: Partial<Record<Binding['action'], (press: Press) => boolean>> = {
  'app.help': opens('help'), 'app.command': opens('prompt', { purpose: 'command' }), 'app.suspend': has('suspend'), 'app.repaint': has('repaint'),
  'app.timeFormat': ({ before, after }) => before.timeFormat !== after.timeFormat, 'app.retry': has('connect'),
  'run.pause': either(has('command', { verb: 'pause' }), has('command', { verb: 'continue' })), 'run.next': has('command', { verb: 'next' }), 'run.stepIn': has('command', { verb: 'stepIn' }),
  'run.continue': has('command', { verb: 'continue' }), 'run.runTo': has('command', { verb: 'runTo' }), 'run.approve': has('command', { verb: 'approve' }),
  'run.cancel': opens('prompt', { purpose: 'cancel' }), 'run.edit': either(opens('editor'), ({ after }) => after.open?.editWhenRead !== undefined, told), 'run.rerun': opens('preview'), 'run.rerunAll': opens('preview'),
  'run.bookmark': opens('bookmark'), 'run.export': has('export'), 'run.copy': opens('copy'), 'run.write': either(has('writeFile'), told), 'run.reject': opens('form'), 'run.watch': opens('form'),
  'run.breakpoints': either(shows('breakpoints'), told), 'run.family': shows('family'), 'run.performance': shows('performance'),
  'run.breakpoint': either(has('addBreakpoint'), has('removeBreakpoint'), has('setBreakpoint'), told),
  'view.steps': view('steps'), 'view.log': view('log'), 'view.inputs': view('detail', 'inputs'), 'view.outputs': view('detail', 'outputs'), 'view.diff': view('detail', 'diff'), 'view.state': view('detail', 'state'),
  'view.source': view('detail', 'source'), 'view.timing': view('detail', 'timing'), 'view.error': view('detail', 'error'), 'detail.diff': view('detail', 'diff'),
  'view.zoom': ({ before, after }) => before.open!.zoomed !== after.open!.zoomed,
  'log.filter': opens('prompt', { purpose: 'filter' }), 'log.search': opens('prompt', { purpose: 'search' }), 'detail.search': opens('prompt', { purpose: 'search' }), 'screen.search': opens('prompt', { purpose: 'search' }),
  'log.level': ({ before, after }) => before.open!.log.leastLevel !== after.open!.log.leastLevel, 'log.wrap': ({ before, after }) => before.open!.log.wraps !== after.open!.log.wraps,
  'copy.line': either(has('copy'), told), 'copy.json': either(has('copy'), told), 'copy.path': either(has('copy'), told), 'copy.run': has('copy'), 'copy.command': has('copy'),
  'dialog.close': ({ before, after }) => after.overlays.length < before.overlays.length || opens('editor', { leaving: true })({ after } as Press),
};

const list = (wrong: readonly Press[]): readonly string[] => wrong.map(({ name, key, binding, effects }) => `${name}: ${key}, ${binding?.action ?? 'nothing'}: ${effects.map(({ type }) => type).join(' ')}`);

describe('every key in every situation', () => {
  it('covers every place of the keymap and every screen', () => {
    const places = new Set(states.flatMap(([, state]) => placesOf(state)));
    expect([...new Set(keymap.map(({ place }) => place))].filter((place) => !places.has(place))).toEqual([]);
    expect(Object.keys(screens).filter((name) => !places.has(name as keyof typeof screens))).toEqual([]);
  });

  it('changes nothing where it has no meaning, but for what it says', () => {
    const wrong = presses.filter((press) => {
      if (press.binding !== undefined) return false;
      const isText = press.before.overlays.length > 0 && typedText(press.key) !== undefined;
      return isText ? press.effects.some(({ type }) => mayCause[type] !== undefined) || press.after.overlays.length !== press.before.overlays.length : press.effects.length > 0 || changedParts(press).length > 0;
    });
    expect(list(wrong)).toEqual([]);
  });

  it('changes nothing where it cannot be done now, and says why', () => {
    const refused = presses.filter(({ why }) => why !== undefined);
    expect(refused.length).toBeGreaterThan(100);
    expect(list(refused.filter((press) => press.effects.length > 0 || changedParts(press).length > 0 || !press.after.notice?.text.includes(press.why!)))).toEqual([]);
  });

  it('does what the name of its action says', () => {
    const done = presses.filter(({ binding, why, before }) => binding !== undefined && why === undefined && !(before.overlays.at(-1)?.type === 'help' && binding.action === 'dialog.accept'));
    expect(list(done.filter((press) => meanings[press.binding!.action]?.(press) === false))).toEqual([]);
    const actions = new Set(done.map(({ binding }) => binding!.action));
    expect(Object.keys(meanings).filter((action) => !actions.has(action as Binding['action']))).toEqual([]);
  });

  it('never changes, starts, ends or leaves anything but by the actions that are for it', () => {
    const wrong = presses.filter(({ effects, binding }) => effects.some(({ type }) => binding === undefined ? mayCause[type] !== undefined : mayCause[type]?.includes(binding.action) === false));
    expect(list(wrong)).toEqual([]);
    expect(list(presses.filter((press) => changedParts(press).some((part) => facts.includes(part))))).toEqual([]);
  });

  it('suspends and repaints everywhere, with what is typed staying', () => {
    for (const [key, type] of [['ctrl-z', 'suspend'], ['ctrl-l', 'repaint']] as const) {
      for (const [name, before] of states) {
        const { state: after, effects } = update(before, { type: 'key', key }, testNow);
        expect(effects, `${name}: ${key}`).toContainEqual({ type });
        expect(after.overlays, `${name}: ${key}`).toBe(before.overlays);
      }
    }
  });

  it('changes nothing at the backend on a read-only connection, in a recording, or over a lost link', () => {
    const looking = presses.filter(({ before }) => before.readOnly || before.recording !== undefined || before.open?.link.state === 'lost');
    expect(looking.length).toBeGreaterThan(300);
    expect(list(looking.filter(({ effects }) => effects.some(({ type }) => changing.has(type))))).toEqual([]);
  });

  it('steers no run at an earlier moment', () => {
    const past = presses.filter(({ before }) => before.open?.playback !== undefined);
    expect(past.length).toBeGreaterThan(100);
    expect(list(past.filter(({ effects }) => effects.some(({ type }) => type === 'command' || type === 'start' || type === 'keepLease')))).toEqual([]);
  });

  it('leads to what can be drawn, in rows that are no wider than the screen', () => {
    for (const [name, open] of Object.entries(situations)) {
      const terminal = open();
      const { rows, columns } = terminal.state().size;
      const drawn = terminal.screen().split('\n');
      expect(drawn.length, name).toBeLessThanOrEqual(rows);
      expect(drawn.filter((row) => lineWidth([span(row)]) > columns), name).toEqual([]);
    }
  });
});
