/** The meaning of each category by its path, such as `meta-data/public-keys/{n}`; the build puts it here. */
declare const categories: Readonly<Record<string, string>>;

const known = Object.entries(categories).map(([template, text]) => {
  const pattern = template.replace(/\/$/, '').replaceAll(/\{[^}]+\}/g, '[^/]+');
  return { pattern: new RegExp(`^${pattern}$`), text };
});

/** The documentation of the category at a path; `undefined` if there is none. */
export const helpFor = (path: string): string | undefined => known.find(({ pattern }) => pattern.test(path))?.text;
