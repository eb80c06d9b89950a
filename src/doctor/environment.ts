import type { ContainerKind } from '../platform.js';
import { hostOf, socketOf } from './endpoint.js';
import type { Checks, Facts } from './facts.js';

/** For each kind of container its name, and the name of the router between it and the instance. */
export const containers: Readonly<Record<ContainerKind, readonly [name: string, router: string]>> = {
  none: ['no container', 'router'],
  kubernetes: ['a Kubernetes pod', 'pod network'],
  ecs: ['an ECS task', 'container bridge'],
  fargate: ['a Fargate task, which has no IMDS', 'container bridge'],
  docker: ['a Docker container', 'Docker bridge'],
  podman: ['a Podman container', 'Podman bridge'],
  container: ['a container', 'container bridge'],
};

/** A source of credentials other than IMDS, such as `EKS Pod Identity`. */
export function otherCredentials(env: Facts['env']): string | undefined {
  const uri = env['AWS_CONTAINER_CREDENTIALS_FULL_URI'];
  if (env['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI']) return 'the role of the ECS task';
  if (uri && /169\.254\.170\.23|fd00:ec2::23/.test(uri)) return 'EKS Pod Identity';
  if (uri) return 'AWS_CONTAINER_CREDENTIALS_FULL_URI';
  if (env['AWS_WEB_IDENTITY_TOKEN_FILE'] && env['AWS_ROLE_ARN']) return 'a role for the service account (IRSA)';
  if (env['AWS_ACCESS_KEY_ID'] && env['AWS_SECRET_ACCESS_KEY']) return 'keys in the environment';
  return undefined;
}

/** The checks that need no request, in the order of the report. */
export const environmentChecks: Checks<[Facts]> = {
  settings({ settings }) {
    if (settings.disabledBy)
      return ['fail', `${settings.disabledBy} is true; the AWS SDKs do not use IMDS either`, 'disabled'];
    const origins: Readonly<Record<string, string | undefined>> = settings.origins;
    const given = Object.entries(settings)
      .filter(([name]) => (origins[name] ?? 'default') !== 'default' && name !== 'v1ForbiddenBy')
      .map(([name, value]) => `${name} ${value} (${origins[name]})`);
    // An option that forbids version 1 is already listed.
    if (origins['v1ForbiddenBy'] !== origins['allowV1']) given.push(`no IMDSv1 (${settings.v1ForbiddenBy})`);
    return ['ok', given.length === 0 ? `all defaults: ${settings.endpoint}` : given.join(', '), 'usable'];
  },

  'config-file': ({ settings: { leftOut } }) =>
    leftOut && ['warn', `${leftOut.file} cannot be read (${leftOut.why}), so it is ignored`],

  /** `imds` never uses a proxy; other tools send metadata requests to one unless told not to. */
  proxy({ env, settings: { endpoint } }) {
    const proxies = ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'].filter((name) => env[name]);
    const exempt = `${env['NO_PROXY'] ?? ''},${env['no_proxy'] ?? ''}`.split(/[\s,]+/).filter(Boolean);
    const host = hostOf(endpoint);
    if (proxies.length === 0) return ['ok', 'none in the environment'];
    const set = `${proxies.join(', ')} set`;
    if (socketOf(endpoint)) return ['ok', `${set}, which does not affect a Unix socket`];
    if (exempt.includes('*') || exempt.includes(host)) return ['ok', `${set}, NO_PROXY exempts ${host}`];
    return ['warn', `${set} and NO_PROXY lacks ${host}: not used by imds, but other tools may send it there`];
  },

  machine({ platform: { onEc2, isElsewhere, isEnclave, why, instanceId }, family }) {
    const words = `${onEc2 ? 'EC2' : 'not detected as EC2'}: ${why}${instanceId ? ` (${instanceId})` : ''}`;
    if (isEnclave) return [onEc2 ? 'ok' : 'skip', words, 'enclave'];
    if (onEc2) return ['ok', words, 'ec2'];
    return isElsewhere ? [family ? 'warn' : 'skip', words, 'elsewhere'] : ['skip', words, 'unknown'];
  },

  container({ platform: { container, node, managedBy, hasHostNetwork, isEnclave } }) {
    const words = [
      containers[container][0] + (node ? ` on the node ${node}` : ''),
      ...(container === 'none' ? [] : [hasHostNetwork ? 'on the network of its host' : 'with its own network']),
      ...(managedBy ? [`managed by ${managedBy}, apparently`] : []),
      ...(isEnclave ? ['in a Nitro Enclave'] : []),
    ];
    return [container === 'fargate' || isEnclave ? 'warn' : 'ok', words.join(', ')];
  },

  credentials({ env }) {
    const source = otherCredentials(env);
    if (source) return ['ok', `the environment provides ${source}: SDKs need no IMDS for them`];
    return ['ok', 'none in the environment, so SDKs use IMDS'];
  },

  route({ answers, family }) {
    if (!answers?.routes) return undefined;
    const words = answers.routes.map(({ address, from, device, code }) =>
      from ? `${address} from ${from}${device ? ` (${device})` : ''}` : `${address} no route (${code})`,
    );
    const isThere = answers.routes.some((route) => route.family === family && route.from);
    return [isThere ? 'ok' : 'fail', words.join('; ')];
  },
};
