import assert from 'node:assert/strict';
import { fromInstanceMetadata } from '@smithy/credential-provider-imds';
import { Imds } from 'imds';
import { amount, atLeast, exactly, helper, interleaved, line, milliseconds } from '../measure.mjs';

const callers = 1000;
const rounds = amount(25);
const calls = { imds: amount(20_000), chain: amount(20_000), smithy: amount(20) };

/** @type {import('../measure.mjs').Row} */
export const row = {
  name: 'credentials',
  what: `calls of a credential provider, credentials at hand; medians of ${rounds} rounds`,
  limit: {
    'requests of the first call': exactly('1 PUT + 2 GET'),
    'requests of the next call': exactly('0 PUT + 0 GET'),
    [`requests of ${callers} concurrent first calls`]: exactly('1 PUT + 2 GET'),
    'calls per second against @smithy/credential-provider-imds': atLeast(100),
    // The chain gives all callers the same object; each of ours is the caller's own, and hides its secrets when printed.
    "calls per second against the SDK's memoised chain": atLeast(0.05),
  },

  async run() {
    const service = await helper('emulator.mjs');
    const endpoint = service.first;
    const requests = async () => {
      const { PUT, GET } = await service.ask('requests');
      return `${PUT} PUT + ${GET} GET`;
    };
    process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT = endpoint;

    const provider = new Imds({ endpoint }).credentialProvider();
    await provider();
    const first = await requests();
    await provider();
    const next = await requests();
    const crowded = new Imds({ endpoint }).credentialProvider();
    await Promise.all(Array.from({ length: callers }, () => crowded()));
    const together = await requests();

    const { defaultProvider } = await import('@aws-sdk/credential-provider-node');
    const patience = { timeout: 30_000 };
    const chain = defaultProvider(patience);
    const smithy = fromInstanceMetadata(patience);
    const time = (call, times) => async () => {
      const start = performance.now();
      for (let done = 0; done < times; done += 1) await call();
      return (performance.now() - start) / times;
    };
    await time(chain, 1)();
    const ms = await interleaved(rounds, {
      imds: time(provider, calls.imds),
      chain: time(chain, calls.chain),
      smithy: time(smithy, calls.smithy),
    });
    // As said below: @smithy's asks each time, the chain once.
    assert.equal(await requests(), `${1 + rounds * calls.smithy} PUT + ${2 * (1 + rounds * calls.smithy)} GET`);
    service.end();

    return {
      lines: [
        line('imds.credentialProvider()', milliseconds(ms.imds, 5)),
        line("the SDK's memoised chain", milliseconds(ms.chain, 5)),
        line('fromInstanceMetadata(), which asks each time', milliseconds(ms.smithy, 5)),
      ],
      figures: {
        'requests of the first call': first,
        'requests of the next call': next,
        [`requests of ${callers} concurrent first calls`]: together,
        'calls per second against @smithy/credential-provider-imds': ms.smithy / ms.imds,
        "calls per second against the SDK's memoised chain": ms.chain / ms.imds,
      },
    };
  },
};
