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

/**
 * Rewrites an archive so that every reader of MIME finds the bodies that cloud-init finds: a header ends at the first line
 * that is none, with an empty line or without, and a line may end with a carriage return alone. Alters no byte of a body.
 *
 * @returns the archive, and its headers in order.
 */
export function separateHeaders(archive: Buffer): { readonly archive: Buffer; readonly heads: readonly Head[] } {
  const heads: Head[] = [];
  const boundaries = new Set<string>();
  const written: string[] = [];
  let header: string | undefined = '';
  const endHeader = (bodyLine: number, lacksEmptyLine: boolean): void => {
    heads.push({ bodyLine, lacksEmptyLine });
    const boundary = boundaryOf(header?.replace(/\n[ \t]+/g, ' ') ?? '');
    if (boundary) boundaries.add(boundary);
    header = undefined;
  };
  // Latin-1 keeps each byte.
  const lines = archive.toString('latin1').match(/[^\r\n]*(?:\r\n|[\r\n])|[^\r\n]+$/g) ?? [];
  for (const [index, line] of lines.entries()) {
    const text = line.replace(/[\r\n]+$/, '');
    const plain = line.endsWith('\r') ? `${text}\n` : line;
    // A boundary has at most 70 characters (RFC 2046, section 5.1.1).
    const [, boundary = '', end] = (text.length < 200 && /^--(.*?)(--)?[ \t]*$/.exec(text)) || [];
    if (boundaries.has(boundary)) {
      if (header !== undefined) endHeader(index + 1, false);
      // The line end before a boundary belongs to the boundary.
      written.push(written.pop()?.replace(/\r$/, '\r\n') ?? '', plain);
      header = end === undefined ? '' : undefined;
    } else if (header === undefined) {
      written.push(line);
    } else if (text === '') {
      written.push(plain);
      endHeader(index + 2, false);
    } else if (isHeader(text) || (header !== '' && /^[ \t]/.test(text))) {
      written.push(plain);
      header += `${text}\n`;
    } else {
      written.push('\n', line);
      endHeader(index + 1, true);
    }
  }
  if (header !== undefined) endHeader(lines.length + 1, false);
  return { archive: Buffer.from(written.join(''), 'latin1'), heads };
}
