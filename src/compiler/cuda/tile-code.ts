import type { ExpressionCode } from "./expression-code.ts";
import type { FunctionScope } from "./function-scope.ts";
import { Names } from "./names.ts";
import { registerType } from "./register-code.ts";
import { decompose } from "./thread-code.ts";
import { TILE, TILE_LINES } from "./tile-plan.ts";
import type { TilePlan } from "./tile-plan.ts";

/** One more than a tile's width, so that its columns lie in different banks. */
const PITCH = TILE + 1;

/** Bytes of shared memory per tiled load. */
export const tileBytes: number = TILE * PITCH * 8;

/** Blocks of a tiled kernel. */
export function tileBlocks({ plan }: FunctionScope, { along, across }: TilePlan): number {
  const rest = plan.outer.filter((loop) => loop !== along && loop !== across);
  const tiles = Math.ceil(along.size / TILE) * Math.ceil(across.size / TILE);
  return rest.reduce((count, loop) => count * loop.size, tiles);
}

/** Writes a kernel that loads tiles with threads across them and works on them along. */
export function writeTile(
  scope: FunctionScope,
  code: ExpressionCode,
  tile: TilePlan,
  body: (names: Names) => void,
): void {
  const { text, plan } = scope;
  const { along, across } = tile;
  text.add("const int thread = thread_index();");
  text.add(`const int column = thread % ${TILE}, line = thread / ${TILE};`);
  const [wide, high] = [along, across].map((loop) => Math.ceil(loop.size / TILE));
  text.add(`const ${scope.signed} first = (${scope.signed})(block % ${wide}u) * ${TILE};`);
  text.add(`const ${scope.unsigned} lines = block / ${wide}u;`);
  text.add(
    `const ${scope.signed} top = (${scope.signed})(lines % ${scope.number(high)}) * ${TILE};`,
  );
  const rest = plan.outer.filter((loop) => loop !== along && loop !== across);
  if (rest.length > 0) {
    text.add(`const ${scope.unsigned} rest = lines / ${scope.number(high)};`);
    decompose(scope, "rest", rest);
  }
  tile.loads.forEach((load, i) => {
    const type = registerType(load.dtype);
    text.add(`${type} *tile${i} = (${type} *)(shared + ${i * tileBytes});`);
  });
  lines(scope, tile, ["line", "column"], () => {
    const names = new Names(scope.names);
    tile.loads.forEach((load, i) => {
      const value = code.compute(load, names, false);
      text.add(`tile${i}[column * ${PITCH} + line + ${TILE_LINES} * k] = ${value};`);
    });
  });
  text.add("barrier();");
  lines(scope, tile, ["column", "line"], () => {
    const names = new Names(scope.names);
    tile.loads.forEach((load, i) => {
      names.set(load, `tile${i}[(line + ${TILE_LINES} * k) * ${PITCH} + column]`);
    });
    body(names);
  });
}

/** `body` for each of a thread's points; the places are those along and across. */
function lines(
  scope: FunctionScope,
  { along, across }: TilePlan,
  [alongPlace, acrossPlace]: readonly [string, string],
  body: () => void,
): void {
  const { text } = scope;
  const place = (name: string): string => (name === "line" ? `line + ${TILE_LINES} * k` : name);
  text.pragma("#pragma unroll");
  text.block(`for (int k = 0; k < ${TILE / TILE_LINES}; k++)`, () => {
    const [x, y] = [scope.variable(along), scope.variable(across)];
    text.add(`const ${scope.signed} ${x} = first + ${place(alongPlace)};`);
    text.add(`const ${scope.signed} ${y} = top + ${place(acrossPlace)};`);
    const tests: string[] = [];
    if (along.size % TILE !== 0) tests.push(`${x} < ${along.size}`);
    if (across.size % TILE !== 0) tests.push(`${y} < ${across.size}`);
    if (tests.length === 0) body();
    else text.block(`if (${tests.join(" && ")})`, body);
  });
}
