// @ts-check
/** Root hooks of every test run: failure for what would otherwise pass unseen. */
import { takeRefusals } from './guard.mjs';

/**
 * Adds a check to the end of a test's body. One that fails there fails this test alone, whereas an error in a root
 * `afterEach` hook ends the whole run.
 *
 * @param {import('mocha').Runnable | undefined} test
 * @param {() => void} check
 */
export function checkAfter(test, check) {
  const body = test?.fn;
  if (!test || !body) return;
  if (body.length > 0)
    throw new Error('Tests return promises: one that calls back would escape the checks at its end.');
  test.fn = async function () {
    await Reflect.apply(body, this, []);
    check();
  };
}

function failOnRefusals() {
  const refusals = takeRefusals();
  if (refusals.length > 0) throw new Error(refusals.join('\n'));
}

export const mochaHooks = {
  /** @this {import('mocha').Context} */
  beforeEach() {
    checkAfter(this.currentTest, failOnRefusals);
  },
  afterAll: failOnRefusals,
};

/** Ends a run that something keeps alive after the last test, and says what. */
export function mochaGlobalTeardown() {
  const patienceMs = 5000;
  setTimeout(() => {
    console.error(
      `The tests are over, but this keeps the process alive: ${process.getActiveResourcesInfo().join(', ')}`,
    );
    // Mocha sets its own exit code, that of the tests, when the process exits.
    process.on('exit', () => {
      process.exitCode = 1;
    });
    process.exit();
  }, patienceMs).unref();
}
