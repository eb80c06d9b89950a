import type { Caller } from './tally.js';

/** Something that will break, that floods IMDS, or that could not be observed. */
export interface Finding {
  readonly id:
    | 'v1'
    | 'v1-after-401'
    | 'token-per-value'
    | 'polling'
    | 'token-reply-lost'
    | 'no-reply'
    | 'forwarded-for'
    | 'proxy'
    | 'unseen';
  readonly detail: string;
}

/** Fewer reads per token than this, on average, count as a token for each value. */
const fewReads = 1.5;
const someTokens = 3;
/** This many consecutive reads of one path, each less than a second after the previous one, count as polling. */
const longRow = 5;

const times = (count: number): string => (count === 1 ? 'once' : count === 2 ? 'twice' : `${count} times`);

/** The counts of a caller, in one process or in all. */
export type Counts = Pick<Caller, 'place' | 'counts' | 'busiest' | 'paths'>;

export const readsPerToken = ({ counts: { v2 = 0, tokens = 0 } }: Counts): number | null =>
  tokens === 0 ? null : Math.round((v2 / tokens) * 10) / 10;

/** The problems of a caller, in words that follow its name. */
const checks: Readonly<Record<Exclude<Finding['id'], 'unseen'>, (caller: Counts) => string | 0 | undefined>> = {
  v1: ({ counts: { v1 } }) => v1 && `read without a token ${times(v1)}`,
  'v1-after-401': ({ counts: { 'v1-after-401': count } }) => count && `gave up its token after a 401, ${times(count)}`,
  'token-per-value': (caller) => {
    const { tokens = 0 } = caller.counts;
    const reads = readsPerToken(caller);
    return tokens >= someTokens && reads !== null && reads < fewReads
      ? `sent ${tokens} tokens, and made ${reads === 1 ? '1 read' : `${reads} reads`} with each`
      : undefined;
  },
  polling: ({ paths }) => {
    const [path, row = 0] = Object.entries(paths).sort(([, one], [, other]) => other - one)[0] ?? [];
    return row >= longRow ? `read ${path} ${row} times in a row, less than a second apart` : undefined;
  },
  'token-reply-lost': ({ counts: { 'token-reply-lost': count } }) =>
    count && `got no reply to a token request ${times(count)}, as when the hop limit is too low`,
  'no-reply': ({ counts: { noReply = 0, 'token-reply-lost': ofTokens = 0 } }) =>
    noReply > ofTokens ? `got no reply to a read ${times(noReply - ofTokens)}` : undefined,
  'forwarded-for': ({ counts: { 'forwarded-for': count } }) =>
    count && `sent X-Forwarded-For ${times(count)}, for which IMDS refuses tokens`,
  proxy: ({ counts: { proxy: count } }) => count && `went through a proxy ${times(count)}`,
};

/** All findings on a caller, by its name. */
export const findingsOn = (caller: Counts, name: string): readonly Finding[] =>
  Object.entries(checks).flatMap(([id, check]) => {
    const words = check(caller);
    return words ? [{ id: id as Finding['id'], detail: `${name} ${words}` }] : [];
  });
