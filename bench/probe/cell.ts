/** A process that measures the machine: arithmetic in registers and copies in memory. */
import { serveCell } from "../cell-protocol.ts";
import { Team, copiedFloats, manyFloats } from "./team.ts";
import type { Task } from "./team.ts";

const rows: Readonly<Record<string, readonly [Task, number]>> = {
  "fma peak": ["arithmetic", copiedFloats],
  "memory.copy": ["copy", copiedFloats],
  "load and store": ["stream", copiedFloats],
  "memory.copy, 160 MiB": ["copy", manyFloats],
  "load and store, 160 MiB": ["stream", manyFloats],
};

serveCell(async (row, threads) => {
  if (!Object.hasOwn(rows, row)) return undefined;
  const [task, floats] = rows[row];
  return async () => {
    const team = new Team(threads, floats);
    for (let i = 0; i < 20; i++) team.run(task);
    return { run: () => team.run(task), check: () => 0 };
  };
});
