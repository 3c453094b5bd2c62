import { roundUp } from "../../base/integers.ts";

/** Calls that may use workspaces of their own at once. */
const MOST_LANES = 4;
/** Bytes all lanes have together, if no single call needs more. */
const MOST_BYTES = 64 << 20;
const ALIGNMENT = 256;

interface Lane {
  bytes: number;
  /** The last launch that uses it, or -1. */
  last: number;
}

/**
 * Workspaces of library calls that may run at once. What a call leaves there is of no use, so calls
 * in order share one lane; others get lanes of their own, as long as these take little memory.
 */
export class WorkspaceLanes {
  private readonly lanes: Lane[];
  private total: number;

  /** @param largest - bytes of the largest workspace that will be asked for. */
  constructor(largest: number) {
    // Whatever else there is no room for goes to the first lane.
    this.lanes = [{ bytes: roundUp(largest, ALIGNMENT), last: -1 }];
    this.total = this.lanes[0].bytes;
  }

  get bytes(): number {
    return this.total;
  }

  /**
   * Takes a lane for a launch.
   * @param follows - whether the launch comes after another one anyway.
   * @returns the lane, and the launch that is to be waited for because it had the lane, or -1.
   */
  take(
    launch: number,
    bytes: number,
    follows: (other: number) => boolean,
  ): { readonly lane: number; readonly after: number } {
    const isFree = ({ last }: Lane): boolean => last < 0 || follows(last);
    const lane = this.find(roundUp(bytes, ALIGNMENT), isFree);
    const found = this.lanes[lane];
    const after = isFree(found) ? -1 : found.last;
    found.last = launch;
    return { lane, after };
  }

  /** Byte where a lane begins, once all are taken. */
  offset(lane: number): number {
    return this.lanes.slice(0, lane).reduce((sum, { bytes }) => sum + bytes, 0);
  }

  private find(bytes: number, isFree: (lane: Lane) => boolean): number {
    const fitting = this.lanes.findIndex((lane) => isFree(lane) && lane.bytes >= bytes);
    if (fitting >= 0) return fitting;
    const growing = this.lanes.findIndex(
      (lane) => isFree(lane) && this.hasRoom(bytes - lane.bytes),
    );
    if (growing >= 0) {
      this.total += bytes - this.lanes[growing].bytes;
      this.lanes[growing].bytes = bytes;
      return growing;
    }
    if (this.lanes.length < MOST_LANES && this.hasRoom(bytes)) {
      this.total += bytes;
      return this.lanes.push({ bytes, last: -1 }) - 1;
    }
    return this.oldest(bytes);
  }

  private hasRoom(more: number): boolean {
    return this.total + more <= MOST_BYTES;
  }

  /** The lane that is large enough and was taken the longest time ago. */
  private oldest(bytes: number): number {
    let best = 0;
    for (let i = 1; i < this.lanes.length; i++) {
      const { bytes: room, last } = this.lanes[i];
      if (room >= bytes && last < this.lanes[best].last) best = i;
    }
    return best;
  }
}
