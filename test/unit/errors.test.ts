import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import * as errors from '../../src/errors.js';

describe('an error of this package', () => {
  const { ImdsError, ...classes } = errors;
  const made = Object.entries(classes).flatMap(([name, Class]) =>
    name.endsWith('Error') && name.startsWith('Imds')
      ? [[name, Reflect.construct(Class, ['it failed', { name: 'other' }]) as errors.ImdsError] as const]
      : [],
  );

  for (const [name, error] of [...made, ['ImdsError', new ImdsError('ERR_IMDS_CLOSED', 'it failed')] as const]) {
    it(`has the name of its class, also in its stack: ${name}`, () => {
      assert.equal(error.name, name);
      assert.ok(error.stack?.startsWith(`${name}: it failed\n`));
      assert.ok(error instanceof ImdsError);
    });

    it(`shows no cause that it was not given: ${name}`, () => assert.ok(!('cause' in error)));
  }
});
