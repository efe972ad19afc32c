/** A duration in at most two units: `840 ms`, `3.2 s`, `1m 05s`, `2h 03m`, `4d 01h`. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return '–';
  if (ms < 0) return `-${formatDuration(-ms)}`;
  if (ms < 1) return ms === 0 ? '0 ms' : '<1 ms';
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${pad(seconds % 60)}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)}h ${pad(minutes % 60)}m`;
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)}d ${pad(hours % 24)}h`;
}

/** A size in powers of 1024: `512 B`, `1.5 KB`, `12 MB`. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return '–';
  if (bytes < 0) return `-${formatBytes(-bytes)}`;
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let size = bytes;
  let unit = 0;
  while (size >= 1023.5 && unit < units.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${unit > 0 && size < 9.95 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`;
}

/** A time as people say it, in its largest unit alone: `40 s`, `5 min`, `3 h`, `2 d`. */
export function formatSpan(ms: number): string {
  if (ms < 60_000) return `${Math.floor(ms / 1000)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min`;
  return ms < 86_400_000 ? `${Math.floor(ms / 3_600_000)} h` : `${Math.floor(ms / 86_400_000)} d`;
}

/** A time seen from `nowMs`: `just now`, `40 s ago`, `5 min ago`, `3 h ago`, `2 d ago`, `in 3 s`. */
export function formatRelative(timeMs: number, nowMs: number): string {
  if (!Number.isFinite(timeMs)) return '–';
  const ago = nowMs - timeMs;
  const size = Math.abs(ago);
  if (size < 2_000) return 'just now';
  const words = formatSpan(size);
  return ago > 0 ? `${words} ago` : `in ${words}`;
}

/** Clock time of an ISO timestamp in the time zone of the process: `14:03:07.250`; without milliseconds on request. */
export function formatClock(timestamp: string, options: { readonly ms?: boolean } = {}): string {
  const time = new Date(timestamp);
  if (Number.isNaN(time.getTime())) return '–';
  const clock = `${pad(time.getHours())}:${pad(time.getMinutes())}:${pad(time.getSeconds())}`;
  return options.ms === false ? clock : `${clock}.${String(time.getMilliseconds()).padStart(3, '0')}`;
}

/** What people see and type of an id: its last six characters. The head of a UUIDv7 is time, alike in all runs of a day. */
export function shortId(id: string): string {
  return id.slice(-6);
}

/** `1 step`, `2 steps`, `1,204 lines`. */
export function plural(count: number, noun: string, nouns = `${noun}s`): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? noun : nouns}`;
}

function pad(value: number): string {
  return String(value).padStart(2, '0');
}

// Control characters, separators that break lines, bidi and invisible format characters, the byte order
// mark, and halves of surrogate pairs.
const unsafe =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u001F\u007F-\u009F\u00AD\u061C\u180E\u200B\u200E\u200F\u2028-\u202E\u2060-\u206F\uFEFF\uFFF9-\uFFFB]|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]|\u{E0001}|[\u{E0020}-\u{E007F}](?<!\u{1F3F4}[\u{E0020}-\u{E007F}]*)/gu;

/**
 * Text from outside, made safe to print on one line of a terminal: every control character is shown
 * instead of obeyed (`␛`, `<U+202E>`), so nothing moves the cursor, colours, reorders or hides.
 *
 * A tab becomes two spaces and a newline `⏎`; with `multiline` newlines stay. Stored data is never changed.
 */
export function printable(text: string, options: { readonly multiline?: boolean } = {}): string {
  unsafe.lastIndex = 0;
  if (!unsafe.test(text)) return text;
  const lines = options.multiline === true ? text.replaceAll('\r\n', '\n') : text;
  return lines.replaceAll(unsafe, (character) => {
    const code = character.codePointAt(0)!;
    if (code === 0x0a) return options.multiline === true ? '\n' : '⏎';
    if (code === 0x09) return '  ';
    if (code < 0x20) return String.fromCodePoint(0x2400 + code);
    return code === 0x7f ? '␡' : `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`;
  });
}
