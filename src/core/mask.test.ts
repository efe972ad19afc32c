import { describe, expect, it } from 'vitest';
import { createMasker, findSecrets, maskSecret, maskSensitiveData } from './mask.ts';
import { isSensitiveKey } from './sensitive-key.ts';

// Put together here, so that no scanner takes this file for a leak.
const canaries: Readonly<Record<string, string>> = {
  replicate: `r8_${'Ab1'.repeat(12)}`,
  supabase: `sb_secret_${'x9'.repeat(10)}`,
  supabasePat: `sbp_${'0a'.repeat(20)}`,
  openai: `sk-${'proj-'}${'a1B'.repeat(12)}`,
  anthropic: `sk-${'ant-api03-'}${'q7'.repeat(20)}`,
  stripe: `sk_${'live_'}${'4e'.repeat(12)}`,
  jwt: `eyJ${'hbGciOiJIUzI1NiJ9'}.eyJzdWIiOiIxMjM0NTY3ODkwIn0.${'dBjftJeZ4CVP'.repeat(2)}`,
  github: `ghp_${'A1b2'.repeat(9)}`,
  githubFine: `github_pat_${'11A'.repeat(10)}_${'x'.repeat(30)}`,
  gitlab: `glpat-${'xY12'.repeat(5)}`,
  aws: `AKIA${'IOSFODNN7EXAMPLX'}`,
  slack: `xoxb-${'123456789012'}-${'abcdefABCDEF'}`,
  google: `AIza${'SyD-9tSrke72PouQMnMX-a7eZSW0jkFMBW'}`,
  huggingface: `hf_${'AbCdEfGhIj'.repeat(3)}`,
  npm: `npm_${'a1B2c3'.repeat(6)}`,
  sendgrid: `SG.${'ngeVfQFYQlKU0ufo8x5d1A'}.${'TwL2iGABf9DHoTf'.repeat(2)}`,
  twilio: `SK${'0123456789abcdef'.repeat(2)}`,
  telegram: `123456789:${'AAE'.repeat(11)}xy`,
  webhook: `whsec_${'MfKQ9r8GKYqrTwjU'}`,
  digitalocean: `dop_v1_${'ab12'.repeat(16)}`,
  pem: `-----BEGIN RSA PRIVATE ${'KEY'}-----\nMIIEpAIBAAKCAQEA7bq\n-----END RSA PRIVATE ${'KEY'}-----`,
  email: 'ada.lovelace@example.org',
  card: '4111 1111 1111 1111',
  ssn: '078-05-1120',
  phone: '+41 44 668 18 00',
  iban: 'DE89 3704 0044 0532 0130 00',
};

