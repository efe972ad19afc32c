import { closeSync, openSync, readSync } from 'node:fs';
import { Box, Text, render, useWindowSize } from 'ink';
import { createElement, useEffect, useState } from 'react';
import type { ReactElement } from 'react';

/*
 * What following a log costs with Ink by itself: `ink-tail.ts FILE [incremental]` shows the end of a file that grows,
 * ten frames a second, one `<Text>` a row, under a title and above a footer.
 */

const FRAME_MS = 100;
const READ_BYTES = 256 * 1024;
const [file = '', way] = process.argv.slice(2);

const descriptor = openSync(file, 'r');
const buffer = Buffer.alloc(READ_BYTES);
let rest = '';
let lines: readonly string[] = [];
let count = 0;

/** Takes up what was appended; only the end is kept, as much as any screen shows. */
function readOn(): boolean {
  const before = count;
  for (
    let bytes = readSync(descriptor, buffer, 0, READ_BYTES, null);
    bytes > 0;
    bytes = readSync(descriptor, buffer, 0, READ_BYTES, null)
  ) {
    const parts = `${rest}${buffer.toString('utf8', 0, bytes)}`.split('\n');
    rest = parts.pop() ?? '';
    count += parts.length;
    lines = [...lines, ...parts].slice(-200);
  }
  return count !== before;
}

function Tail(): ReactElement {
  const { columns, rows } = useWindowSize();
  const [, redraw] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => {
      if (readOn()) redraw(count);
    }, FRAME_MS);
    return () => clearInterval(timer);
  }, []);
  const shown = lines.slice(-(rows - 2));
  const row = (text: string, key: number): ReactElement =>
    createElement(Text, { key, wrap: 'truncate', color: colorOf(text) }, text || ' ');
  return createElement(
    Box,
    { flexDirection: 'column', width: columns, height: rows, overflow: 'hidden' },
    createElement(Text, { bold: true }, `following, ${count} lines`),
    createElement(Box, { flexDirection: 'column', flexGrow: 1 }, shown.map(row)),
    createElement(Text, { dimColor: true }, 'Ctrl-c leaves'),
  );
}

function colorOf(text: string): string {
  return text.includes(' ERROR ') ? 'red' : text.includes(' WARN ') ? 'yellow' : 'white';
}

readOn();
await render(createElement(Tail), { alternateScreen: true, incrementalRendering: way === 'incremental', maxFps: 30 }).waitUntilExit();
closeSync(descriptor);
