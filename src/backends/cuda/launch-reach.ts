/** Which launches of a group come after which, as one bit for each pair. */
export class LaunchReach {
  private readonly words: number;
  /** For each launch, itself and all it comes after. */
  private readonly rows: Uint32Array[] = [];

  /** @param most - launches the group may have. */
  constructor(most: number) {
    this.words = Math.ceil(most / 32);
  }

  /** Whether a launch is `other` or comes after it. */
  follows(launch: number, other: number): boolean {
    return (this.rows[launch][other >> 5] & (1 << (other & 31))) !== 0;
  }

  /**
   * Adds the next launch, which comes after the given ones.
   * @returns those of them that none of the others comes after, in ascending order.
   */
  add(after: readonly number[]): number[] {
    const row = new Uint32Array(this.words);
    const direct: number[] = [];
    // From the last down: what comes after another one has the larger number.
    for (const other of after.toSorted((a, b) => b - a)) {
      if ((row[other >> 5] & (1 << (other & 31))) !== 0) continue;
      direct.push(other);
      const theirs = this.rows[other];
      for (let i = 0; i < row.length; i++) row[i] |= theirs[i];
    }
    const own = this.rows.length;
    row[own >> 5] |= 1 << (own & 31);
    this.rows.push(row);
    return direct.toReversed();
  }
}
