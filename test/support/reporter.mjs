// @ts-check
import { appendFileSync } from 'node:fs';
import mocha from 'mocha';

/** Mocha's own report, and a line with what passed, failed and was skipped, added to the file of the option `counts`. */
export default class CountingReporter extends mocha.reporters.Spec {
  /**
   * @param {import('mocha').Runner} runner
   * @param {import('mocha').MochaOptions & { reporterOption: { counts: string } }} options
   */
  constructor(runner, options) {
    super(runner, options);
    runner.once(mocha.Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures, pending } = this.stats;
      appendFileSync(options.reporterOption.counts, `${passes} ${failures} ${pending}\n`);
    });
  }
}
