/** A process that measures the machine: arithmetic in registers and copies in memory. */
import { serveCell } from "../cell-protocol.ts";
import { Team } from "./team.ts";
import type { Task } from "./team.ts";

const rows: Readonly<Record<string, Task>> = {
  "fma peak": "arithmetic",
  "memory.copy": "copy",
  "load and store": "stream",
};

serveCell(async (row, threads) => {
  const task = rows[row];
  if (task === undefined) return undefined;
  return async () => {
    const team = new Team(threads);
    for (let i = 0; i < 20; i++) team.run(task);
    return { run: () => team.run(task), check: () => 0 };
  };
});
