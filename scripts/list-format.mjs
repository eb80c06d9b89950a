/** A list in words, in the place of Intl's. */
export class ListFormat {
  /** @param {string[]} items */
  format(items) {
    return items.join(', ');
  }
}
