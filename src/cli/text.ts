/** Text that can do nothing to a terminal: control characters but the tab and the newline are spelt out. */
export const printable = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });

/** `a`, `a or b`, `a, b or c`. */
export const oneOfThese = (words: readonly string[]): string => words.join(', ').replace(/, (?=[^,]*$)/, ' or ');
