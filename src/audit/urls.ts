import Module from 'node:module';
import url from 'node:url';
import { type Audit, wrap } from './audit.js';
import { expect, placeOf } from './stack.js';

const mostOthers = 10;

/**
 * Observes who hands a URL of IMDS to a client. Some clients (got, request, the AWS SDK 2) send in a later tick, when the
 * stack is lost; but all of them parse the URL, or look at its protocol, while their caller waits.
 */
export function watchUrls({ targets }: Audit): void {
  // The URLs of other requests, each of which is looked at about ten times.
  const others = new Set<unknown>();
  const note = (text: unknown): void => {
    if (others.has(text) || typeof text !== 'string' || !text.startsWith('http')) return;
    if (targets.hasUrl(text)) {
      expect(new URL(text).pathname);
    } else {
      if (others.size >= mostOthers) others.clear();
      others.add(text);
    }
  };
  // Not url.parse itself, which warns by who calls it.
  const { Url } = url as unknown as { Url: { prototype: object } };
  wrap(Url.prototype, 'parse', (_url, [text]) => note(text));
  wrap(URL.prototype, 'protocol', ({ href }) => note(href));
  wrap(Module.prototype, 'load', () => {}, watchChain);
}

/** The AWS SDK 2 tries one source of credentials after another, each in a tick of its own, before it asks IMDS. */
function watchChain({ exports }: Module, [file]: readonly unknown[]): void {
  if (/[\\/]aws-sdk[\\/]lib[\\/]core\.js$/.test(String(file)))
    wrap(exports.CredentialProviderChain.prototype, 'resolve', () => void placeOf());
}
