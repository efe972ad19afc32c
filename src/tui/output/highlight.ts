import type { HLJSApi } from 'highlight.js';
import { span, type Line, type Span } from './line.ts';
import type { Token } from './theme.ts';

/** Code above this is shown plain: colouring it would hold up the screen. */
const MAX_CODE = 200_000;

let loaded: Promise<HLJSApi> | undefined;

/** Source code in colours, a line each. Loads the highlighter at the first call, for nobody should wait for it at the start. */
export async function highlightLines(code: string, filePath: string | null): Promise<readonly Line[]> {
  if (code.length > MAX_CODE) return code.split('\n').map((text) => [span(text)]);
  loaded ??= load();
  const highlighter = await loaded;
  const extension = /\.([a-z]+)$/i.exec(filePath ?? '')?.[1] ?? 'ts';
  const language = { ts: 'typescript', mts: 'typescript', js: 'javascript', mjs: 'javascript', cjs: 'javascript', py: 'python', json: 'json', sql: 'sql' }[extension] ?? 'typescript';
  return linesOf(highlighter.highlight(code, { language, ignoreIllegals: true }).value);
}

async function load(): Promise<HLJSApi> {
  const [core, typescript, javascript, python, json, sql] = await Promise.all([
    import('highlight.js/lib/core'),
    import('highlight.js/lib/languages/typescript'),
    import('highlight.js/lib/languages/javascript'),
    import('highlight.js/lib/languages/python'),
    import('highlight.js/lib/languages/json'),
    import('highlight.js/lib/languages/sql'),
  ]);
  const highlighter = core.default;
  highlighter.registerLanguage('typescript', typescript.default);
  highlighter.registerLanguage('javascript', javascript.default);
  highlighter.registerLanguage('python', python.default);
  highlighter.registerLanguage('json', json.default);
  highlighter.registerLanguage('sql', sql.default);
  return highlighter;
}

const meanings: Readonly<Record<string, Token>> = {
  keyword: 'keyword', literal: 'keyword', built_in: 'type', type: 'type', 'title class_': 'type', title: 'function', 'title function_': 'function', number: 'number',
  string: 'string', regexp: 'string', comment: 'comment', doctag: 'comment', attr: 'jsonKey', property: 'text', params: 'text', operator: 'text', meta: 'comment',
};

/** highlight.js answers in HTML: spans with classes, and five entities. */
function linesOf(html: string): readonly Line[] {
  const lines: Span[][] = [[]];
  const open: (Token | undefined)[] = [];
  for (const [, classes, closing, text] of html.matchAll(/<span class="hljs-([^"]*)">|(<\/span>)|([^<]+)/g)) {
    if (classes !== undefined) open.push(meanings[classes] ?? meanings[classes.split(' ')[0]!] ?? open.at(-1));
    else if (closing !== undefined) open.pop();
    else {
      const [first = '', ...rest] = unescape(text ?? '').split('\n');
      lines.at(-1)!.push(span(first, open.at(-1)));
      for (const one of rest) lines.push([span(one, open.at(-1))]);
    }
  }
  return lines;
}

function unescape(html: string): string {
  const entities: Readonly<Record<string, string>> = { '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#x27;': "'", '&amp;': '&' };
  return html.replaceAll(/&(?:lt|gt|quot|#x27|amp);/g, (entity) => entities[entity]!);
}
