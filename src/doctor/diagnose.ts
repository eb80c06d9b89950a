import { abortSignal, checked, checkOptions, trueOrFalse } from '../client/check.js';
import { platformOnce } from '../platform.js';
import { adviceOn, neededLimit } from './advice.js';
import { familyOf } from './endpoint.js';
import type { Finding } from './facts.js';
import { type Judgement, judge } from './judgement.js';
import { type Hop, pathOf } from './path.js';
import { type DiagnoseOptions, type Input, probe } from './probe.js';
import type { Fix } from './remedies.js';
import type { Verdict } from './verdict.js';

export type { Finding } from './facts.js';
export type { Hop } from './path.js';
export type { DiagnoseOptions } from './probe.js';
export type { Fix } from './remedies.js';
export type { Verdict } from './verdict.js';

/** The state of the path from this process to IMDS. The names of verdicts, checks and properties are stable. */
export interface Diagnosis {
  readonly verdict: Verdict;
  /** The verdict in a sentence or two. */
  readonly summary: string;
  /** Measured hops from here to IMDS: 1 on the instance itself, plus one per router. Absent if not measured. */
  readonly distance?: number;
  /** The `HttpPutResponseHopLimit` that this process needs; absent if unknown. */
  readonly hopLimit?: number;
  /** The places on the path, this process first. */
  readonly path: readonly Hop[];
  readonly findings: readonly Finding[];
  /** Commands that help, the likeliest first; empty if nothing needs fixing. */
  readonly fix: readonly Fix[];
}

const optionChecks = {
  v1Probe: trueOrFalse,
  signal: abortSignal,
  announce: checked((value) => typeof value === 'function', 'a function taking a message'),
};

/**
 * Finds out whether IMDSv2 works for this process, and if not, why, and what helps. Takes well under a second if all is
 * well, and at most three.
 *
 * @throws ImdsSettingsError for an unusable option, and the signal's reason; never because of its findings
 */
export async function diagnose(input: Input, options: DiagnoseOptions = {}): Promise<Diagnosis> {
  checkOptions(options, 'diagnose option ', optionChecks);
  options.signal?.throwIfAborted();
  const { settings, env, platform = platformOnce(env) } = input;
  const answers = settings.disabledBy ? undefined : await probe(input, options);
  return diagnosisOf(judge({ settings, env, platform, family: familyOf(settings.endpoint), answers }));
}

/** The public part of a judgement. */
export function diagnosisOf(found: Judgement): Diagnosis {
  const { verdict, distance, findings } = found;
  const { summary, fix } = adviceOn(found);
  const hopLimit = neededLimit(found);
  return {
    verdict,
    summary,
    ...(distance !== undefined && { distance }),
    ...(hopLimit !== undefined && { hopLimit }),
    path: pathOf(found),
    findings,
    fix,
  };
}
