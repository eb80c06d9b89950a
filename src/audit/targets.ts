// The names are those of a VPC's resolver.
const known = new Set([
  '169.254.169.254',
  'fd00:ec2::254',
  '[fd00:ec2::254]',
  'instance-data',
  'instance-data.ec2.internal',
]);

const variable = 'AWS_EC2_METADATA_SERVICE_ENDPOINT';
const mostOrigins = 100;

/** The addresses of IMDS. Every request of the program is compared with them, so this only compares. */
export class Targets {
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #given: string | undefined;
  #text: string | undefined;
  #endpoints: ReturnType<typeof endpointsOf>;
  readonly #origins = new Map<string, boolean>();

  /**
   * @param env read again for each request, as programs set their own variables
   * @param given an endpoint in addition to the one in the environment
   */
  constructor(env: Readonly<Record<string, string | undefined>>, given?: string) {
    this.#env = env;
    this.#given = given;
    this.#endpoints = endpointsOf(given);
  }

  has(host: unknown, port: () => unknown): boolean {
    if (typeof host !== 'string') return false;
    if (known.has(host)) return true;
    this.#refresh();
    return this.#endpoints.some((endpoint) => endpoint.host === bare(host) && endpoint.port === Number(port()));
  }

  /** The same for a URL. Parsing it takes longest, and most programs use few origins. */
  hasUrl(text: string): boolean {
    this.#refresh();
    const [origin = ''] = /^\w+:\/\/[^/?#]+/.exec(text) ?? [];
    const kept = this.#origins.get(origin);
    if (kept !== undefined) return kept;
    const isOne = endpointsOf(origin).some(({ host, port }) => this.has(host, () => port));
    if (this.#origins.size >= mostOrigins) this.#origins.clear();
    this.#origins.set(origin, isOne);
    return isOne;
  }

  #refresh(): void {
    const text = this.#env[variable];
    if (text === this.#text) return;
    this.#text = text;
    this.#endpoints = endpointsOf(text, this.#given);
    this.#origins.clear();
  }

  /** The parts of a text, such as a command line, that name one of the addresses, each to the end of its word. */
  namedIn(text: string): readonly string[] {
    const hosts = ['169.254.169.254', '[fd00:ec2::254]', this.#env[variable], this.#given];
    return hosts.flatMap((host) => {
      // Without a password, which does not belong in a report.
      const name = host?.replace(/^\w+:\/\/(?:[^/]*@)?/, '').replace(/\/+$/, '');
      return name ? [...text.matchAll(new RegExp(`${escaped(name)}(?![\\w.])[^\\s"'\`;|&<>)]*`, 'g'))].map(String) : [];
    });
  }
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

// Without the URL's protocol: the audit observes reads of that.
const endpointsOf = (...texts: readonly (string | undefined)[]) =>
  texts.flatMap((text) => {
    if (text === undefined || !URL.canParse(text)) return [];
    const { hostname, port } = new URL(text);
    return [{ host: bare(hostname), port: Number(port || (/^https:/i.test(text) ? 443 : 80)) }];
  });

const bare = (host: string): string => (host === 'localhost' ? '127.0.0.1' : host.replace(/^\[|\]$/g, ''));
