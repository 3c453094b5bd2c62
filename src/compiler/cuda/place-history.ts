/** Who touched a stretch of a place last. */
interface Stretch {
  readonly start: number;
  readonly end: number;
  /** The last to write it, or -1. */
  writer: number;
  /** Who has read it since. */
  readers: number[];
}

/** Who read and wrote which bytes of one place, as far as those who come later must know. */
export class PlaceHistory {
  /** In ascending order, without overlaps; bytes nobody touched are in none. */
  private readonly stretches: Stretch[] = [];

  /** Notes that `who` reads the bytes. Passes those it must follow to `after`. */
  read(start: number, end: number, who: number, after: Set<number>): void {
    if (start >= end) return;
    this.cover(start, end);
    for (let i = this.firstFrom(start); i < this.stretches.length; i++) {
      const stretch = this.stretches[i];
      if (stretch.start >= end) break;
      if (stretch.writer >= 0) after.add(stretch.writer);
      if (stretch.readers.at(-1) !== who) stretch.readers.push(who);
    }
  }

  /** Notes that `who` writes the bytes. Passes those it must follow to `after`. */
  write(start: number, end: number, who: number, after: Set<number>): void {
    if (start >= end) return;
    this.cut(start);
    this.cut(end);
    const first = this.firstFrom(start);
    let next = first;
    for (; next < this.stretches.length && this.stretches[next].start < end; next++) {
      const { readers, writer } = this.stretches[next];
      if (writer >= 0) after.add(writer);
      for (const reader of readers) after.add(reader);
    }
    this.stretches.splice(first, next - first, { start, end, writer: who, readers: [] });
  }

  /** Makes stretches begin and end at the borders, and leaves no gap between them. */
  private cover(start: number, end: number): void {
    this.cut(start);
    this.cut(end);
    let at = start;
    for (let i = this.firstFrom(start); at < end; i++) {
      const next = this.stretches[i];
      const gapEnd = next === undefined ? end : Math.min(next.start, end);
      if (gapEnd > at) {
        this.stretches.splice(i, 0, { start: at, end: gapEnd, writer: -1, readers: [] });
      }
      at = this.stretches[i].end;
    }
  }

  /** Divides the stretch that holds a border. */
  private cut(border: number): void {
    const i = this.firstFrom(border) - 1;
    const stretch = this.stretches[i];
    if (stretch === undefined || stretch.end <= border) return;
    const { end, readers, start, writer } = stretch;
    const parts = [
      { start, end: border, writer, readers },
      { start: border, end, writer, readers: [...readers] },
    ];
    this.stretches.splice(i, 1, ...parts);
  }

  /** Number of the first stretch that begins at `start` or later. */
  private firstFrom(start: number): number {
    let low = 0;
    let high = this.stretches.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.stretches[middle].start < start) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
