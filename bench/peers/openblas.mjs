/** A process that measures OpenBLAS called from Node: what native code makes of the same product. */
import { createRequire } from "node:module";
import { serveCell } from "../dist/cell-protocol.js";
import { rms, uniform } from "../dist/inputs.js";
import { openblasPath } from "../dist/openblas.js";

const koffi = createRequire(import.meta.url)("koffi");

const rowMajor = 101;
const noTranspose = 111;

serveCell(async (row, threads) => {
  const n = Number(/^gemm (\d+)$/.exec(row)?.[1]);
  if (Number.isNaN(n)) return undefined;
  const library = koffi.load(openblasPath());
  library.func("void openblas_set_num_threads(int)")(threads);
  const sgemm = library.func(
    "void cblas_sgemm(int, int, int, int, int, int, float, const void *, int, const void *, int, float, void *, int)",
  );
  return async () => {
    const [a, b] = [uniform(n * n, 1), uniform(n * n, 2)];
    const c = new Float32Array(n * n);
    const run = () => sgemm(rowMajor, noTranspose, noTranspose, n, n, n, 1, a, n, b, n, 0, c, n);
    run();
    return { run, check: () => (run(), rms(c)) };
  };
});
