import type { BoundLaunch } from "./bound-launch.ts";
import type { Driver } from "./driver.ts";
import type { LaunchOrder } from "./launch-order.ts";

/**
 * Issues a program's launches on a stream that is captured, so that the graph has the edges of a
 * {@link LaunchOrder}. One stream is enough: what the next node of a capture waits for can be set.
 */
export class GraphRecorder {
  private readonly driver: Driver;
  private readonly stream: number;
  private readonly launches: readonly BoundLaunch[];
  private readonly order: LaunchOrder;
  /** Number of the base address of the libraries' workspace. */
  private readonly workspace: number;
  /** Whether somebody other than the next launch waits for a launch. */
  private readonly isAwaited: readonly boolean[];

  constructor(
    driver: Driver,
    stream: number,
    launches: readonly BoundLaunch[],
    order: LaunchOrder,
    workspace: number,
  ) {
    this.driver = driver;
    this.stream = stream;
    this.launches = launches;
    this.order = order;
    this.workspace = workspace;
    const awaited = new Set(order.after.flatMap((_, i) => (this.isNext(i) ? [] : order.after[i])));
    this.isAwaited = launches.map((_, i) => awaited.has(i));
  }

  /** Whether a launch waits for the one before it, and no other. */
  private isNext(i: number): boolean {
    const after = this.order.after[i];
    return after.length === 1 && after[0] === i - 1;
  }

  /** Puts everything on the stream. */
  record(bases: Float64Array): void {
    const { driver, isAwaited, launches, order, stream } = this;
    const own = bases.slice();
    /** The nodes each launch ends in; empty where nobody asks. */
    const nodes: (readonly bigint[])[] = [];
    launches.forEach((launch, i) => {
      const waited = new Set(order.after[i].flatMap((other) => nodes[other]));
      const isFirst = i === 0;
      if (!isFirst && !this.isNext(i)) driver.setCaptureNodes(stream, [...waited]);
      own[this.workspace] = bases[this.workspace] + order.workspaceOffsets[i];
      const ends = this.issue(launch, own);
      nodes.push(ends ?? (isAwaited[i] ? driver.captureNodes(stream) : []));
    });
  }

  /** Issues a launch; returns the nodes it ends in if it has parts that may run at once. */
  private issue(launch: BoundLaunch, bases: Float64Array): readonly bigint[] | null {
    const { driver, stream } = this;
    if (!launch.hasParts) {
      launch.issue(bases, null);
      return null;
    }
    const before = driver.captureNodes(stream);
    const ends: bigint[] = [];
    launch.issue(bases, null, () => {
      ends.push(...driver.captureNodes(stream));
      driver.setCaptureNodes(stream, before);
    });
    ends.push(...driver.captureNodes(stream));
    driver.setCaptureNodes(stream, ends);
    return ends;
  }
}
