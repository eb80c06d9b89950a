const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const worded = /^(?:[A-Z][a-z]{2}, )?(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d\d:\d\d:\d\d) (?:GMT|UTC)$/;
const iso = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d+)? ?(Z|UTC|GMT|[+-]\d\d:?\d\d)?$/;

/**
 * An instant in UTC, such as `2017-09-18T08:22:00Z`, from any form that AWS or a compatible service writes: ISO 8601 with
 * or without an offset (then in UTC), or `21 Jan 2019 09:00:43 GMT`. Undefined for anything else, such as 30 February.
 */
export function instantOf(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const [, day = '', month = '', year, clock] = worded.exec(value) ?? [];
  const number = String(months.indexOf(month) + 1).padStart(2, '0');
  const text = year === undefined ? value : `${year}-${number}-${day.padStart(2, '0')}T${clock}Z`;
  const [, date, time, fraction = '', zone = 'Z'] = iso.exec(text) ?? [];
  const plain = new Date(`${date}T${time}Z`);
  // V8 reads 30 February as 2 March.
  if (Number.isNaN(plain.getTime()) || plain.toISOString().slice(0, 19) !== `${date}T${time}`) return undefined;
  if (!/^[+-]/.test(zone)) return `${date}T${time}${fraction}Z`;
  const shifted = new Date(`${date}T${time}${fraction}${zone}`);
  return Number.isNaN(shifted.getTime()) ? undefined : shifted.toISOString().replace('.000Z', 'Z');
}
