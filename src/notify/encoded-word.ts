/** Of one encoded word, its frame included (RFC 2047, section 2). */
const MOST = 75;
const FRAME = "=?UTF-8?B??=".length;
const MOST_BYTES = Math.floor((MOST - FRAME) / 4) * 3;

/** `text`, one printable line, as a header field may hold it: as it is where it is ASCII, else in encoded words (RFC 2047). */
export function encodedWord(text: string, between = " "): string {
  // what looks like an encoded word would be taken for one
  if (/^[\x20-\x7e]*$/.test(text) && !text.includes("=?")) return text;
  const words: string[] = [];
  let word = "";
  // no character may be split between two of them
  for (const character of text) {
    if (Buffer.byteLength(word + character) > MOST_BYTES) {
      words.push(word);
      word = "";
    }
    word += character;
  }
  return [...words, word].map((part) => `=?UTF-8?B?${Buffer.from(part).toString("base64")}?=`).join(between);
}
