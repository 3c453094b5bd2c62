/** The smallest WebAssembly module that shows what a core can do, independent of the library. */

const type = { i32: 0x7f, v128: 0x7b } as const;
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
const get = (local: number): number[] => [0x20, ...unsigned(local)];
const set = (local: number): number[] => [0x21, ...unsigned(local)];
const i32 = (value: number): number[] => [0x41, ...signed(value)];
const lanes = (op: keyof typeof simd): number[] => [0xfd, ...unsigned(simd[op])];

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

/** `loop … counter -= step; br_if counter > 0 … end`; the counter counts down to 0. */
const countDown = (counter: number, step: number, body: readonly number[]): number[] => [
  ...[0x03, 0x40],
  ...body,
  ...get(counter),
  ...i32(step),
  0x6b,
  ...[0x22, ...unsigned(counter)],
  ...[0x0d, 0],
  0x0b,
];

const advance = (local: number, bytes: number): number[] => [
  ...get(local),
  ...i32(bytes),
  0x6a,
  ...set(local),
];

/** Independent sums in registers: enough to hide the latency, few enough not to spill. */
const sums = 12;
/** Floating-point operations of one round of `arithmetic`. */
export const flopsPerRound: number = sums * 4 * 2;

/** (rounds): multiplies and adds in registers. */
function arithmetic(fused: boolean): number[] {
  const [factor, term] = [sums + 1, sums + 2];
  const accumulators = Array.from({ length: sums }, (_, i) => i + 1);
  const step = (sum: number): number[] =>
    fused
      ? [...get(factor), ...get(term), ...get(sum), ...lanes("multiplyAdd"), ...set(sum)]
      : [...get(factor), ...get(term), ...lanes("mul"), ...get(sum), ...lanes("add"), ...set(sum)];
  return [
    ...[1, ...unsigned(sums + 2), type.v128],
    ...[factor, term].flatMap((local) => [
      ...[0x43, 0x77, 0xbe, 0x7f, 0x3f], // 0.999
      ...lanes("splat"),
      ...set(local),
    ]),
    ...countDown(0, 1, accumulators.flatMap(step)),
    ...accumulators.flatMap((sum) => [...i32(16 * sum), ...get(sum), ...lanes("store"), ...[4, 0]]),
    0x0b,
  ];
}

/** (to, from, bytes): the engine's own copy. */
const copy = (): number[] => [0, ...get(0), ...get(1), ...get(2), ...[0xfc, 0x0a, 0, 0], 0x0b];

/** (to, from, bytes): vector loads and stores, four a round. */
const stream = (): number[] => [
  0,
  ...countDown(2, 64, [
    ...[0, 16, 32, 48].flatMap((offset) => [
      ...get(0),
      ...get(1),
      ...lanes("load"),
      ...[4, offset],
      ...lanes("store"),
      ...[4, offset],
    ]),
    ...advance(0, 64),
    ...advance(1, 64),
  ]),
  0x0b,
];

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
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
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
