/** `npm test`: all suites, the later ones also after a failure, which then shows in the exit code. */
import { spawnSync } from 'node:child_process';

const suites = ['unit', 'property', 'integration', 'types', 'package', 'panel', 'lab'];
const failed = suites.filter((suite) => {
  // npm names itself here; on Windows it is not a program that can be started by name.
  const npm = /** @type {string} */ (process.env['npm_execpath']);
  return spawnSync(process.execPath, [npm, 'run', `test:${suite}`], { stdio: 'inherit' }).status !== 0;
});
if (failed.length > 0) console.error(`failed: ${failed.map((suite) => `test:${suite}`).join(', ')}`);
process.exitCode = failed.length > 0 ? 1 : 0;
