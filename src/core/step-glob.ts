/**
 * Does a breakpoint's target name this step? It is a key, a display number, or a glob: `8e`, `*upload*`. A glob is held
 * against the key, its last part, the number and, where the step has one, the name; `8.*` is step 8 with its sub-steps.
 * Case does not count. Takes time linear in both texts.
 */
export function isStepNamed(target: string, step: { readonly key: string; readonly display: string; readonly name?: string | undefined }): boolean {
  const wanted = target.toLowerCase();
  const key = step.key.toLowerCase();
  const display = step.display.toLowerCase();
  if (wanted === key || wanted === display) return true;
  if (!wanted.includes('*')) return false;
  if (wanted.endsWith('.*') && !wanted.slice(0, -2).includes('*')) {
    const stem = wanted.slice(0, -2);
    // Of a display the sub-steps are letters: 8a, 8b, 8b.1.
    if ([key, display].some((name) => name === stem || name.startsWith(`${stem}.`)) || (display.startsWith(stem) && /^[a-z]/.test(display.slice(stem.length)))) return true;
  }
  return [key, key.slice(key.lastIndexOf('.') + 1), display, ...(step.name === undefined ? [] : [step.name.toLowerCase()])].some((name) => isLike(name, wanted));
}

/** Is `text` what `glob` says, in which `*` is anything? Takes time linear in both; case counts. */
export function isLike(text: string, glob: string): boolean {
  if (!glob.includes('*')) return text === glob;
  // What stood between the stars: each must follow on the one before, the last must be the end.
  const parts = glob.split('*');
  const last = parts.at(-1)!;
  let at = parts[0]!.length;
  if (!text.startsWith(parts[0]!) || !text.endsWith(last)) return false;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= text.length - last.length;
}
