import type { Caller } from './tally.js';

/** Something that will break, that floods IMDS, or that could not be looked into. */
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

/** Fewer reads than this for each token, on an average, are a token for each value. */
const fewReads = 1.5;
const someTokens = 3;
/** So many reads of one path in a row, each less than a second after the one before, are polling. */
const longRow = 5;

const times = (count: number): string => (count === 1 ? 'once' : count === 2 ? 'twice' : `${count} times`);

/** The counts of a caller, in one process or in all. */
export type Counts = Omit<Caller, 'mark' | 'sent' | 'answered' | 'lost'>;

export const readsPerToken = ({ v2, tokens }: Counts): number | null =>
  tokens === 0 ? null : Math.round((v2 / tokens) * 10) / 10;

type Check = (caller: Counts) => string | 0 | undefined;

/** What is wrong with a caller, in words that follow its name. */
const checks: Readonly<Record<Exclude<Finding['id'], 'unseen'>, Check>> = {
  v1: ({ v1 }) => (v1 > 0 ? `read without a token ${times(v1)}` : undefined),
  'v1-after-401': ({ marks }) =>
    marks['v1-after-401'] && `gave up its token after a 401, ${times(marks['v1-after-401'])}`,
  'token-per-value': (caller) => {
    const reads = readsPerToken(caller);
    return caller.tokens >= someTokens && reads !== null && reads < fewReads
      ? `sent ${caller.tokens} tokens, and made ${reads === 1 ? '1 read' : `${reads} reads`} with each`
      : undefined;
  },
  polling: ({ rows }) => {
    const [path, row = 0] = Object.entries(rows).sort(([, one], [, other]) => other - one)[0] ?? [];
    return row >= longRow ? `read ${path} ${row} times in a row, less than a second apart` : undefined;
  },
  'token-reply-lost': ({ marks }) =>
    marks['token-reply-lost'] &&
    `got no reply to a token request ${times(marks['token-reply-lost'])}, as when the hop limit is too low`,
  'no-reply': ({ failures, marks }) => {
    const count = failures.noReply - (marks['token-reply-lost'] ?? 0);
    return count > 0 ? `got no reply to a read ${times(count)}` : undefined;
  },
  'forwarded-for': ({ marks }) =>
    marks['forwarded-for'] && `sent X-Forwarded-For ${times(marks['forwarded-for'])}, for which IMDS refuses tokens`,
  proxy: ({ marks }) => marks.proxy && `went through a proxy ${times(marks.proxy)}`,
};

/** All findings on a caller, by its name. */
export const findingsOn = (caller: Counts, name: string): readonly Finding[] =>
  Object.entries(checks).flatMap(([id, check]) => {
    const words = check(caller);
    return words ? [{ id: id as Finding['id'], detail: `${name} ${words}` }] : [];
  });
