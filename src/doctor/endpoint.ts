import type { EndpointMode } from '../client/options.js';

export const wellKnown: Readonly<Record<EndpointMode, string>> = { IPv4: '169.254.169.254', IPv6: 'fd00:ec2::254' };

export const otherFamily: Readonly<Record<EndpointMode, EndpointMode>> = { IPv4: 'IPv6', IPv6: 'IPv4' };

/** The IP family of a well-known endpoint. */
export function familyOf(endpoint: string): EndpointMode | undefined {
  const host = hostOf(endpoint);
  return host === wellKnown.IPv4 ? 'IPv4' : host === wellKnown.IPv6 ? 'IPv6' : undefined;
}

/** The host of an endpoint as other tools expect it, without brackets. */
export const hostOf = (endpoint: string): string =>
  URL.canParse(endpoint) ? new URL(endpoint).hostname.replace(/^\[(.*)\]$/, '$1') : endpoint;

/** The path of an endpoint that is a Unix socket. */
export const socketOf = (endpoint: string): string | undefined =>
  endpoint.startsWith('unix:') ? endpoint.slice('unix:'.length) : undefined;
