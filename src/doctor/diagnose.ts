import { abortSignal, checked, checkOptions, trueOrFalse } from '../client/check.js';
import { platformOnce } from '../platform.js';
import { fixesOf, neededLimit, summaryOf } from './advice.js';
import { familyOf, otherFamily } from './endpoint.js';
import { environmentChecks, otherCredentials } from './environment.js';
import type { Facts, Finding, Input, Result } from './facts.js';
import { type Hop, pathOf } from './path.js';
import { type DiagnoseOptions, instanceIdOf, probe } from './probe.js';
import type { Fix, Judgement } from './remedies.js';
import { connection, other, read, responder, serviceChecks, token, v1 } from './service.js';
import { type Outcomes, type Verdict, verdictOf } from './verdict.js';

export type { Finding } from './facts.js';
export type { Hop } from './path.js';
export type { DiagnoseOptions } from './probe.js';
export type { Fix } from './remedies.js';
export type { Verdict } from './verdict.js';

/** All about the way from this process to IMDS. The names of verdicts, checks and properties are stable. */
export interface Diagnosis {
  readonly verdict: Verdict;
  /** The verdict in a sentence or two. */
  readonly summary: string;
  /** Measured hops from here to IMDS: 1 on the instance itself, one more behind each router. Absent if not measured. */
  readonly distance?: number;
  /** The `HttpPutResponseHopLimit` that this process needs; absent if not known. */
  readonly hopLimit?: number;
  /** The places on the way, this process first. */
  readonly path: readonly Hop[];
  readonly findings: readonly Finding[];
  /** Commands that help, the likeliest first; empty when nothing has to be done. */
  readonly fix: readonly Fix[];
}

const optionChecks = {
  v1Probe: trueOrFalse,
  signal: abortSignal,
  announce: checked((value) => typeof value === 'function', 'a function taking a message'),
};

/**
 * Finds out whether IMDSv2 works for this process, and if not why, and what helps. Takes well below a second where all
 * is well and at most three.
 *
 * @throws ImdsSettingsError when an option cannot be used, and the signal's reason; nothing because of what it finds
 */
export async function diagnose(input: Input, options: DiagnoseOptions = {}): Promise<Diagnosis> {
  checkOptions(options, 'diagnose option ', optionChecks);
  options.signal?.throwIfAborted();
  const { settings, env, platform = platformOnce(env) } = input;
  const answers = settings.disabledBy ? undefined : await probe(input, options);
  const facts: Facts = { settings, env, platform, family: familyOf(settings.endpoint), answers };
  const findings = [
    ...findingsOf(environmentChecks, facts),
    ...(answers ? findingsOf(serviceChecks, answers, facts) : []),
  ];
  const judgement = judge(facts, findings);
  const { verdict, distance } = judgement;
  const hopLimit = neededLimit(judgement);
  return {
    verdict,
    summary: summaryOf(judgement),
    ...(distance !== undefined && { distance }),
    ...(hopLimit !== undefined && { hopLimit }),
    path: pathOf(judgement),
    findings,
    fix: fixesOf(judgement),
  };
}

const findingsOf = <Given extends readonly unknown[]>(
  checks: Readonly<Record<string, (...given: Given) => Result | undefined>>,
  ...given: Given
): readonly Finding[] =>
  Object.entries(checks).flatMap(([id, check]) => {
    const found = check(...given);
    return found ? [{ id, status: found[0], detail: found[1] }] : [];
  });

function outcomesOf(facts: Facts): Outcomes {
  const { settings, platform, family, answers } = facts;
  const { isEnclave, onEc2, isElsewhere } = platform;
  return {
    settings: settings.disabledBy ? 'disabled' : 'usable',
    platform: isEnclave ? 'enclave' : onEc2 ? 'ec2' : isElsewhere ? 'elsewhere' : 'unknown',
    endpoint: family ? 'well-known' : 'custom',
    connection: answers ? connection(answers, facts)[2] : 'skipped',
    otherFamily: answers ? other(answers) : 'skipped',
    token: answers ? token(answers)[2] : 'skipped',
    read: answers ? read(answers)[2] : 'skipped',
    details: !answers?.details ? 'skipped' : answers.details.isThrottled ? 'throttled' : 'answered',
    responder: answers ? responder(answers)[2] : 'unknown',
    distance: !answers?.distance ? 'unknown' : answers.distance.hops === 1 ? 'near' : 'far',
    v1: answers ? v1(answers)[2] : 'skipped',
  };
}

/** Problems of a service that works. */
const lateChecks: readonly string[] = ['role', 'clock'];

function judge(facts: Facts, findings: readonly Finding[]): Judgement {
  const { settings, env, platform, answers } = facts;
  const outcomes = outcomesOf(facts);
  const detailOf = (id: string): string => findings.find((finding) => finding.id === id)?.detail ?? '';
  return {
    verdict: verdictOf(outcomes),
    outcomes,
    endpoint: settings.endpoint,
    endpointFrom: settings.origins.endpoint,
    otherFamily: outcomes.otherFamily === 'answered' ? otherFamily[facts.family ?? 'IPv4'] : undefined,
    platform,
    isManaged: /MANAGED_INSTANCES/.test(env['AWS_EXECUTION_ENV'] ?? ''),
    distance: answers?.distance?.hops,
    instanceId: (answers?.details && instanceIdOf(answers.read)) ?? platform.instanceId ?? instanceIdOf(answers?.read),
    region: answers?.details?.region ?? (env['AWS_REGION'] || env['AWS_DEFAULT_REGION']),
    disabledBy: settings.disabledBy,
    otherCredentials: otherCredentials(env),
    connectionDetail: answers ? connection(answers, facts)[1] : '',
    tokenDetail: detailOf(outcomes.token === 'granted' ? 'read' : 'token'),
    problems: findings
      .filter(({ id, status }) => status === 'fail' && lateChecks.includes(id))
      .map(({ id, detail }) => `${id}: ${detail}`),
    v1Withheld: answers?.v1 !== undefined && 'withheldBy' in answers.v1,
  };
}
