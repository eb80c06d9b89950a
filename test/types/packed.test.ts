import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { exported } from '../support/exported.js';
import { Installation } from '../support/packed.js';
import { consumer, moduleModes, typeCheck } from '../support/type-check.js';

// Older compilers: test/consumers.
describe('the declarations of the packed package', () => {
  let packed: Installation;
  before(() => {
    packed = new Installation();
  });
  after(() => packed?.remove());

  const names = Object.entries(exported).map(([entry, { values, types }]) => {
    const all = [...values, ...types.map((name) => `type ${name}`)];
    return `export { ${all.join(', ')} } from '${entry}';\n`;
  });
  for (const compiler of ['typescript', 'typescript7']) {
    for (const mode of moduleModes) {
      it(`compile with ${compiler} and modules as of ${mode}, without skipLibCheck`, () => {
        const folders = { compiler: join('node_modules', compiler), types: resolve('node_modules/@types') };
        typeCheck(packed, mode, names.join('') + consumer, folders);
      });
    }
  }
});