describe('masking', () => {
  it('does what the seed document shows', () => {
    expect(maskSensitiveData({ apiKey: 'sk-abc123', prompt: 'test' }, ['apiKey', 'token', 'password'])).toEqual({
      apiKey: '***123',
      prompt: 'test',
    });
  });

  it.each([
    ['', '***'],
    ['ab', '***'],
    ['abc', '***c'],
    ['sk-abc123', '***123'],
    ['a-much-longer-secret', '***cret'],
    ['***123', '***123'],
  ])('reveals of %j only %j', (secret, shown) => {
    expect(maskSecret(secret)).toBe(shown);
  });

  it.each(Object.entries(canaries))('finds a %s wherever it stands', (_, canary) => {
    const masker = createMasker();
    const data = {
      bare: canary,
      inText: `calling with ${canary} now`,
      inJson: JSON.stringify({ note: canary }),
      list: [[canary]],
      [canary]: 1,
    };
    const text = JSON.stringify(masker.json(data));
    for (const line of canary.split('\n')) expect(text).not.toContain(line);
    expect(JSON.stringify(masker.marked(data))).not.toContain(canary);
    expect(masker.text(new Error(`no access: ${canary}`).stack!)).not.toContain(canary);
  });

  it.each([
    ['password=hunter2', 'password=***r2'],
    ['{"token":"abcdef123"}', '{"token":"***123"}'],
    [String.raw`{\"api_key\":\"abcdef123\"}`, String.raw`{\"api_key\":\"***123\"}`],
    ['postgres://app:s3cretpw@db:5432/x', 'postgres://app:***pw@db:5432/x'],
    ['https://x.y/o.png?a=1&X-Amz-Signature=abcdefabcdef&b=2', 'https://x.y/o.png?a=1&X-Amz-Signature=***cdef&b=2'],
    ['https://x.y/?sig=abcdef&a=1', 'https://x.y/?sig=***ef&a=1'],
    ['Authorization: Bearer abcdefghijkl', 'Authorization: Bearer ***ijkl'],
  ])('masks within %s', (text, masked) => {
    expect(createMasker().text(text)).toBe(masked);
  });

  it.each([
    'max_tokens: 512',
    'tokens=42',
    'token_count=7',
    'a monkey=donkey',
    'invalid token: unexpected end',
    'https://example.com/a:b@',
    'risk-averse sky-blue',
    '0197f3a1-7c1e-7b52-8d8e-2f3a4b5c6d7e',
    '1763680000123',
    '2026-11-21T01:02:03.456Z',
    'width 1024 height 1024 seed 123456789',
    'black-forest-labs/flux-schnell',
    'local@stepscope',
  ])('leaves %s alone', (text) => {
    expect(createMasker().text(text)).toBe(text);
  });

  it.each([
    'apiKey',
    'API_KEY',
    'x-api-key',
    'access_token',
    'token',
    'clientSecret',
    'Authorization',
    'db_password',
    'DATABASE_URL',
    'Set-Cookie',
    'service_role_key',
  ])('knows %s as sensitive', (key) => {
    expect(isSensitiveKey(key)).toBe(true);
  });

  it.each([
    'max_tokens',
    'tokens',
    'token_count',
    'tokenizer',
    'monkey',
    'key',
    'keyboard',
    'primary_key',
    'author',
    'secret_name',
    'password_policy',
    'cookieless',
  ])('knows %s as harmless', (key) => {
    expect(isSensitiveKey(key)).toBe(false);
  });

  it('masks numbers and nested values under a sensitive key, and keeps what is allowed', () => {
    expect(maskSensitiveData({ password: 12345, credentials: { user: 'ada', list: ['abcdef'] }, n: 5 })).toEqual({
      password: '***',
      credentials: { user: '***a', list: ['***ef'] },
      n: 5,
    });
    expect(maskSensitiveData({ email: 'ada@example.org' }, [], { allow: ['email'] })).toEqual({ email: 'ada@example.org' });
    expect(maskSensitiveData({ text: 'ada@example.org' }, [], { personal: false })).toEqual({ text: 'ada@example.org' });
  });

  it('marks what was masked in inputs, so that nobody goes on from it unaware', () => {
    const marked = createMasker().marked({ apiKey: 'sk-abc123', nested: [{ mail: 'write to ada@example.org' }], prompt: 'x' });
    expect(marked).toEqual({ apiKey: { $secret: '***123' }, nested: [{ mail: { $secret: 'write to ***.org' } }], prompt: 'x' });
    expect(findSecrets(marked)).toEqual(['/apiKey', '/nested/0/mail']);
  });

  it('masks secrets it was told of, the longer first', () => {
    const masker = createMasker({ values: ['swordfish', 'swordfish-long'] });
    expect(masker.text('a swordfish-long b swordfish')).toBe('a ***long b ***ish');
  });

  it('survives circular data, errors, and getters that throw', () => {
    const circular: Record<string, unknown> = { apiKey: 'sk-abc123' };
    circular['self'] = circular;
    Object.defineProperty(circular, 'bad', {
      enumerable: true,
      get: () => {
        throw new Error('no');
      },
    });
    expect(maskSensitiveData(circular)).toEqual({ apiKey: '***123', self: { $ref: '' }, bad: { $unreadable: 'no' } });
    const masked = JSON.stringify(maskSensitiveData({ e: new Error(`key ${canaries['replicate']}`) }));
    expect(masked).not.toContain(canaries['replicate']);
  });

  it('is done twice without harm', () => {
    const once = maskSensitiveData({ ...canaries, apiKey: 'sk-abc123' });
    expect(maskSensitiveData(once)).toEqual(once);
  });
});
