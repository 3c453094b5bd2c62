import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { allowConsole } from "../console.ts";

const folder = join(import.meta.dirname, "../../examples");
const examples = readdirSync(folder).filter((file) => file.endsWith(".ts"));

describe("examples", () => {
  if (examples.length === 0) it.skip("none is written yet", () => {});

  it.each(examples)("%s runs and prints something", async (file) => {
    const printed = allowConsole();
    await import(join(folder, file));
    expect(printed()).not.toEqual([]);
  });
});
