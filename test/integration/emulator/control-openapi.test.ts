import assert from 'node:assert/strict';
import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, it } from 'mocha';
import { change, controlled } from './controlling.js';

describe('the OpenAPI document of the control service', () => {
  it('is one of version 3.1, by its published schema', async () => {
    await using emulator = await controlled();
    const response = await fetch(`${emulator.controlUrl}/v1/openapi.json`);
    const document = JSON.parse(await response.text());
    assert.deepEqual(document.servers, [{ url: emulator.controlUrl }]);
    const validator = new Validator();
    const { valid, errors } = await validator.validate(document);
    assert.ok(valid, JSON.stringify(errors));
    assert.equal(validator.version, '3.1');
    assert.doesNotThrow(() => validator.resolveRefs());
    const wrong = await new Validator().validate({ ...document, paths: { state: {} } });
    assert.ok(!wrong.valid);
  });

  it('has every request that is answered, and no other', async () => {
    await using emulator = await controlled();
    const { paths } = await change(emulator, 'GET', '/v1/openapi.json');
    for (const [path, operations] of Object.entries<object>(paths)) {
      const place = path.replace('{path}', 'mac').replace('{id}', '1');
      for (const method of ['GET', 'PUT', 'POST', 'PATCH', 'DELETE']) {
        const abort = new AbortController();
        const { status } = await fetch(`${emulator.controlUrl}${place}`, { method, signal: abort.signal });
        abort.abort();
        assert.equal(status !== 405, method.toLowerCase() in operations, `${method} ${path}: ${status}`);
      }
    }
  });
});
