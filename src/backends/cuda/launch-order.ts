import { LaunchReach } from "./launch-reach.ts";
import { WorkspaceLanes } from "./workspace-lanes.ts";

/** A launch as its place among others needs it. */
export interface OrderedLaunch {
  /** Whether it leaves no room for others on the card while it runs. */
  readonly fillsCard: boolean;
  readonly workspaceBytes: number;
}

/** Which launches of a program may run at once, and where their workspaces lie then. */
export interface LaunchOrder {
  /** For each launch, those it waits for, by number in ascending order; none follows from others. */
  readonly after: readonly (readonly number[])[];
  /** Where the workspace of each launch begins. */
  readonly workspaceOffsets: readonly number[];
  readonly workspaceBytes: number;
  /** Launches on the longest path. */
  readonly depth: number;
}

/** Launches between two that are waited for by all: more would cost a long look at pairs. */
const MOST_TOGETHER = 1024;

/**
 * The order a program's graph keeps: what its data needs, and a launch that fills the card alone.
 * Beside such a launch nothing gains, and it may lose its place in the cache; a path that forks
 * costs a few microseconds where it meets again. So those launches stand between what is before and
 * what is after them, and short ones go free in between.
 *
 * @param dependencies - for each launch, the earlier ones its data needs.
 */
export function planOrder(
  launches: readonly OrderedLaunch[],
  dependencies: readonly (readonly number[])[],
): LaunchOrder {
  const largest = launches.reduce((most, launch) => Math.max(most, launch.workspaceBytes), 0);
  const lanes = new WorkspaceLanes(largest);
  const after: (readonly number[])[] = [];
  const laneOf: number[] = [];
  const depths: number[] = [];
  let group = new Group(-1, lanes);
  launches.forEach((launch, i) => {
    const isAlone = launch.fillsCard || group.size === MOST_TOGETHER;
    const ends = isAlone ? group.ends() : [];
    if (isAlone) group = new Group(i, lanes);
    const placed = group.add(i, isAlone ? [] : dependencies[i], launch.workspaceBytes);
    after.push(isAlone ? ends : placed.after);
    laneOf.push(placed.lane);
    depths.push(1 + Math.max(0, ...after[i].map((other) => depths[other])));
  });
  return {
    after,
    workspaceOffsets: laneOf.map((lane) => lanes.offset(lane)),
    workspaceBytes: lanes.bytes,
    depth: Math.max(0, ...depths),
  };
}

/** Launches from one that all wait for on. */
class Group {
  /** Number of its first launch, which the others follow; -1 if nothing came before. */
  private readonly root: number;
  private readonly start: number;
  private readonly lanes: WorkspaceLanes;
  private readonly reach: LaunchReach = new LaunchReach(MOST_TOGETHER);
  private readonly hasFollower: boolean[] = [];

  constructor(root: number, lanes: WorkspaceLanes) {
    this.root = root;
    this.start = Math.max(root, 0);
    this.lanes = lanes;
  }

  get size(): number {
    return this.hasFollower.length;
  }

  /** Adds a launch; returns what it waits for, and the lane of its workspace. */
  add(
    launch: number,
    needs: readonly number[],
    workspaceBytes: number,
  ): { readonly after: readonly number[]; readonly lane: number } {
    const inside = needs.flatMap((other) => (other >= this.start ? [other - this.start] : []));
    if (inside.length === 0 && this.root >= 0 && launch > this.root) inside.push(0);
    const lane = this.takeLane(launch, inside, workspaceBytes);
    const direct = this.reach.add(inside);
    this.hasFollower.push(false);
    for (const other of direct) this.hasFollower[other] = true;
    return { after: direct.map((other) => other + this.start), lane };
  }

  /** Also puts the launch behind the one that had the lane. */
  private takeLane(launch: number, inside: number[], bytes: number): number {
    if (bytes === 0) return 0;
    const follows = (other: number): boolean =>
      other < this.start || inside.some((near) => this.reach.follows(near, other - this.start));
    const { after, lane } = this.lanes.take(launch, bytes, follows);
    if (after >= 0) inside.push(after - this.start);
    return lane;
  }

  /** Launches nothing follows yet. */
  ends(): number[] {
    return this.hasFollower.flatMap((has, i) => (has ? [] : [i + this.start]));
  }
}
