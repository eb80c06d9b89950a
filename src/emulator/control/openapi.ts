import type { Schema, Shape } from '../shape.js';
import type { Route } from './route.js';
import { shapes } from './shapes.js';

const events = { content: { 'text/event-stream': { schema: { type: 'string' } } } };
const asJson = ({ schema }: Shape) => ({ content: { 'application/json': { schema } } });

export function openapi(routes: readonly Route[], url: string): unknown {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes)
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route) };
  const document = {
    openapi: '3.1.1',
    info: { title: 'Control of the emulator of the EC2 instance metadata service', version: '1' },
    servers: [{ url }],
    paths,
    components: { schemas: Object.fromEntries(Object.entries(shapes).map(([name, one]) => [name, one.definition])) },
  };
  return JSON.parse(JSON.stringify(document).replaceAll('"#/$defs/', '"#/components/schemas/'));
}

function operation({ path, summary, status, body, reply, hasSince, isStream }: Route): Schema {
  const [, name] = /\{(\w+)\}/.exec(path) ?? [];
  return {
    summary,
    parameters: [
      ...(name ? [parameter(name, 'path')] : []),
      ...(hasSince ? [parameter('since', 'query')] : []),
      ...(isStream ? [parameter('Last-Event-ID', 'header')] : []),
    ],
    ...(body && { requestBody: { required: true, ...asJson(body) } }),
    responses: {
      [status]: { description: 'Done', ...(reply && asJson(reply)), ...(isStream && events) },
      default: { description: 'Refused, and why', ...asJson(shapes.error) },
    },
  };
}

const parameter = (name: string, place: 'path' | 'query' | 'header'): Schema => ({
  name,
  in: place,
  required: place === 'path',
  schema: { type: name === 'path' ? 'string' : 'integer' },
});
