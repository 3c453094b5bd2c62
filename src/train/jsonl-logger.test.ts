import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { jsonlLogger, readJsonl } from "./jsonl-logger.ts";

it("writes each event at once, and a resumed log keeps the events before it", () => {
  const folder = mkdtempSync(join(tmpdir(), "athanor-log-"));
  try {
    const path = join(folder, "new", "log.jsonl");
    expect(readJsonl(path)).toEqual([]);
    const first = jsonlLogger(path);
    for (const step of [1, 2, 3]) first.log({ event: "step-end", step });
    expect(readFileSync(path, "utf8").split("\n")).toHaveLength(4);
    first.close();
    appendFileSync(path, '{"event":"step-e');
    const second = jsonlLogger(path, { keep: (event) => Number(event["step"]) <= 2 });
    second.log({ event: "step-end", step: 3, again: true });
    second.close();
    second.close();
    expect(readJsonl(path)).toEqual([
      { event: "step-end", step: 1 },
      { event: "step-end", step: 2 },
      { event: "step-end", step: 3, again: true },
    ]);
    jsonlLogger(path).close();
    expect(readJsonl(path)).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
