/** Loaded with `node --import`, it gives the client of src/ the got that is bundled, of which much is cut out. */
import { register } from 'node:module';

const bundled = `
  import { createRequire } from 'node:module';
  export default createRequire(${JSON.stringify(import.meta.url)})('../../dist/lib/wire.cjs').default;`;
const hooks = `
  const url = ${JSON.stringify(`data:text/javascript,${encodeURIComponent(bundled)}`)};
  export const resolve = (name, context, next) =>
    name === 'got' && context.parentURL?.includes('/src/client/') ? { url, shortCircuit: true } : next(name, context);`;

register(`data:text/javascript,${encodeURIComponent(hooks)}`);
