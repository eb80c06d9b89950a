// @ts-check
/** Root hooks of the unit tests: no request but those that nock answers, and every answer prepared is fetched. */
import nock from 'nock';
import { checkAfter } from './hooks.mjs';

nock.disableNetConnect();

/** @type {string[]} */
let unmatched = [];
nock.emitter.on('no match', (request) => {
  unmatched.push(`${request.method} ${request.path} at ${request.host} port ${request.port}`);
});

export const mochaHooks = {
  /** @this {import('mocha').Context} */
  beforeEach() {
    unmatched = [];
    checkAfter(this.currentTest, () => {
      if (unmatched.length > 0) throw new Error(`Requests that nothing answers:\n${unmatched.join('\n')}`);
      if (!nock.isDone()) throw new Error(`Answers that nobody asked for:\n${nock.pendingMocks().join('\n')}`);
    });
  },
  afterEach() {
    nock.abortPendingRequests();
    nock.cleanAll();
  },
};
