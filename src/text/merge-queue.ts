/** Two tokens side by side, how often they stand so, and in which words. */
export interface PairCandidate {
  readonly left: number;
  readonly right: number;
  count: number;
  readonly words: readonly number[];
}

/** Candidates by count, the highest first; of equal ones the pair with the lower ids. */
export class MergeQueue {
  readonly #heap: PairCandidate[] = [];

  push(candidate: PairCandidate): void {
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !precedes(candidate, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = candidate;
  }

  pop(): PairCandidate | undefined {
    const top = this.#heap[0];
    const last = this.#heap.pop();
    if (last !== undefined && this.#heap.length > 0) this.#sink(last);
    return top;
  }

  #sink(candidate: PairCandidate): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      const left = heap[2 * at + 1];
      const right = heap[2 * at + 2];
      if (left === undefined) break;
      const goRight = right !== undefined && precedes(right, left);
      const child = goRight ? right : left;
      if (!precedes(child, candidate)) break;
      heap[at] = child;
      at = 2 * at + (goRight ? 2 : 1);
    }
    heap[at] = candidate;
  }
}

function precedes(a: PairCandidate, b: PairCandidate): boolean {
  if (a.count !== b.count) return a.count > b.count;
  return a.left === b.left ? a.right < b.right : a.left < b.left;
}
