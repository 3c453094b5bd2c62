import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { describe, expect, it } from "vitest";

/** All that a door imports before anything is called: modules from outside by name. */
async function outsideOf(door: string): Promise<string[]> {
  const build = await rolldown({
    input: fileURLToPath(import.meta.resolve(door)),
    platform: "browser",
    external: [/^node:/, "module"],
    resolve: { conditionNames: ["athanor-source", "browser", "import", "default"] },
    onLog: () => {},
  });
  const { output } = await build.generate({ format: "esm" });
  await build.close();
  const chunks = new Map(
    output.flatMap((file) => (file.type === "chunk" ? [[file.fileName, file]] : [])),
  );
  const reached = new Set([output[0].fileName]);
  for (const name of reached) for (const next of chunks.get(name)?.imports ?? []) reached.add(next);
  return [...reached].filter((name) => !chunks.has(name));
}

describe("the door athanor/rl/agents", () => {
  it("imports nothing of Node until a policy is saved or loaded", async () => {
    expect(await outsideOf("athanor/rl/agents")).toEqual([]);
  });

  it("would be seen to: athanor/train does", async () => {
    expect(await outsideOf("athanor/train")).toContain("node:fs/promises");
  });
});
