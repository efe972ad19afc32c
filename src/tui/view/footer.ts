import { keyLabel, type KeyName } from '../input/key.ts';
import { MESSAGE_ROWS } from '../layout.ts';
import { bindingFor, bindingsNow, type Binding } from '../keymap.ts';
import { keyed } from '../keymap/key-marks.ts';
import { line, lineWidth, span, spread, wrapUpTo, type Line } from '../output/line.ts';
import type { State } from '../state.ts';

/** Last row: the keys that work now, or what there is to tell, in as many rows as that needs. */
export function footerLines(state: State): readonly Line[] {
  const { notice, size, glyphs } = state;
  if (!notice) return [keysLine(state)];
  const token = notice.tone === 'info' ? 'accent' : notice.tone;
  return wrapUpTo(keyed(state, notice.text), size.columns - 2, MESSAGE_ROWS, glyphs.more).map((text) => line(` ${text}`, token));
}

/** The first key of a binding that no inner place hides. */
function keyHere(state: State, binding: Binding): KeyName {
  return binding.keys.find((key) => bindingFor(state, key) === binding) ?? binding.keys[0]!;
}

function keysLine(state: State): Line {
  const { columns } = state.size;
  const shown = bindingsNow(state)
    .filter((binding) => binding.footer !== undefined && binding.disabled?.(state) === undefined && (binding.footerWhen?.(state) ?? true))
    .toSorted((a, b) => a.footer! - b.footer!);
  const item = (binding: (typeof shown)[number]): Line => [span(keyLabel(keyHere(state, binding)), 'key'), span(` ${binding.labelNow?.(state) ?? binding.label}`, 'muted')];
  const end = shown.filter((binding) => binding.footer! >= 90).flatMap((binding): Line => [span('  '), ...item(binding)]);
  const room = columns - lineWidth(end) - 2;
  const start: Line[number][] = [];
  let used = 0;
  for (const binding of shown.filter((one) => one.footer! < 90)) {
    const one: Line = [span(start.length === 0 ? ' ' : '  '), ...item(binding)];
    const width = lineWidth(one);
    // A shorter one may still fit, but the order is what people learn.
    if (used + width > room) break;
    start.push(...one);
    used += width;
  }
  return spread(start, [...end, span(' ')], columns);
}
