import assert from 'node:assert/strict';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { openapi } from '../../../src/emulator/control/openapi.js';
import { routes } from '../../../src/emulator/control/routes.js';
import { createEmulator, type Emulator, type EmulatorOptions } from '../../../src/emulator/index.js';

export const launch = Date.UTC(2026, 10, 23, 9);

/** An emulator with a control service, whose clock stands still. */
export const controlled = (options: EmulatorOptions = {}): Promise<Emulator> =>
  createEmulator({ control: true, speed: 0, now: () => launch, ...options });

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: what a reply is, its test says
  readonly body: any;
}

const ajv = new Ajv2020({ strict: false, validateFormats: false });
ajv.addSchema(openapi(routes, '') as object, 'api');
const validators = new Map<string, ValidateFunction>();

/** Asserts that a body, of a request or a reply, is as the OpenAPI document says at a place in it. */
function conforms(body: unknown, ...place: readonly (string | number)[]): void {
  const pointer = place.map((name) => encodeURIComponent(String(name).replaceAll('~', '~0').replaceAll('/', '~1')));
  const $ref = `api#/paths/${pointer.join('/')}/content/application~1json/schema`;
  const validate = validators.get($ref) ?? ajv.compile({ $ref });
  validators.set($ref, validate);
  assert.ok(validate(body), `${place.join(' ')}: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(body)}`);
}

/** Sends a request to the control service. What is sent and replied has to be as its OpenAPI document says. */
export async function call(
  { controlUrl }: Pick<Emulator, 'controlUrl'>,
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply> {
  const content = { body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } };
  const response = await fetch(`${controlUrl}${path}`, { method, ...(body === undefined ? { headers } : content) });
  const text = await response.text();
  const { status } = response;
  const parsed = text === '' ? undefined : JSON.parse(text);
  const route = path
    .replace(/\?.*/, '')
    .replace(/(tree\/).+|((?:faults|events)\/).+/, (_, tree, id) => `${tree ?? id}{${tree ? 'path' : 'id'}}`);
  if (status < 400 && body !== undefined) conforms(body, route, method.toLowerCase(), 'requestBody');
  if (status >= 400) conforms(parsed, '/v1/state', 'get', 'responses', 'default');
  else if (status === 204) assert.equal(text, '');
  else conforms(parsed, route, method.toLowerCase(), 'responses', status);
  return { status, headers: response.headers, body: parsed };
}

/** The same, of a request that is done; gives the body of the reply. */
export async function change(
  emulator: Pick<Emulator, 'controlUrl'>,
  method: string,
  path: string,
  body?: unknown,
  // biome-ignore lint/suspicious/noExplicitAny: what a reply is, its test says
): Promise<any> {
  const reply = await call(emulator, method, path, body);
  assert.ok(reply.status < 300, `${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
  return reply.body;
}
