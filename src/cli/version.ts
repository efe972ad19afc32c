import { createRequire } from 'node:module';

/** `package.json` lies one folder above `dist/` and two above `src/cli/`. */
const path = import.meta.url.endsWith('.ts') ? '../../package.json' : '../package.json';

export const version = (createRequire(import.meta.url)(path) as { readonly version: string }).version;
