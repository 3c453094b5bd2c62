/**
 * Which launches are on the path that takes longest: a program takes at least that long, whatever
 * runs beside it.
 *
 * @param after - for each launch, the earlier ones it waits for.
 * @param times - how long each takes.
 */
export function longestPath(
  after: readonly (readonly number[])[],
  times: readonly number[],
): boolean[] {
  const ends: number[] = [];
  const previous: number[] = [];
  after.forEach((others, i) => {
    const latest = others.reduce(
      (best, other) => (ends[other] > (ends[best] ?? -1) ? other : best),
      -1,
    );
    previous.push(latest);
    ends.push((ends[latest] ?? 0) + times[i]);
  });
  const isOnPath = times.map(() => false);
  let at = ends.indexOf(Math.max(...ends));
  for (; at >= 0; at = previous[at]) isOnPath[at] = true;
  return isOnPath;
}
