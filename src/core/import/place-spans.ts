import type { JsonObject } from '../../protocol/json.ts';
import { nanosOf } from './otlp-values.ts';
import type { OtlpSpan } from './otlp-values.ts';
import { ownPlace } from './own-spans.ts';

/** A record, and what its sender said about all of its kind. */
export interface Told<Record> {
  readonly record: Record;
  readonly resource: JsonObject;
  readonly scope: string | undefined;
}

/** A span where it stands among the steps of a run. */
export interface Placed {
  readonly span: Told<OtlpSpan>;
  readonly key: string;
  readonly parent: string | undefined;
  readonly display: string;
  readonly number: number;
  readonly attempt: number;
}

/**
 * Parents before their children, and in the order in which they began; each span once, whatever it names as its parent.
 * Who names one that is not there is a root, and so is one of those that name each other in a circle. Of spans with
 * one id the first is the parent. Spans of ours have the keys and numbers that their attributes say.
 */
export function placeSpans(spans: readonly Told<OtlpSpan>[], isOurs = false): readonly Placed[] {
  const begun = ({ record }: Told<OtlpSpan>): bigint => nanosOf(record.startTimeUnixNano) ?? 0n;
  const sorted = spans.toSorted((a, b) => (begun(a) < begun(b) ? -1 : begun(a) > begun(b) ? 1 : 0));
  const byId = new Map<string, Told<OtlpSpan>>();
  for (const span of sorted) if (!byId.has(span.record.spanId)) byId.set(span.record.spanId, span);
  const parentOf = ({ record }: Told<OtlpSpan>): Told<OtlpSpan> | undefined => (record.parentSpanId === record.spanId ? undefined : byId.get(record.parentSpanId ?? ''));
  const children = Map.groupBy(sorted, parentOf);

  const used = new Map<string, number>();
  const taken = new Set<string>();
  const placed: Placed[] = [];
  const seen = new Set<Told<OtlpSpan>>();
  let roots = 0;
  // A stack, not a recursion: a chain of spans may be as long as it likes.
  const place = (root: Told<OtlpSpan>): void => {
    const stack = [{ span: root, parent: undefined as Placed | undefined, i: roots++ }];
    while (stack.length > 0) {
      const { span, parent, i } = stack.pop()!;
      if (seen.has(span)) continue;
      seen.add(span);
      const path = parent === undefined ? slug(span.record.name) : `${parent.key.slice(-80)}.${slug(span.record.name)}`;
      const own = isOurs ? ownPlace(span.record) : { key: undefined, display: undefined, attempt: 1 };
      // One key and attempt is one step: what comes a second time is another one.
      const isOwn = own.key !== undefined && !taken.has(`${own.attempt} ${own.key}`);
      if (isOwn) taken.add(`${own.attempt} ${own.key}`).add(own.key!);
      const one: Placed = {
        span,
        key: isOwn ? own.key! : unused(path, used, taken),
        attempt: isOwn ? own.attempt : 1,
        parent: parent?.key,
        display: own.display ?? (parent === undefined ? String(i + 1) : `${parent.display}${/\d$/.test(parent.display) && i < 26 ? String.fromCharCode(97 + i) : `.${i + 1}`}`),
        number: Number(/^\d{1,6}/.exec(own.display ?? '')?.[0] ?? (parent === undefined ? i + 1 : parent.number)),
      };
      placed.push(one);
      // The one at which a circle was opened is among the children of its last.
      const below = (children.get(span) ?? []).filter((child) => !seen.has(child));
      stack.push(...below.map((child, at) => ({ span: child, parent: one, i: at })).toReversed());
    }
  };
  for (const root of children.get(undefined) ?? []) place(root);
  for (const span of sorted) if (!seen.has(span)) place(inCircle(span, parentOf));
  return placed;
}

/** Up from a span that no root is above: the first that comes a second time. */
function inCircle(span: Told<OtlpSpan>, parentOf: (span: Told<OtlpSpan>) => Told<OtlpSpan> | undefined): Told<OtlpSpan> {
  const above = new Set<Told<OtlpSpan>>();
  for (let at = span; ; at = parentOf(at)!) {
    if (above.has(at)) return at;
    above.add(at);
  }
}

/** Counts on from the last one of a path: a million spans may have one name. */
function unused(path: string, used: Map<string, number>, taken: ReadonlySet<string>): string {
  let times = (used.get(path) ?? 0) + 1;
  const key = (): string => (times === 1 ? path : `${path}_${times}`);
  while (taken.has(key()) || (times > 1 && used.has(key()))) times++;
  used.set(path, times);
  if (times > 1) used.set(key(), 1);
  return key();
}

const slug = (name: string): string => name.toLowerCase().replaceAll(/[^\p{L}\p{N}]+/gu, '_').replaceAll(/^_|_$/g, '').slice(0, 40) || 'span';
