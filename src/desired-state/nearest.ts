/** The candidate that `text` was most likely meant to be; undefined where none is near. */
export function nearest(text: string, candidates: readonly string[]): string | undefined {
  const farthest = Math.max(1, Math.floor(text.length / 3));
  const ranked = candidates
    .map((candidate) => ({ candidate, edits: editsBetween(text.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits);
  const [best] = ranked;
  return best !== undefined && best.edits <= farthest ? best.candidate : undefined;
}

/** Levenshtein's distance: the fewest insertions, deletions and replacements that make `b` out of `a`. */
function editsBetween(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const replaced = (above[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, (above[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    above = current;
  }
  return above[b.length] ?? 0;
}
