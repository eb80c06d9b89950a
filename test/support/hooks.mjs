// @ts-check
/** Root hooks of every test run: failure for what would otherwise pass unseen. */
import { setTimeout as sleep } from 'node:timers/promises';
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

// By default longer than an HTTP server keeps an idle connection: 5 s, from Node 24 on 6 s.
const patienceMs = Number(process.env['IMDS_TEST_PATIENCE_MS'] ?? 30_000);

/**
 * The resources that keep this process alive and did not so before, once those that end by themselves are gone.
 *
 * @param {readonly string[]} before
 */
async function leftSince(before) {
  for (const end = performance.now() + patienceMs; ; ) {
    await sleep(5, undefined, { ref: false });
    const left = process.getActiveResourcesInfo();
    for (const each of before) if (left.includes(each)) left.splice(left.indexOf(each), 1);
    if (left.length === 0 || performance.now() > end) return left;
  }
}

/** @type {readonly string[]} */
let resources = [];
/** @type {string | undefined} */
let file;
// Mocha ends its workers, which have a channel to it, whatever keeps them alive.
const isWorker = process.send !== undefined;

export const mochaHooks = {
  async beforeAll() {
    // From here on, Mocha's timer for this hook is among them, as it is for the one at the end.
    await Promise.resolve();
    resources = process.getActiveResourcesInfo();
  },
  /** @this {import('mocha').Context} */
  beforeEach() {
    file = this.currentTest?.file;
    checkAfter(this.currentTest, failOnRefusals);
  },
  async afterAll() {
    failOnRefusals();
    const left = isWorker ? await leftSince(resources) : [];
    if (left.length > 0)
      throw new Error(`The tests of ${file} are over, but this keeps the process alive: ${left.join(', ')}`);
  },
};

/** Ends a run that something keeps alive after the last test, and says what. */
export function mochaGlobalTeardown() {
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
