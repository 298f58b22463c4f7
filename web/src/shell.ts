/* Commands to copy into a shell. */

/** As one word, in which a shell expands nothing. */
export const word = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** Waits until a span of the query comes. */
export const waitCommand = (project: string, query: string): string => `satellite wait --project ${project} ${word(query)}`;
