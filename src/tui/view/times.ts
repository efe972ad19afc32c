import { formatClock, formatRelative } from '../../core/format.ts';
import type { TimeFormat } from '../state.ts';

/** Width of a time in every format, so that switching moves nothing. */
export const TIME_CELLS = 9;

/** A moment of a run as the person wants to read times now. */
export function formatMoment(timestamp: string, format: TimeFormat, startedAt: string | null, now: number): string {
  switch (format) {
    case 'absolute':
      return formatClock(timestamp, { ms: false });
    case 'relative':
      return formatRelative(Date.parse(timestamp), now).replace(' ago', '').replace('just now', 'now');
    case 'elapsed': {
      const ms = Math.max(0, Date.parse(timestamp) - Date.parse(startedAt ?? timestamp));
      if (ms < 3_600_000) return `${String(Math.floor(ms / 60_000)).padStart(2, '0')}:${((ms % 60_000) / 1000).toFixed(3).padStart(6, '0')}`.slice(0, TIME_CELLS);
      return formatClock(timestamp, { ms: false });
    }
  }
}
