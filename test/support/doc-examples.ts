import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { format } from 'node:util';

/** The exports of an example, and the lines that it prints. */
export interface Outcome {
  readonly exported: Readonly<Record<string, unknown>>;
  readonly printed: readonly string[];
}

/** The TypeScript examples of a page of docs/, which run as they are, each time as a separate module. */
export class DocExamples implements Disposable {
  /** The whole page. */
  readonly page: string;
  readonly all: readonly string[];
  readonly #library: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'imds-examples-'));
  #runs = 0;

  /** @param library what they import as `imds`, seen from here */
  constructor(page: string, library = '../../src/index.ts') {
    this.page = readFileSync(new URL(`../../docs/${page}`, import.meta.url), 'utf8');
    this.all = Array.from(this.page.matchAll(/^```ts\n([\s\S]*?)^```$/gm), ([, code = '']) => code);
    this.#library = new URL(library, import.meta.url).href;
  }

  /** Runs the example that holds these words. */
  async run(words: string): Promise<Outcome> {
    this.#runs += 1;
    const file = join(this.#folder, `example-${this.#runs}.mts`);
    writeFileSync(file, this.#with(words).replaceAll("from 'imds'", `from '${this.#library}'`));
    const printed: string[] = [];
    const { log } = console;
    console.log = (...values) => printed.push(format(...values));
    try {
      return { exported: await import(pathToFileURL(file).href), printed };
    } finally {
      console.log = log;
    }
  }

  /** The lines that this example prints by its own comments. */
  told(words: string): readonly string[] {
    return this.#with(words).match(/(?<=^\/\/ ).+/gm) ?? [];
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true });
  }

  #with(words: string): string {
    const [code, ...others] = this.all.filter((each) => each.includes(words));
    assert.ok(code && others.length === 0, words);
    return code;
  }
}
