import { binary, bitcast, broadcastTo, cast, constant, iota, narrow, reshape } from "../ir/build.ts";
import type { Node } from "../ir/node.ts";
import type { Shape } from "../ir/shape.ts";
import { numel } from "../ir/shape.ts";

const rotations = [
  [13, 15, 26, 6],
  [17, 29, 16, 24],
] as const;

/**
 * Threefry-2x32 with 20 rounds (Salmon et al. 2011, section 3.3) spelled in u32 primitives: the
 * first output word for key (key[0], key[1]) and counter (flat index, 0).
 */
export function threefry(key: Node, shape: Shape): Node {
  const count = numel(shape);
  const literal = (value: number): Node => broadcastTo(constant(value, "u32"), [count]);
  const add = (a: Node, b: Node): Node => binary("add", a, b);
  const xor = (a: Node, b: Node): Node => binary("xor", a, b);
  const rotate = (a: Node, bits: number): Node =>
    binary("or", binary("shl", a, literal(bits)), binary("shr", a, literal(32 - bits)));

  const first = narrow(key, 0, 0, 1);
  const second = narrow(key, 0, 1, 1);
  const third = xor(xor(first, second), broadcastTo(constant(0x1bd11bda, "u32"), [1]));
  const keys = [first, second, third].map((word) => broadcastTo(word, [count]));

  let x0 = add(bitcast(cast(iota([count], 0), "i32"), "u32"), keys[0]);
  let x1 = keys[1];
  for (let group = 0; group < 5; group++) {
    for (const bits of rotations[group % 2]) {
      x0 = add(x0, x1);
      x1 = xor(rotate(x1, bits), x0);
    }
    x0 = add(x0, keys[(group + 1) % 3]);
    x1 = add(x1, add(keys[(group + 2) % 3], literal(group + 1)));
  }
  return reshape(x0, shape);
}
