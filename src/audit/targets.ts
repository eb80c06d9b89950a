// The names are those of the resolver in a VPC.
const known = new Set([
  '169.254.169.254',
  'fd00:ec2::254',
  '[fd00:ec2::254]',
  'instance-data',
  'instance-data.ec2.internal',
]);

const variable = 'AWS_EC2_METADATA_SERVICE_ENDPOINT';

/** The addresses of IMDS. Every request of the program is compared with them, so this does no more than compare. */
export class Targets {
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #given: URL | undefined;
  #text: string | undefined;
  #endpoint: URL | undefined;

  /**
   * @param env asked again for each request, as programs set their own variables
   * @param given an endpoint beside the one in the environment
   */
  constructor(env: Readonly<Record<string, string | undefined>>, given?: string) {
    this.#env = env;
    this.#given = parsed(given);
  }

  has(host: unknown, port: () => unknown): boolean {
    if (typeof host !== 'string') return false;
    if (known.has(host)) return true;
    const text = this.#env[variable];
    if (text !== this.#text) {
      this.#text = text;
      this.#endpoint = parsed(text);
    }
    return isAt(this.#endpoint, host, port) || isAt(this.#given, host, port);
  }

  hasUrl(text: string): boolean {
    const url = parsed(text);
    return url !== undefined && this.has(url.hostname, () => portOf(url));
  }

  /** The places in a text, such as a command line, that name one of the addresses, each to the end of its word. */
  namedIn(text: string): readonly string[] {
    const hosts = ['169.254.169.254', '[fd00:ec2::254]', this.#env[variable], this.#given?.host];
    return hosts.flatMap((host) => {
      const name = host?.replace(/^\w+:\/\//, '').replace(/\/+$/, '');
      return name ? [...text.matchAll(new RegExp(`${escaped(name)}(?![\\w.])[^\\s"'\`;|&<>)]*`, 'g'))].map(String) : [];
    });
  }
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

const parsed = (text: string | undefined): URL | undefined =>
  text !== undefined && URL.canParse(text) ? new URL(text) : undefined;

const bare = (host: string): string => (host === 'localhost' ? '127.0.0.1' : host.replace(/^\[|\]$/g, ''));

const portOf = ({ port, protocol }: URL): number => Number(port || (protocol === 'https:' ? 443 : 80));

const isAt = (endpoint: URL | undefined, host: string, port: () => unknown): boolean =>
  endpoint !== undefined && bare(endpoint.hostname) === bare(host) && Number(port()) === portOf(endpoint);
