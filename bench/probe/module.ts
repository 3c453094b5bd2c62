/** The smallest WebAssembly module that shows what a core can do, independent of the library. */

/** Opcodes of the instructions that are used. */
const code = {
  loop: 0x03,
  end: 0x0b,
  brIf: 0x0d,
  get: 0x20,
  set: 0x21,
  tee: 0x22,
  i32: 0x41,
  f32: 0x43,
  add: 0x6a,
  sub: 0x6b,
} as const;
const type = { empty: 0x40, i32: 0x7f, v128: 0x7b } as const;
const simd = {
  load: 0x00,
  store: 0x0b,
  splat: 0x13,
  add: 0xe4,
  mul: 0xe6,
  multiplyAdd: 0x105,
} as const;

function unsigned(value: number): number[] {
  const bytes: number[] = [];
  do {
    bytes.push((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
    value >>>= 7;
  } while (value > 0);
  return bytes;
}

const section = (id: number, content: readonly number[]): number[] => [
  id,
  ...unsigned(content.length),
  ...content,
];
const vector = (items: readonly (readonly number[])[]): number[] => [
  ...unsigned(items.length),
  ...items.flat(),
];
const name = (text: string): number[] => [
  ...unsigned(text.length),
  ...Array.from(text, (letter) => letter.charCodeAt(0)),
];
const get = (local: number): number[] => [code.get, ...unsigned(local)];
const set = (local: number): number[] => [code.set, ...unsigned(local)];
const i32 = (value: number): number[] => [code.i32, ...signed(value)];
const lanes = (op: keyof typeof simd): number[] => [0xfd, ...unsigned(simd[op])];
/** A vector load or store, aligned to 16 bytes. */
const access = (op: "load" | "store", offset: number): number[] => [...lanes(op), 4, offset];

function signed(value: number): number[] {
  const bytes: number[] = [];
  for (;;) {
    const low = value & 0x7f;
    value >>= 7;
    if ((value === 0 && (low & 0x40) === 0) || (value === -1 && (low & 0x40) !== 0)) {
      return [...bytes, low];
    }
    bytes.push(low | 0x80);
  }
}

/** Repeats the body, taking `step` off the local `counter` each time, until it is 0. */
function countDown(counter: number, step: number, body: readonly number[]): number[] {
  const subtract = [...get(counter), ...i32(step), code.sub, code.tee, ...unsigned(counter)];
  return [code.loop, type.empty, ...body, ...subtract, code.brIf, 0, code.end];
}

const advance = (local: number, bytes: number): number[] => [
  ...get(local),
  ...i32(bytes),
  code.add,
  ...set(local),
];

/** 0.999 as f32: below 1, so that the sums stay finite. */
const nearlyOne: readonly number[] = [0x77, 0xbe, 0x7f, 0x3f];
/** Independent sums in registers: enough to hide the latency, few enough not to spill. */
const sums = 12;
/** Floating-point operations of one round of `arithmetic`. */
export const flopsPerRound: number = sums * 4 * 2;

/** (rounds): sum = sum · factor + term, in registers. */
function arithmetic(fused: boolean): number[] {
  const [factor, term] = [sums + 1, sums + 2];
  const accumulators = Array.from({ length: sums }, (_, i) => i + 1);
  const multiplyAdd = fused
    ? [...get(factor), ...get(term), ...lanes("multiplyAdd")]
    : [...get(factor), ...lanes("mul"), ...get(term), ...lanes("add")];
  const start = (local: number): number[] => [
    code.f32,
    ...nearlyOne,
    ...lanes("splat"),
    ...set(local),
  ];
  const locals = [1, ...unsigned(sums + 2), type.v128];
  const step = (sum: number): number[] => [...get(sum), ...multiplyAdd, ...set(sum)];
  const keep = (sum: number): number[] => [...i32(16 * sum), ...get(sum), ...access("store", 0)];
  return [
    ...locals,
    ...[factor, term].flatMap(start),
    ...countDown(0, 1, accumulators.flatMap(step)),
    ...accumulators.flatMap(keep),
    code.end,
  ];
}

/** (to, from, bytes): the engine's own copy. */
function copy(): number[] {
  const memoryCopy = [0xfc, 0x0a, 0, 0];
  return [0, ...get(0), ...get(1), ...get(2), ...memoryCopy, code.end];
}

/** (to, from, bytes): vector loads and stores, four a round. */
function stream(): number[] {
  const move = (offset: number): number[] => [
    ...get(0),
    ...get(1),
    ...access("load", offset),
    ...access("store", offset),
  ];
  const moves = [0, 16, 32, 48].flatMap(move);
  return [0, ...countDown(2, 64, [...moves, ...advance(0, 64), ...advance(1, 64)]), code.end];
}

/** What the module exports. */
export interface ProbeExports {
  arithmetic(rounds: number): void;
  copy(to: number, from: number, bytes: number): void;
  stream(to: number, from: number, bytes: number): void;
}

/** The module's bytes; it imports a shared memory of `pages` as `env.memory`. */
export function probeModule(fused: boolean, pages: number): Uint8Array<ArrayBuffer> {
  const bodies = [arithmetic(fused), copy(), stream()];
  const exported = ["arithmetic", "copy", "stream"];
  const memory = [...name("env"), ...name("memory"), 0x02, 0x03, ...unsigned(pages)];
  const header = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  return Uint8Array.from([
    ...header,
    ...section(
      1,
      vector([
        [0x60, 1, type.i32, 0],
        [0x60, 3, type.i32, type.i32, type.i32, 0],
      ]),
    ),
    ...section(2, vector([[...memory, ...unsigned(pages)]])),
    ...section(3, vector([[0], [1], [1]])),
    ...section(7, vector(exported.map((text, i) => [...name(text), 0x00, i]))),
    ...section(10, vector(bodies.map((body) => [...unsigned(body.length), ...body]))),
  ]);
}
