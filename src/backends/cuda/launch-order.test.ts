import { describe, expect, it } from "vitest";
import { planOrder } from "./launch-order.ts";
import type { OrderedLaunch } from "./launch-order.ts";

const short: OrderedLaunch = { fillsCard: false, workspaceBytes: 0 };
const long: OrderedLaunch = { fillsCard: true, workspaceBytes: 0 };
const needing = (workspaceBytes: number): OrderedLaunch => ({ fillsCard: false, workspaceBytes });
const megabyte = 2 ** 20;

describe("the order of a program's launches", () => {
  it("has no edge that follows from others", () => {
    const { after, depth } = planOrder([short, short, short, short], [[], [0], [0, 1], [0, 1, 2]]);
    expect(after).toEqual([[], [0], [1], [2]]);
    expect(depth).toBe(4);
  });

  it("leaves launches alone that need nothing of each other", () => {
    const { after, depth } = planOrder([short, short, short, short], [[], [], [0], [1, 2]]);
    expect(after).toEqual([[], [], [0], [1, 2]]);
    expect(depth).toBe(3);
  });

  it("puts what fills the card between all before and all after it", () => {
    const launches = [short, short, long, short, short, long, long];
    const { after, depth } = planOrder(launches, [[], [], [0], [1], [], [2], []]);
    expect(after).toEqual([[], [], [0, 1], [2], [2], [3, 4], [5]]);
    expect(depth).toBe(5);
  });

  it("is a chain where every launch fills the card", () => {
    const launches = Array.from({ length: 5 }, () => long);
    const { after } = planOrder(launches, [[], [], [], [0], []]);
    expect(after).toEqual([[], [0], [1], [2], [3]]);
  });

  it("looks at a thousand launches at a time", () => {
    const launches = Array.from({ length: 3000 }, () => short);
    const nothing = launches.map(() => []);
    const { after, depth } = planOrder(launches, nothing);
    expect(after[1024]).toHaveLength(1024);
    expect(after[1025]).toEqual([1024]);
    expect(depth).toBe(5);
  });

  it("is empty for no launches", () => {
    expect(planOrder([], [])).toEqual({
      after: [],
      workspaceOffsets: [],
      workspaceBytes: 0,
      depth: 0,
    });
  });
});

describe("workspaces of launches", () => {
  it("are one place for those in order", () => {
    const chain = planOrder([needing(1000), needing(300), needing(2000)], [[], [0], [1]]);
    expect(chain.workspaceOffsets).toEqual([0, 0, 0]);
    expect(chain.workspaceBytes).toBe(2048);
  });

  it("are apart for those that may run at once", () => {
    const { after, workspaceBytes, workspaceOffsets } = planOrder(
      [needing(1000), needing(300), short, needing(700)],
      [[], [], [0, 1], [2]],
    );
    expect(workspaceOffsets).toEqual([0, 1024, 0, 0]);
    expect(workspaceBytes).toBe(1024 + 512);
    expect(after).toEqual([[], [], [0, 1], [2]]);
  });

  it("are waited for when there are four, the oldest first", () => {
    const launches = Array.from({ length: 7 }, () => needing(256));
    const { after, workspaceBytes, workspaceOffsets } = planOrder(
      launches,
      launches.map(() => []),
    );
    expect(workspaceOffsets).toEqual([0, 256, 512, 768, 0, 256, 512]);
    expect(workspaceBytes).toBe(1024);
    expect(after).toEqual([[], [], [], [], [0], [1], [2]]);
  });

  it("are waited for rather than more than 64 MiB", () => {
    const launches = [32, 32, 16, 32].map((size) => needing(size * megabyte));
    const { after, workspaceBytes } = planOrder(launches, [[], [], [], []]);
    expect(workspaceBytes).toBe(64 * megabyte);
    expect(after).toEqual([[], [], [0], [1]]);
    const one = planOrder([needing(100 * megabyte), needing(256)], [[], []]);
    expect(one).toMatchObject({ after: [[], [0]], workspaceBytes: 100 * megabyte });
  });

  it("are free again behind what fills the card", () => {
    const launches = [needing(256), needing(256), { ...long, workspaceBytes: 512 }, needing(256)];
    const { workspaceBytes, workspaceOffsets } = planOrder(launches, [[], [], [], []]);
    expect(workspaceOffsets).toEqual([0, 512, 0, 0]);
    expect(workspaceBytes).toBe(768);
  });
});
