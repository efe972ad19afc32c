/** A shape that gives a secret or a person away wherever it stands in a text. */
export interface SecretShape {
  readonly name: string;
  readonly pattern: RegExp;
  /** What the match must also satisfy, for shapes that chance produces. */
  readonly confirm?: (match: string) => boolean;
}

/*
 * Every pattern is bounded and begins at a word of its own, so that a long line costs its length and no
 * more. A group, where there is one, is what is masked; the rest of the match stays to be read.
 */
export const credentialShapes: readonly SecretShape[] = [
  {
    name: 'private key',
    pattern:
      /-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-(?!----)){0,20000}(?:-----END [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----)?/g,
  },
  { name: 'password in a URL', pattern: /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s:@/?#"'<>]{0,256}:([^\s@/"'<>]{1,256})@/gi },
  { name: 'JSON web token', pattern: /\beyJ[\w-]{8,4096}\.[\w-]{8,8192}\.?[\w-]{0,2048}/g },
  { name: 'authorization', pattern: /\b(?:bearer|basic)\s+([\w.~+/-]{8,8192}={0,2})/gi },
  {
    name: 'API key',
    pattern: /\b(?:sk|pk|rk)[-_](?:live|test|proj|ant|or|svcacct|admin)?[-_]?[\w-]{6,256}/g,
    confirm: (match) => /\d/.test(match),
  },
  { name: 'Replicate token', pattern: /\br8_\w{8,128}/g },
  { name: 'Supabase key', pattern: /\b(?:sb_secret_|sbp_)\w{8,128}/g },
  { name: 'GitHub token', pattern: /\b(?:gh[pousr]_\w{16,255}|github_pat_\w{16,255})/g },
  { name: 'GitLab token', pattern: /\bgl(?:pat|dt|rt|ptt|ft|soat|cbt)-[\w-]{16,128}/g },
  { name: 'AWS key id', pattern: /\b(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}\b/g },
  { name: 'Slack token', pattern: /\bxox[abeoprs]-[\w-]{8,256}|\bxapp-\d-[\w-]{8,256}/g },
  {
    name: 'webhook address',
    pattern:
      /\bhooks\.slack\.com\/(?:services|workflows|triggers)\/([\w/-]{12,128})|\bdiscord(?:app)?\.com\/api\/webhooks\/([\w/-]{16,160})/g,
  },
  { name: 'Google key', pattern: /\bAIza[\w-]{30,64}|\bya29\.[\w-]{20,512}|\bGOCSPX-[\w-]{20,64}/g },
  { name: 'signing secret', pattern: /\bwhsec_[\w+/=-]{8,256}/g },
  { name: 'Hugging Face token', pattern: /\b(?:hf|api_org)_[A-Za-z0-9]{20,64}\b/g },
  { name: 'npm token', pattern: /\bnpm_[A-Za-z0-9]{30,64}\b/g },
  { name: 'PyPI token', pattern: /\bpypi-[\w-]{32,512}/g },
  { name: 'SendGrid key', pattern: /\bSG\.[\w-]{16,64}\.[\w-]{16,128}/g },
  { name: 'Twilio key', pattern: /\b(?:SK|AC)[0-9a-f]{32}\b/g },
  { name: 'Telegram token', pattern: /\b\d{8,10}:[A-Za-z0-9_-]{35}\b/g },
  { name: 'Shopify token', pattern: /\bshp(?:at|ca|pa|ss)_[A-Fa-f0-9]{24,64}\b/g },
  {
    name: 'platform token',
    pattern:
      /\b(?:do[oprt]_v1_[a-f0-9]{32,80}|dapi[a-h0-9]{32}|glsa_\w{32,64}|lin_api_\w{32,64}|PMAK-[\w-]{40,80}|dp\.(?:pt|st)\.[\w.]{32,80}|hv[sb]\.[\w-]{24,256}|ntn_\w{32,64}|fo1_[\w-]{32,64}|vercel_\w{24,64}|AGE-SECRET-KEY-1[A-Z0-9]{40,64}|key-[0-9a-f]{32}|gsk_\w{32,64}|xai-\w{32,128}|pplx-\w{32,64}|figd_[\w-]{32,64}|atlasv1\.[\w-]{24,128}|sntrys_[\w=-]{32,256})/g,
  },
];

export const personalShapes: readonly SecretShape[] = [
  { name: 'email address', pattern: /(?<![\w.+*-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b/g },
  {
    name: 'card number',
    pattern: /(?<![\w.-])(?:4\d{3}|5[1-5]\d{2}|2[2-7]\d{2}|6(?:011|5\d{2})|3[47]\d{2})[ -]?\d{4,6}[ -]?\d{4,5}(?:[ -]?\d{1,4})?(?![\w-])/g,
    confirm: isCardNumber,
  },
  { name: 'social security number', pattern: /(?<![\w-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])/g },
  {
    name: 'phone number',
    pattern: /(?<![\w+])\+[1-9]\d{0,2}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{2,4}(?:[ .-]?\d{2,4}){1,4}(?![\w-])/g,
    confirm: (match) => match.replaceAll(/\D/g, '').length >= 9,
  },
  { name: 'bank account', pattern: /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b/g, confirm: isIban },
];

/** One cheap look that tells a text without any of these shapes, or a `key=value`, from one worth the full set. */
export const suspicious =
  /@|-----BEGIN|eyJ|bearer |basic |\b(?:sk|pk|rk)[-_]|r8_|sb_s|sbp_|gh[pousr]_|github_pat|\bgl[a-z]{2,4}-|AKIA|ASIA|ABIA|ACCA|A3T|xox|xapp-|hooks\.slack|webhooks\/|AIza|ya29\.|GOCSPX|whsec_|hf_|api_org|npm_|pypi-|SG\.|\b(?:SK|AC)[0-9a-f]{8}|\d{8}:|shp[acps]|_v1_|dapi|glsa_|lin_api|PMAK|dp\.[ps]t|hv[sb]\.|ntn_|fo1_|vercel_|AGE-S|key-|gsk_|xai-|pplx-|figd_|atlasv1|sntrys_|\d{4}[ -]?\d{4}|\d{3}-\d{2}-|\+\d|[A-Z]{2}\d{2} ?[A-Z0-9]{4}|(?:key|token|secret|passw(?:or)?d|passphrase|pwd|auth\w*|credential\w*|signature|sig|cookie|session\w*|dsn)\W{0,8}[=:]/i;

function isCardNumber(text: string): boolean {
  const digits = text.replaceAll(/\D/g, '');
  if (digits.length < 15 || digits.length > 16) return false;
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i]);
    sum += i % 2 === 0 ? digit : digit > 4 ? digit * 2 - 9 : digit * 2;
  }
  return sum % 10 === 0;
}

function isIban(text: string): boolean {
  const compact = text.replaceAll(' ', '');
  if (compact.length < 15 || compact.length > 34) return false;
  const numeric = (compact.slice(4) + compact.slice(0, 4)).replaceAll(/[A-Z]/g, (letter) => String(letter.charCodeAt(0) - 55));
  let rest = 0;
  for (const digit of numeric) rest = (rest * 10 + Number(digit)) % 97;
  return rest === 1;
}
