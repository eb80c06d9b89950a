// Text beyond ASCII. Engines check such patterns at load time, a millisecond each, so they are in a separate file.

// Control characters except tab and line ends, and characters that change the direction of text or end lines for some.
const acting = /(?!\t|\r?\n)[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

/** The text, with characters that a terminal acts on escaped. */
export const withoutActing = (text: string, spell: (character: string) => string): string =>
  text.replace(acting, spell);

// Half-width letters belong to otherwise wide scripts.
const wide =
  /(?![\uff61-\uffdc])[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Hang}\p{Emoji_Presentation}\uff01-\uff60\uffe0-\uffe6]/u;

/** The columns of one line of printable text at a terminal. */
export const columnsOfAny = (text: string): number =>
  [...text].reduce((sum, each) => sum + (/[\p{Mn}\p{Me}\p{Cf}]/u.test(each) ? 0 : wide.test(each) ? 2 : 1), 0);
