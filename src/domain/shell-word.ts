/** `text` as one word of POSIX sh, whatever it holds; safe in csh and fish too where it holds no quote, `\` or `!`. */
export const shellWord = (text: string): string =>
  /^[A-Za-z0-9_@%+:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
