// Text beyond ASCII. Engines check such patterns when they load them, a millisecond each, so they have a file of their own.

// Control characters but tab and the ends of lines, and what turns the direction of text or ends lines for some.
const acting = /(?!\t|\r?\n)[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

/** The text, with characters that a terminal acts on spelt otherwise. */
export const withoutActing = (text: string, spell: (character: string) => string): string =>
  text.replace(acting, spell);

// Half-width letters are among the scripts that are wide.
const wide =
  /(?![\uff61-\uffdc])[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Hang}\p{Emoji_Presentation}\uff01-\uff60\uffe0-\uffe6]/u;

/** The columns that one line of printable text takes at a terminal. */
export const columnsOfAny = (text: string): number =>
  [...text].reduce((sum, each) => sum + (/[\p{Mn}\p{Me}\p{Cf}]/u.test(each) ? 0 : wide.test(each) ? 2 : 1), 0);
