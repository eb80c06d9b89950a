import type { EndpointMode } from '../client/options.js';

export const wellKnown: Readonly<Record<EndpointMode, string>> = { IPv4: '169.254.169.254', IPv6: 'fd00:ec2::254' };

export const otherFamily: Readonly<Record<EndpointMode, EndpointMode>> = { IPv4: 'IPv6', IPv6: 'IPv4' };

/** The URL of a host without a port or path. */
export const urlOf = (host: string): string => `http://${host.includes(':') ? `[${host}]` : host}`;

/** The IP family of a well-known endpoint; one with another port or with a path is another service. */
export function familyOf(endpoint: string): EndpointMode | undefined {
  return endpoint === urlOf(wellKnown.IPv4) ? 'IPv4' : endpoint === urlOf(wellKnown.IPv6) ? 'IPv6' : undefined;
}

/** The host of an endpoint as other tools expect it, without brackets. */
export const hostOf = (endpoint: string): string =>
  URL.canParse(endpoint) ? new URL(endpoint).hostname.replace(/^\[(.*)\]$/, '$1') : endpoint;

/** The path of an endpoint that is a Unix socket. */
export const socketOf = (endpoint: string): string | undefined =>
  endpoint.startsWith('unix:') ? endpoint.slice('unix:'.length) : undefined;

/** The tools for a well-known address, and what the rules of a firewall have even if they are for its whole network. */
export const toolsFor = (address: string) =>
  address.includes(':')
    ? { isIpv6: true, ip: 'ip -6', save: 'ip6tables-save', network: 'fd00:ec2:' }
    : { isIpv6: false, ip: 'ip', save: 'iptables-save', network: '169.254' };

/** Text as one word of a shell: an endpoint or region may contain characters that a shell acts on. */
export const shellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
