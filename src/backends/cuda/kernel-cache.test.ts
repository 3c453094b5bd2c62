import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { KernelCache } from "./kernel-cache.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "athanor-cache-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(7);

describe("cache of kernels", () => {
  it("gives back what was stored, also to another process", () => {
    const key = KernelCache.key("source", "options");
    expect(new KernelCache(folder).get(key)).toBeNull();
    new KernelCache(folder).set(key, bytes(100));
    expect(new KernelCache(folder).get(key)).toEqual(bytes(100));
    expect(readdirSync(folder)).toEqual([key]);
  });

  it("has keys that depend on every part and on where parts end", () => {
    const keys = [["ab", "c"], ["a", "bc"], ["abc"], ["ab", "d"]].map((parts) =>
      KernelCache.key(...parts),
    );
    expect(new Set(keys).size).toBe(4);
  });

  it.each([0, 40])("ignores an entry that is damaged at byte %i", (position) => {
    const cache = new KernelCache(folder);
    cache.set("entry", bytes(100));
    const content = readFileSync(join(folder, "entry"));
    content[position] ^= 1;
    writeFileSync(join(folder, "entry"), content);
    expect(cache.get("entry")).toBeNull();
    writeFileSync(join(folder, "entry"), content.subarray(0, 20));
    expect(cache.get("entry")).toBeNull();
  });

  it("is no error where it cannot be written", () => {
    writeFileSync(join(folder, "file"), "");
    const cache = new KernelCache(join(folder, "file", "inside"));
    cache.set("entry", bytes(1));
    expect(cache.get("entry")).toBeNull();
  });

  it("drops what was not used for longest when it is full", () => {
    const cache = new KernelCache(folder, 1000);
    for (const [i, name] of ["a", "b", "c"].entries()) {
      cache.set(name, bytes(232));
      utimesSync(join(folder, name), 1000 + i, 1000 + i);
    }
    expect(cache.get("a")).not.toBeNull();
    cache.set("d", bytes(300));
    expect(readdirSync(folder)).toEqual(["a", "d"]);
  });
});
