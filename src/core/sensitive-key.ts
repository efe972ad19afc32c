/** Words that make a key sensitive whatever stands beside them. */
const always = new Set([
  'password',
  'passwd',
  'passphrase',
  'passcode',
  'pwd',
  'secret',
  'secrets',
  'credential',
  'credentials',
  'authorization',
  'cookie',
  'cookies',
  'apikey',
  'privatekey',
  'ssn',
  'cvv',
  'cvc',
  'dsn',
  'jwt',
  'bearer',
]);
/** Words that make a key sensitive at its end: `token` and `authToken`, but neither `token_count` nor `max_tokens`. */
const atEnd = new Set(['token', 'signature', 'sig', 'otp']);
/** Two words in a row. */
const pairs = new Set([
  'api key',
  'access key',
  'private key',
  'signing key',
  'encryption key',
  'service key',
  'master key',
  'account key',
  'auth key',
  'client key',
  'anon key',
  'role key',
  'webhook key',
  'x key',
  'card number',
  'database url',
  'connection string',
  'session id',
  'auth header',
  'pass word',
  'tax id',
  'token value',
  'signed url',
]);
/** A last word that says the value is about a secret, and none itself. */
const about = new Set([
  'count',
  'limit',
  'length',
  'type',
  'name',
  'policy',
  'hint',
  'budget',
  'usage',
  'expiry',
  'expires',
  'at',
  'present',
  'required',
  'valid',
  'enabled',
  'field',
  'masked',
  'version',
  'algorithm',
]);

const cache = new Map<string, boolean>();
const CACHE_SIZE = 5_000;

/** Is the value of a key like this a secret? Whole words count: `max_tokens` and `monkey` are none. */
export function isSensitiveKey(key: string): boolean {
  let answer = cache.get(key);
  if (answer === undefined) {
    answer = key.length <= 200 && decide(keyWords(key));
    if (cache.size >= CACHE_SIZE) cache.clear();
    cache.set(key, answer);
  }
  return answer;
}

/** The words of a key, lower case: `X-Api-Key`, `apiKey`, `API_KEY` and `api.key` are all `api`, `key`. */
export function keyWords(key: string): readonly string[] {
  return key
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replaceAll(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
}

function decide(words: readonly string[]): boolean {
  const last = words.at(-1);
  if (last === undefined || about.has(last)) return false;
  if (atEnd.has(last)) return true;
  return words.some((word, i) => always.has(word) || (i > 0 && pairs.has(`${words[i - 1]} ${word}`)));
}
