#!/usr/bin/env node
// Parses and runs on any Node, so that an old one gets a sentence instead of a syntax error: no static
// import, and nothing newer than the dynamic ones below.
var needed = [22, 18];
var found = process.versions.node.split('.').map(Number);

if (found[0] < needed[0] || (found[0] === needed[0] && found[1] < needed[1])) {
  console.error('stepscope needs Node ' + needed.join('.') + ' or newer; this is ' + process.versions.node + '. In a checkout, `npm start` brings its own.');
  process.exitCode = 1;
} else {
  void start();
}

async function start() {
  const { createRequire, enableCompileCache } = await import('node:module');
  const args = process.argv.slice(2);
  if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
    console.log(createRequire(import.meta.url)('../package.json').version);
    return;
  }
  // React and Ink are several times slower in development mode; the choice must precede their loading.
  process.env.NODE_ENV = process.env.NODE_ENV || 'production';
  enableCompileCache();
  try {
    const { main } = await import('../dist/cli.js');
    await main(args);
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND' || !String(error.message).includes('dist/cli.js')) throw error;
    console.error('stepscope is not built yet: run `npm run prepare` in its checkout.');
    process.exitCode = 1;
  }
}
