import { beforeEach, describe, expect, it } from "vitest";
import { breathe, collectGarbage, noteAllocation, noteRelease } from "./garbage.ts";

const gigabyte = 2 ** 30;

/** Something nobody holds, of which one can see whether it was collected. */
function dropped(): WeakRef<object> {
  return new WeakRef({});
}

/** Whether `breathe` collects. */
async function collects(): Promise<boolean> {
  const object = dropped();
  await breathe();
  return object.deref() === undefined;
}

describe("garbage", () => {
  beforeEach(collectGarbage);

  it("is looked for after much was allocated", async () => {
    noteAllocation(0.2 * gigabyte, 0);
    expect(await collects()).toBe(false);
    noteAllocation(0.2 * gigabyte, 0);
    expect(await collects()).toBe(true);
    expect(await collects()).toBe(false);
  });

  it("is looked for later on a device with much memory", async () => {
    noteAllocation(2 * gigabyte, 80 * gigabyte);
    expect(await collects()).toBe(false);
    noteAllocation(gigabyte, 80 * gigabyte);
    expect(await collects()).toBe(true);
  });

  it("is looked for as ever on a small card", async () => {
    noteAllocation(0.3 * gigabyte, 4 * gigabyte);
    expect(await collects()).toBe(true);
  });

  it("does not count what was freed", async () => {
    noteAllocation(gigabyte, 0);
    noteRelease(gigabyte, 0);
    expect(await collects()).toBe(false);
  });
});
