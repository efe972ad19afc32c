import { errorResponse, internalError } from './rest-error.ts';

/** What an answer is called that came without a code. */
const codeByStatus: Readonly<Record<number, string>> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not-found',
  405: 'PGRST117',
  406: 'PGRST107',
  413: 'too-large',
  415: 'PGRST107',
};

type Body = Readonly<Record<string, unknown>>;

/**
 * A failed answer of the Data API or Auth as one that says by a code and in words what is wrong. Those
 * that do stay as they are, each in the form its client knows; what they could not read, and call their own
 * failure, is the sender's mistake.
 */
export async function typedAnswer(response: Response): Promise<Response> {
  const { status } = response;
  if (status < 400) return response;
  const text = await response.text();
  const body = bodyOf(text);
  if (body['code'] === 'SUP') return errorResponse({ status: 400, code: 'PGRST100', message: String(body['message']) });
  const code = body['error_code'] ?? body['code'] ?? body['statusCode'];
  const message = body['message'] ?? body['msg'] ?? (code === undefined ? body['error'] : undefined);
  if (code !== undefined && typeof message === 'string') return new Response(text, response);
  if (status >= 500) return errorResponse({ ...internalError, message: text.slice(0, 200) || internalError.message });
  const said = typeof message === 'string' ? message : text.slice(0, 500) || 'the request was refused';
  return errorResponse({ status, code: codeByStatus[status] ?? 'usage', message: said });
}

function bodyOf(text: string): Body {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === 'object' && body !== null ? (body as Body) : {};
  } catch {
    return {};
  }
}
