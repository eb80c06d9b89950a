import { misuse } from './failure.js';
import { oneOfThese } from './text.js';

/** Reads the value of an option that takes a whole number of some unit. */
export const wholeNumber =
  (flag: string, unit: string, least: number, most: number) =>
  (text: string): number => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    return value >= least && value <= most ? value : refuse(flag, text, `${unit}, ${least} to ${most}`);
  };

/** Reads the value of an option that takes a number, written with or without a decimal point. */
export const aNumber =
  (flag: string, least: number, most: number) =>
  (text: string): number => {
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    return value >= least && value <= most ? value : refuse(flag, text, `a number, ${least} to ${most}`);
  };

/** Reads the value of an option that takes one of a few words, in any case. */
export const oneOf =
  <Word extends string>(flag: string, words: readonly Word[]) =>
  (text: string): Word =>
    words.find((word) => word.toLowerCase() === text.toLowerCase()) ?? refuse(flag, text, oneOfThese(words));

function refuse(flag: string, text: string, accepted: string): never {
  const shown = /^[!-~]+$/.test(text) ? text : JSON.stringify(text);
  throw misuse(`${flag} ${shown}: expected ${accepted}`);
}
