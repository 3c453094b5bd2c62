/** Rows of one episode, in arrays that grow. */
export class EpisodeRows {
  readonly width: number;
  #rows: Float32Array;
  #count = 0;

  constructor(width: number) {
    this.width = width;
    this.#rows = new Float32Array(64 * width);
  }

  get count(): number {
    return this.#count;
  }

  /** All rows; replaced when it grows. */
  get rows(): Float32Array {
    return this.#rows;
  }

  /** Takes a row and returns the element of `rows` it begins at. */
  claim(): number {
    const at = this.#count * this.width;
    if (at === this.#rows.length) {
      const larger = new Float32Array(2 * this.#rows.length);
      larger.set(this.#rows);
      this.#rows = larger;
    }
    this.#count++;
    return at;
  }

  clear(): void {
    this.#count = 0;
  }

  /** The rows so far. */
  used(): Float32Array {
    return this.#rows.subarray(0, this.#count * this.width);
  }

  load(rows: Float32Array): void {
    this.clear();
    for (let at = 0; at < rows.length; at += this.width) {
      const place = this.claim();
      this.#rows.set(rows.subarray(at, at + this.width), place);
    }
  }
}
