import { environmentChecks, otherCredentials } from './environment.js';
import type { Facts } from './facts.js';
import { serviceChecks } from './service.js';
import { type Outcomes, verdictOf } from './verdict.js';

/** The verdict, and everything that the advice needs. */
export type Judgement = ReturnType<typeof judge>;

export function judge(facts: Facts) {
  const { settings, env, platform, family, answers } = facts;
  const results = [
    ...Object.entries(environmentChecks).map(([id, check]) => [id, check(facts)] as const),
    ...(answers ? Object.entries(serviceChecks).map(([id, check]) => [id, check(answers, facts)] as const) : []),
  ];
  // The checks that affect the verdict are named as in `Outcomes`.
  const outcomes: Outcomes = {
    endpoint: family ? 'well-known' : 'custom',
    ...Object.fromEntries(results.map(([id, result]) => [id, result?.[2]])),
  };
  return {
    verdict: verdictOf(outcomes),
    outcomes,
    findings: results.flatMap(([id, result]) => (result ? [{ id, status: result[0], detail: result[1] }] : [])),
    endpoint: settings.endpoint,
    // Such as `default` or `option endpoint`.
    endpointFrom: settings.origins.endpoint,
    platform,
    distance: answers?.distance?.hops,
    instanceId: (answers?.details && answers.read?.instanceId) ?? platform.instanceId ?? answers?.read?.instanceId,
    region: answers?.details?.region ?? (env['AWS_REGION'] || env['AWS_DEFAULT_REGION']),
    // The interface by which packets to IMDS leave the instance; a container's leads to its bridge.
    device: platform.hasHostNetwork ? answers?.routes?.find((route) => route.family === family)?.device : undefined,
    disabledBy: settings.disabledBy,
    otherCredentials: otherCredentials(env),
  };
}
