/** One header of a MIME archive: the archive's own, or that of a part. */
export interface Head {
  /** Line of the archive, counted from 1, on which the body below it begins. */
  readonly bodyLine: number;
  /** The body follows without the empty line that ends a header. */
  readonly lacksEmptyLine: boolean;
}

/** RFC 5322, section 2.2: a name of visible characters, and a colon. */
const isHeader = (line: string): boolean => /^[!-9;-~]+:/.test(line);

/** Like cloud-init: a MIME archive begins with a header, and `mime-version:` stands near the beginning. */
export function isMime(content: Buffer): boolean {
  const beginning = content.toString('latin1', 0, 4096);
  return isHeader(beginning) && /mime-version:/i.test(beginning);
}

const boundaryOf = (header: string): string | undefined => {
  const [, quoted, plain] =
    /^content-type:\s*multipart\/[^\n]*?;\s*boundary\s*=\s*(?:"([^"\n]*)"|([^\s;]+))/im.exec(header) ?? [];
  return (quoted ?? plain)?.trimEnd();
};

/** The number of lines that end in these bytes: with a newline, a carriage return, or both. */
export function lineEnds(content: Buffer): number {
  let count = 0;
  for (let index = 0; index < content.length; index += 1)
    if (content[index] === 0x0a || (content[index] === 0x0d && content[index + 1] !== 0x0a)) count += 1;
  return count;
}

/**
 * Rewrites an archive so that every reader of MIME finds the bodies that cloud-init finds: a header ends at the first line
 * that is none, with an empty line or without, and a line may end with a carriage return alone. Alters no byte of a body.
 *
 * @returns the archive, and its headers in order.
 */
export function separateHeaders(archive: Buffer): { readonly archive: Buffer; readonly heads: readonly Head[] } {
  // Latin-1 keeps each byte.
  const text = archive.toString('latin1');
  const heads: Head[] = [];
  const boundaries = new Set<string>();
  const written: string[] = [];
  let header: string | undefined = '';
  let number = 1;
  const endHeader = (bodyLine: number, lacksEmptyLine: boolean): void => {
    heads.push({ bodyLine, lacksEmptyLine });
    const boundary = boundaryOf(header?.replace(/\n[ \t]+/g, ' ') ?? '');
    if (boundary) boundaries.add(boundary);
    header = undefined;
  };
  for (let at = 0; at < text.length; ) {
    if (header === undefined) {
      const next = startOfLine(text, '--', at);
      written.push(text.slice(at, next));
      number += lineEnds(archive.subarray(at, next));
      at = next;
    }
    const line = lineFrom(text, at);
    at += line.length;
    const content = line.replace(/[\r\n]+$/, '');
    const plain = line.endsWith('\r') ? `${content}\n` : line;
    // A boundary has at most 70 characters (RFC 2046, section 5.1.1).
    const [, boundary = '', end] = (content.length < 200 && /^--(.*?)(--)?[ \t]*$/.exec(content)) || [];
    if (boundaries.has(boundary)) {
      if (header !== undefined) endHeader(number, false);
      // The line end before a boundary belongs to the boundary.
      written.push(written.pop()?.replace(/\r$/, '\r\n') ?? '', plain);
      header = end === undefined ? '' : undefined;
    } else if (header === undefined) {
      written.push(line);
    } else if (content === '') {
      written.push(plain);
      endHeader(number + 1, false);
    } else if (isHeader(content) || (header !== '' && /^[ \t]/.test(content))) {
      written.push(plain);
      header += `${content}\n`;
    } else {
      written.push('\n', line);
      endHeader(number, true);
    }
    number += 1;
  }
  if (header !== undefined) endHeader(number, false);
  return { archive: Buffer.from(written.join(''), 'latin1'), heads };
}

/** Where the next line begins that starts so; the end of the text when there is none. */
function startOfLine(text: string, start: string, from: number): number {
  for (let at = text.indexOf(start, from); at !== -1; at = text.indexOf(start, at + 1))
    if (at === 0 || text[at - 1] === '\n' || text[at - 1] === '\r') return at;
  return text.length;
}

/** The line from here, with its end. */
function lineFrom(text: string, at: number): string {
  const pattern = /[^\r\n]*(?:\r\n|[\r\n]|$)/y;
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? '';
}
