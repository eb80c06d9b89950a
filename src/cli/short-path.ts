/** The path of a template in the form that is the shortest to type: `meta-data/placement/region` is `placement/region`. */
export const shortPath = (template: string): string => template.replace(/^meta-data\/(?=.)/, '');
