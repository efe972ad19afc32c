import type { Json, JsonObject } from '../../protocol/json.ts';
import { limits } from '../../protocol/limits.ts';
import { plural } from '../format.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';

/** What went into a step, what came out, and the state around it. */
export interface SharedValues {
  readonly inputs: JsonObject | null;
  readonly outputs: JsonObject | null;
  readonly stateBefore: JsonObject | null;
  readonly stateAfter: JsonObject | null;
}

/** A value as indented JSON, cut where it is too large. */
export function valueBlock(value: Json): Html {
  return html`<pre>${shortText(JSON.stringify(value, null, 2))}</pre>\n`;
}

/** A text, cut where it is too large for a page; it says so. */
export function shortText(text: string, most: number = limits.sharedValueBytes): string {
  return text.length <= most ? text : `${text.slice(0, most).toWellFormed()}\n… ${plural(text.length - most, 'more character')} left out`;
}
