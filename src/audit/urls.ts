import Module from 'node:module';
import url from 'node:url';
import { type Audit, wrap } from './audit.js';
import { expect, placeOf } from './stack.js';

const mostOthers = 10;

/**
 * Observes which code passes a URL of IMDS to a client. Some clients (got, request, the AWS SDK 2) send in a later
 * tick, when the stack is lost; but all of them parse the URL, or read its protocol, in the caller's tick.
 */
export function watchUrls({ targets }: Audit): void {
  // URLs of other requests, each of which is seen about ten times.
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
  // Not url.parse itself, whose warning depends on its caller.
  const { Url } = url as unknown as { Url: { prototype: object } };
  wrap(Url.prototype, 'parse', (_url, [text]) => note(text));
  wrap(URL.prototype, 'protocol', ({ href }) => note(href));
  wrap(Module.prototype, 'load', () => {}, watchChain);
}

/** The AWS SDK 2 tries one source of credentials after another, each in its own tick, before it uses IMDS. */
function watchChain({ exports }: Module, [file]: readonly unknown[]): void {
  if (/[\\/]aws-sdk[\\/]lib[\\/]core\.js$/.test(String(file)))
    wrap(exports.CredentialProviderChain.prototype, 'resolve', () => void placeOf());
}
