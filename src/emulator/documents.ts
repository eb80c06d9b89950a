export type Field = string | null | readonly string[];

/** A JSON document as the service prints it: one field per line, separated by ` : `, no trailing newline. */
export function document(fields: Readonly<Record<string, Field>>): string {
  const lines = Object.entries(fields).map(([name, value]) => `  ${JSON.stringify(name)} : ${print(value)}`);
  return `{\n${lines.join(',\n')}\n}`;
}

/** A list of such documents. */
export function documents(all: readonly Readonly<Record<string, Field>>[]): string {
  return all.length === 0 ? '[]' : `[ ${all.map(document).join(', ')} ]`;
}

/** The content of JSON; `undefined` for any other text. */
export function contentOfJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `2026-11-23T09:00:00Z` */
export function instant(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}

/** `21 Jan 2019 09:00:43 GMT`, the form of the scheduled events. */
export function eventDate(time: Date): string {
  const [, day = '', month = '', year = '', clock = ''] = time.toUTCString().split(' ');
  return `${Number(day)} ${month} ${year} ${clock} GMT`;
}

/** Base64 in lines of a given length. */
export function base64Lines(bytes: Uint8Array, width = 76): string {
  const lines = Buffer.from(bytes)
    .toString('base64')
    .match(new RegExp(`.{1,${width}}`, 'g'));
  return (lines ?? []).join('\n');
}

/** Readable bytes that replace a signature or a key. */
export function filler(length: number): Buffer {
  return Buffer.alloc(length, 'not a real signature, made by an emulator; ');
}

function print(value: Field): string {
  return Array.isArray(value) ? `[ ${value.map((item) => JSON.stringify(item)).join(', ')} ]` : JSON.stringify(value);
}
