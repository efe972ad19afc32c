/** Style of a shared page. Its hash stands in the page's policy, and nothing else is applied. */
export const pageStyle = `
:root { color-scheme: light dark; --text: #1d2228; --soft: #5c6773; --back: #fff; --box: #f4f6f8; --line: #d8dee4; --bad: #b3261e; --good: #1a7f37; --warn: #8a5a00; --busy: #0969da; }
@media (prefers-color-scheme: dark) { :root { --text: #e2e6ea; --soft: #9aa5b1; --back: #0f1317; --box: #181e24; --line: #2c353e; --bad: #ff8a80; --good: #6fdd8b; --warn: #f2c14e; --busy: #79b8ff; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; padding: 1rem; max-width: 72rem; color: var(--text); background: var(--back); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { margin: 0 0 .5rem; font-size: 1.4rem; line-height: 1.25; }
h2 { margin: 2rem 0 .5rem; font-size: 1.1rem; }
h3 { margin: .8rem 0 .2rem; font-size: .9rem; color: var(--soft); }
p { margin: .4rem 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: 0; }
dt, .soft { color: var(--soft); }
dd { margin: 0; }
pre { margin: .2rem 0; padding: .6rem .8rem; max-height: 30rem; overflow: auto; background: var(--box); border-radius: .4rem; font: .85rem/1.45 ui-monospace, monospace; white-space: pre-wrap; tab-size: 2; }
ol { margin: 0; padding: 0; list-style: none; }
summary { cursor: pointer; padding: .45rem 0; }
summary:focus-visible, select:focus-visible, input:focus-visible { outline: 2px solid var(--busy); outline-offset: 2px; }
.status { font-weight: 600; white-space: nowrap; }
.failed, .interrupted, .error, .critical, .removed { color: var(--bad); }
.completed, .added { color: var(--good); }
.paused, .held, .warn { color: var(--warn); }
.running, .reused { color: var(--busy); }
.debug, .pending, .skipped, .cancelled { color: var(--soft); }
.box { padding: .6rem .9rem; border: 1px solid var(--line); border-left: .3rem solid var(--bad); border-radius: .4rem; }
.said { margin: .5rem 0; padding: .4rem .8rem; border-left: .3rem solid var(--busy); background: var(--box); }
.said p { white-space: pre-wrap; }
.steps > li { border-top: 1px solid var(--line); }
.steps .sub { padding-left: 1.2rem; }
.steps > li > details > summary { display: grid; grid-template-columns: 3rem minmax(0, 1fr) max-content max-content; gap: .1rem .6rem; align-items: center; }
.steps svg { grid-column: 2 / -1; width: 100%; height: .35rem; }
.steps rect { fill: currentColor; }
.within { padding: 0 0 .8rem 0; }
.log { font: .85rem/1.45 ui-monospace, monospace; }
.log > li { display: grid; grid-template-columns: max-content 4.5rem 3rem minmax(0, 1fr); gap: .6rem; padding: .15rem 0; border-top: 1px solid var(--line); content-visibility: auto; contain-intrinsic-size: auto 1.5rem; }
.log .what { white-space: pre-wrap; }
.log details { grid-column: 4; }
.log summary { padding: 0; color: var(--soft); }
[hidden] { display: none !important; }
form { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; margin: .5rem 0; }
select, input { font: inherit; padding: .4rem .5rem; color: inherit; background: var(--box); border: 1px solid var(--line); border-radius: .4rem; }
input { flex: 1 1 12rem; min-width: 0; }
footer { margin: 2rem 0 1rem; padding-top: .8rem; border-top: 1px solid var(--line); color: var(--soft); font-size: .9rem; }
@media (max-width: 40rem) {
  .steps > li > details > summary { grid-template-columns: 2.4rem minmax(0, 1fr) max-content; }
  .steps summary .took { grid-column: 3; grid-row: 2; text-align: right; }
  .steps svg { grid-column: 2; grid-row: 2; }
  .log > li { grid-template-columns: max-content max-content 1fr; }
  .log .what, .log details { grid-column: 1 / -1; }
}
@media print { details:not([open]) > :not(summary) { display: block; } form { display: none; } }
`;

/** The one script of a shared page: the filter of the log. Without it all lines are shown. */
export const pageScript = `
const form = document.getElementById('narrow');
const lines = [...document.querySelectorAll('.log > li')];
const ranks = ['debug', 'info', 'warn', 'error', 'critical'];
const level = document.getElementById('level');
const words = document.getElementById('words');
const count = document.getElementById('count');
let texts;
function narrow() {
  const least = ranks.indexOf(level.value);
  const wanted = words.value.trim().toLowerCase();
  if (wanted !== '') texts ??= lines.map((line) => line.textContent.toLowerCase());
  let shown = 0;
  lines.forEach((line, i) => {
    const passes = ranks.indexOf(line.dataset.level) >= least && (wanted === '' || texts[i].includes(wanted));
    line.hidden = !passes;
    if (passes) shown += 1;
  });
  count.textContent = shown === lines.length ? '' : shown.toLocaleString('en-US') + ' of ' + lines.length.toLocaleString('en-US') + ' lines';
}
if (form) {
  form.hidden = false;
  form.addEventListener('submit', (event) => event.preventDefault());
  level.addEventListener('change', narrow);
  let frame;
  words.addEventListener('input', () => { cancelAnimationFrame(frame); frame = requestAnimationFrame(narrow); });
}
`;
