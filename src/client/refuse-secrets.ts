import { createMasker, findSecrets } from '../core/mask.ts';
import type { Json, PatchOperation } from '../protocol/json.ts';
import { UserError } from '../protocol/error.ts';

/** A prompt may name a person; what gives access to something may not stand in it. */
const masker = createMasker({ personal: false });

/**
 * Secrets are not inputs: what is given here is stored and shown as it is, so whatever looks like a
 * credential never leaves this process. Throws `usage` naming the paths.
 */
export function refuseSecrets(inputs: Json): void {
  const known = new Set(findSecrets(inputs));
  const paths = findSecrets(masker.marked(inputs)).filter((path) => !known.has(path));
  const isKey = paths.length === 0 && JSON.stringify(masker.json(inputs)) !== JSON.stringify(inputs);
  if (paths.length === 0 && !isKey) return;
  throw new UserError(
    'usage',
    `inputs are stored as they are, and this looks like a secret: ${isKey ? 'a name of a field' : paths.join(', ')}`,
    {
      hint: "Put it into the runner's environment, where a step reads it with `secret(name)`, and leave it out here",
    },
  );
}

/** The same for an edit: each value is judged under the name of the field it goes to. */
export function refuseSecretsInPatch(patch: readonly PatchOperation[]): void {
  for (const { path, value } of patch) {
    if (value !== undefined) refuseSecrets({ [path.slice(path.lastIndexOf('/') + 1)]: value });
  }
}
