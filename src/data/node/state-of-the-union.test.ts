import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadStateOfTheUnion } from "./state-of-the-union.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "athanor-sotu-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("loadStateOfTheUnion", () => {
  it("reads the package's addresses in order of years", async () => {
    const addresses = await loadStateOfTheUnion();
    expect(addresses.length).toBeGreaterThanOrEqual(233);
    expect(addresses[0]).toMatchObject({ year: 1790, name: "1790_george_washington_n" });
    expect(addresses[0].text.slice(0, 15)).toBe("Fellow-Citizens");
    const years = addresses.map(({ year }) => year);
    expect(years).toEqual(years.toSorted((a, b) => a - b));
  });

  it("reads another folder, and says what it lacks", async () => {
    await expect(loadStateOfTheUnion({ folder })).rejects.toThrow("must hold texts named by year");
    mkdirSync(join(folder, "data"));
    writeFileSync(join(folder, "data", "readme.txt"), "no address");
    await expect(loadStateOfTheUnion({ folder })).rejects.toThrow("must hold texts named by year");
    writeFileSync(join(folder, "data", "1801_x.txt"), "Fellow citizens");
    const [only] = await loadStateOfTheUnion({ folder });
    expect(only).toEqual({ year: 1801, name: "1801_x", text: "Fellow citizens" });
  });
});
