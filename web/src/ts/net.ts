// Requests with session cookie and CSRF header. A refusal carries the problem's code; no answer at all is "unreachable".
import { metaContent } from './dom';
import { t } from './i18n';
import { wordFor } from './page';

export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly retryAfter = 0,
  ) {
    super(detail || code);
  }
}

/** The network failed or the server is not itself (5xx): try again later with the same key. */
export class Unreachable extends Error {}

interface ProblemJson {
  code?: string;
  detail?: string;
  errors?: { field: string; code: string }[];
}

const FRESH_MS = 10_000;

export function csrfHeaders(): Record<string, string> {
  return { 'X-CSRF-Token': metaContent('csrf') };
}

/** `key` makes a repetition of the same call harmless. */
export async function api<T = unknown>(
  method: string,
  url: string,
  body?: unknown,
  { key }: { key?: string } = {},
): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json', ...csrfHeaders() };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (key) headers['Idempotency-Key'] = key;
  const answer = await ask(url, { method, headers, body: JSON.stringify(body) });
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

/** An HTML fragment; the answer too, for its headers. */
export async function page(
  url: string,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<[string, Response]> {
  const answer = await ask(url, { headers: { Accept: 'text/html', ...headers }, signal });
  return [await answer.text(), answer];
}

async function ask(url: string, options: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(url, options);
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new Unreachable(String(error));
  }
  if (answer.ok) return answer;
  throw failureFrom(answer.status, await answer.text(), Number(answer.headers.get('Retry-After') ?? 0));
}

/** A fault of the server's passes, unless it says in a code we have words for what is wrong. */
export function failureFrom(status: number, text: string, retryAfter = 0): Error {
  const refused = refusalFrom(status, text, retryAfter);
  if (status === 401) goToLogin();
  if (status === 403 && refused.code === 'csrf') loadAgain();
  const isPlain = status < 500 || !!wordFor('error', refused.code);
  return isPlain ? refused : new Unreachable(`the server answered ${status}`);
}

function refusalFrom(status: number, text: string, retryAfter: number): Refused {
  let problem: ProblemJson = {};
  try {
    problem = JSON.parse(text) as ProblemJson;
  } catch {
    // An HTML page: the status says enough.
  }
  const fault = problem.errors?.[0];
  const codes = [`${fault?.field}.${fault?.code}`, fault?.code ?? ''];
  const code = codes.find((each) => wordFor('error', each)) ?? problem.code ?? `http.${status}`;
  return new Refused(status, code, problem.detail ?? '', retryAfter);
}

/** The problem's own detail is for programs, in English. */
export function refusalWords(error: Refused): string {
  return wordFor('error', error.code) || t('O servidor recusou.');
}

/** Somebody signed in anew in another window: this page's token is of the session before. What was written is kept. */
function loadAgain(): void {
  // A page that has just come has a token of today: loading it once more would not help.
  if (performance.now() > FRESH_MS) location.reload();
}

export function goToLogin(): void {
  location.href = `/login?next=${encodeURIComponent(location.pathname + location.search)}`;
}

/** Waiting helps, and the same key keeps it from happening twice. */
export function isPassing(error: unknown): boolean {
  if (error instanceof Unreachable) return true;
  return error instanceof Refused && (error.status === 429 || error.code === 'idempotency.busy');
}
