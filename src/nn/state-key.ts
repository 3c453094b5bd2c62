/** `runningMean` as `running_mean`: PyTorch's spelling of a field's name. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Number of inserted, deleted and replaced characters between two words. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[b.length];
}

/** The candidate a person probably meant, if one is close. */
export function nearestKey(key: string, candidates: readonly string[]): string | undefined {
  const suffix = candidates.find((other) => key.endsWith(`.${other}`) || other.endsWith(`.${key}`));
  if (suffix !== undefined) return suffix;
  let best: string | undefined;
  let bestDistance = Math.floor(key.length / 2);
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - key.length) > bestDistance) continue;
    const distance = editDistance(key, candidate);
    if (distance > bestDistance || (distance === bestDistance && best !== undefined)) continue;
    best = candidate;
    bestDistance = distance;
  }
  return best;
}
