import type { RowResult } from "./measure.ts";
import type { Contender } from "./rows.ts";
import { formatMilliseconds, markdown } from "./table.ts";

/** Peers in the order of the README's columns, with what people call them. */
const columns: readonly (readonly [Contender, string])[] = [
  ["jax-js", "jax-js"],
  ["tfjs-wasm", "tfjs-wasm"],
  ["onnxruntime-web", "ort-web"],
  ["onnxruntime", "ort-node"],
  ["openblas", "OpenBLAS"],
  ["pytorch", "PyTorch"],
];
/** Other ways of writing a row for a peer, which count as that peer. */
const variants: Readonly<Partial<Record<Contender, readonly Contender[]>>> = {
  "jax-js": ["jax-js im2col"],
};

/** The shortest median of a contender over the thread counts and its ways of writing the row. */
function shortest(results: readonly RowResult[], contender: Contender): number | undefined {
  const names = [contender, ...(variants[contender] ?? [])];
  const medians = results.flatMap(({ contenders }) =>
    names.flatMap((name) => contenders[name]?.timing.median ?? []),
  );
  return medians.length === 0 ? undefined : Math.min(...medians);
}

function cell(peer: number | undefined, own: number): string {
  if (peer === undefined) return "";
  return `${formatMilliseconds(peer)} (${(peer / own).toFixed(1)}×)`;
}

/** One line a row: each library with the thread count that suits it best. */
export function readmeTable(results: readonly RowResult[]): string {
  const rows = [...new Set(results.map(({ row }) => row))];
  const lines = rows.flatMap((row) => {
    const own = results.filter((result) => result.row === row);
    const athanor = shortest(own, "athanor");
    if (athanor === undefined || row.contenders.length < 2) return [];
    const peers = columns.map(([contender]) => cell(shortest(own, contender), athanor));
    return [[`${row.name}: ${row.summary}`, `**${formatMilliseconds(athanor)}**`, ...peers]];
  });
  return markdown(["row", "Athanor", ...columns.map(([, title]) => title)], lines);
}
