import type { MakeWorkload, Workload } from "./workload.ts";

/** What the parent asks of a cell's process. */
export type CellRequest =
  | { readonly kind: "start"; readonly row: string; readonly threads: number }
  | { readonly kind: "measure"; readonly samples: number; readonly inner: number };

/** What the cell answers. */
export type CellReply =
  | {
      readonly kind: "ready";
      readonly check: number;
      readonly facts: Readonly<Record<string, number>>;
    }
  | { readonly kind: "samples"; readonly milliseconds: readonly number[] }
  | { readonly kind: "failed"; readonly message: string };

/**
 * Makes this process a cell: it starts the workload it is told, and measures when it is told, until
 * the parent goes away.
 * @param find - gives the workload of a row, or undefined if this contender has none.
 */
export function serveCell(
  find: (row: string, threads: number) => Promise<MakeWorkload | undefined>,
): void {
  let workload: Workload | undefined;
  const answer = async (request: CellRequest): Promise<CellReply> => {
    if (request.kind === "start") {
      const make = await find(request.row, request.threads);
      if (make === undefined) throw new Error(`no workload for row "${request.row}"`);
      workload = await make();
      const check = await workload.check();
      return { kind: "ready", check, facts: (await workload.facts?.()) ?? {} };
    }
    if (workload === undefined) throw new Error("measure: start comes first");
    return { kind: "samples", milliseconds: await measure(workload, request) };
  };
  process.on("message", (request: CellRequest) => {
    void answer(request)
      .catch((error: unknown): CellReply => ({
        kind: "failed",
        message: error instanceof Error ? (error.stack ?? String(error)) : String(error),
      }))
      .then((reply) => process.send?.(reply));
  });
  process.on("disconnect", () => process.exit());
}

/** Milliseconds per run, one number a sample; each sample is `inner` runs. */
async function measure(
  workload: Workload,
  { samples, inner }: { readonly samples: number; readonly inner: number },
): Promise<number[]> {
  const milliseconds: number[] = [];
  for (let sample = 0; sample < samples; sample++) {
    const start = performance.now();
    for (let i = 0; i < inner; i++) {
      const pending = workload.run();
      if (pending !== undefined) await pending;
    }
    milliseconds.push((performance.now() - start) / inner);
  }
  return milliseconds;
}
