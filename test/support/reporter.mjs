// @ts-check
import { appendFileSync } from 'node:fs';
import { relative } from 'node:path';
import mocha from 'mocha';

/**
 * Mocha's own report, and for who runs several suites two files, named by options: to `counts` goes a line with what
 * passed, failed and was skipped, to `failures` each failed test with its error.
 */
export default class CountingReporter extends mocha.reporters.Spec {
  /**
   * @param {import('mocha').Runner} runner
   * @param {import('mocha').MochaOptions & { reporterOption: { counts: string; failures: string } }} options
   */
  constructor(runner, options) {
    super(runner, options);
    const { counts, failures } = options.reporterOption;
    const { EVENT_TEST_FAIL, EVENT_RUN_END } = mocha.Runner.constants;
    runner.on(EVENT_TEST_FAIL, (test, error) => {
      const where = `Node ${process.versions.node}, ${relative('', test.file ?? '')}`;
      appendFileSync(failures, `${where}: ${test.titlePath().join(': ')}\n${String(error.stack ?? error)}\n\n`);
    });
    runner.once(EVENT_RUN_END, () => {
      const stats = this.stats;
      appendFileSync(counts, `${stats.passes} ${stats.failures} ${stats.pending}\n`);
    });
  }
}
