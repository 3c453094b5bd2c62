/**
 * The WebAssembly instruction table: every instruction name the assembler knows, with its code.
 *
 * Rows are runs of consecutive codes: `[prefix, first code, names]`, where `-` skips a code.
 * Names and codes stand as literals, because the exported types are derived from them.
 * A code is `opcode` alone or `(prefix byte << 16) | sub-opcode` (0xfc: misc, 0xfd: SIMD,
 * 0xfe: atomics).
 */

/** Instructions without immediates. */
const plainRuns = [
  ["i32", 0x45, "eqz eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u"],
  ["i64", 0x50, "eqz eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u"],
  ["f32", 0x5b, "eq ne lt gt le ge"],
  ["f64", 0x61, "eq ne lt gt le ge"],
  [
    "i32",
    0x67,
    "clz ctz popcnt add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr",
  ],
  [
    "i64",
    0x79,
    "clz ctz popcnt add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr",
  ],
  ["f32", 0x8b, "abs neg ceil floor trunc nearest sqrt add sub mul div min max copysign"],
  ["f64", 0x99, "abs neg ceil floor trunc nearest sqrt add sub mul div min max copysign"],
  ["i32", 0xa7, "wrap_i64 trunc_f32_s trunc_f32_u trunc_f64_s trunc_f64_u"],
  ["i64", 0xac, "extend_i32_s extend_i32_u trunc_f32_s trunc_f32_u trunc_f64_s trunc_f64_u"],
  ["f32", 0xb2, "convert_i32_s convert_i32_u convert_i64_s convert_i64_u demote_f64"],
  ["f64", 0xb7, "convert_i32_s convert_i32_u convert_i64_s convert_i64_u promote_f32"],
  ["i32", 0xbc, "reinterpret_f32"],
  ["i64", 0xbd, "reinterpret_f64"],
  ["f32", 0xbe, "reinterpret_i32"],
  ["f64", 0xbf, "reinterpret_i64"],
  ["i32", 0xc0, "extend8_s extend16_s"],
  ["i64", 0xc2, "extend8_s extend16_s extend32_s"],
  ["i32", 0xfc0000, "trunc_sat_f32_s trunc_sat_f32_u trunc_sat_f64_s trunc_sat_f64_u"],
  ["i64", 0xfc0004, "trunc_sat_f32_s trunc_sat_f32_u trunc_sat_f64_s trunc_sat_f64_u"],
  ["i8x16", 0xfd000e, "swizzle splat"],
  ["i16x8", 0xfd0010, "splat"],
  ["i32x4", 0xfd0011, "splat"],
  ["i64x2", 0xfd0012, "splat"],
  ["f32x4", 0xfd0013, "splat"],
  ["f64x2", 0xfd0014, "splat"],
  ["i8x16", 0xfd0023, "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u"],
  ["i16x8", 0xfd002d, "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u"],
  ["i32x4", 0xfd0037, "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u"],
  ["f32x4", 0xfd0041, "eq ne lt gt le ge"],
  ["f64x2", 0xfd0047, "eq ne lt gt le ge"],
  ["v128", 0xfd004d, "not and andnot or xor bitselect any_true"],
  ["f32x4", 0xfd005e, "demote_f64x2_zero"],
  ["f64x2", 0xfd005f, "promote_low_f32x4"],
  ["i8x16", 0xfd0060, "abs neg popcnt all_true bitmask narrow_i16x8_s narrow_i16x8_u"],
  ["f32x4", 0xfd0067, "ceil floor trunc nearest"],
  ["i8x16", 0xfd006b, "shl shr_s shr_u add add_sat_s add_sat_u sub sub_sat_s sub_sat_u"],
  ["f64x2", 0xfd0074, "ceil floor"],
  ["i8x16", 0xfd0076, "min_s min_u max_s max_u - avgr_u"],
  ["f64x2", 0xfd007a, "trunc"],
  ["i16x8", 0xfd007c, "extadd_pairwise_i8x16_s extadd_pairwise_i8x16_u"],
  ["i32x4", 0xfd007e, "extadd_pairwise_i16x8_s extadd_pairwise_i16x8_u"],
  ["i16x8", 0xfd0080, "abs neg q15mulr_sat_s all_true bitmask narrow_i32x4_s narrow_i32x4_u"],
  ["i16x8", 0xfd0087, "extend_low_i8x16_s extend_high_i8x16_s"],
  ["i16x8", 0xfd0089, "extend_low_i8x16_u extend_high_i8x16_u"],
  ["i16x8", 0xfd008b, "shl shr_s shr_u add add_sat_s add_sat_u sub sub_sat_s sub_sat_u"],
  ["f64x2", 0xfd0094, "nearest"],
  ["i16x8", 0xfd0095, "mul min_s min_u max_s max_u - avgr_u"],
  ["i16x8", 0xfd009c, "extmul_low_i8x16_s extmul_high_i8x16_s"],
  ["i16x8", 0xfd009e, "extmul_low_i8x16_u extmul_high_i8x16_u"],
  ["i32x4", 0xfd00a0, "abs neg - all_true bitmask"],
  ["i32x4", 0xfd00a7, "extend_low_i16x8_s extend_high_i16x8_s"],
  ["i32x4", 0xfd00a9, "extend_low_i16x8_u extend_high_i16x8_u"],
  ["i32x4", 0xfd00ab, "shl shr_s shr_u add - - sub - - - mul min_s min_u max_s max_u"],
  ["i32x4", 0xfd00ba, "dot_i16x8_s"],
  ["i32x4", 0xfd00bc, "extmul_low_i16x8_s extmul_high_i16x8_s"],
  ["i32x4", 0xfd00be, "extmul_low_i16x8_u extmul_high_i16x8_u"],
  ["i64x2", 0xfd00c0, "abs neg - all_true bitmask"],
  ["i64x2", 0xfd00c7, "extend_low_i32x4_s extend_high_i32x4_s"],
  ["i64x2", 0xfd00c9, "extend_low_i32x4_u extend_high_i32x4_u"],
  ["i64x2", 0xfd00cb, "shl shr_s shr_u add - - sub - - - mul eq ne lt_s gt_s le_s ge_s"],
  ["i64x2", 0xfd00dc, "extmul_low_i32x4_s extmul_high_i32x4_s"],
  ["i64x2", 0xfd00de, "extmul_low_i32x4_u extmul_high_i32x4_u"],
  ["f32x4", 0xfd00e0, "abs neg - sqrt add sub mul div min max pmin pmax"],
  ["f64x2", 0xfd00ec, "abs neg - sqrt add sub mul div min max pmin pmax"],
  ["i32x4", 0xfd00f8, "trunc_sat_f32x4_s trunc_sat_f32x4_u"],
  ["f32x4", 0xfd00fa, "convert_i32x4_s convert_i32x4_u"],
  ["i32x4", 0xfd00fc, "trunc_sat_f64x2_s_zero trunc_sat_f64x2_u_zero"],
  ["f64x2", 0xfd00fe, "convert_low_i32x4_s convert_low_i32x4_u"],
  ["i8x16", 0xfd0100, "relaxed_swizzle"],
  ["i32x4", 0xfd0101, "relaxed_trunc_f32x4_s relaxed_trunc_f32x4_u"],
  ["f32x4", 0xfd0105, "relaxed_madd relaxed_nmadd"],
  ["f64x2", 0xfd0107, "relaxed_madd relaxed_nmadd"],
  ["i8x16", 0xfd0109, "relaxed_laneselect"],
  ["i16x8", 0xfd010a, "relaxed_laneselect"],
  ["i32x4", 0xfd010b, "relaxed_laneselect"],
  ["i64x2", 0xfd010c, "relaxed_laneselect"],
  ["f32x4", 0xfd010d, "relaxed_min relaxed_max"],
  ["f64x2", 0xfd010f, "relaxed_min relaxed_max"],
] as const;

const loadRuns = [
  ["i32", 0x28, "load"],
  ["i64", 0x29, "load"],
  ["f32", 0x2a, "load"],
  ["f64", 0x2b, "load"],
  ["i32", 0x2c, "load8_s load8_u load16_s load16_u"],
  ["i64", 0x30, "load8_s load8_u load16_s load16_u load32_s load32_u"],
  ["v128", 0xfd0000, "load load8x8_s load8x8_u load16x4_s load16x4_u load32x2_s load32x2_u"],
  ["v128", 0xfd0007, "load8_splat load16_splat load32_splat load64_splat"],
  ["v128", 0xfd005c, "load32_zero load64_zero"],
] as const;

const storeRuns = [
  ["i32", 0x36, "store"],
  ["i64", 0x37, "store"],
  ["f32", 0x38, "store"],
  ["f64", 0x39, "store"],
  ["i32", 0x3a, "store8 store16"],
  ["i64", 0x3c, "store8 store16 store32"],
  ["v128", 0xfd000b, "store"],
] as const;

const atomicRuns = [
  ["memory", 0xfe0000, "atomic.notify atomic.wait32 atomic.wait64"],
  ["i32", 0xfe0010, "atomic.load"],
  ["i64", 0xfe0011, "atomic.load"],
  ["i32", 0xfe0017, "atomic.store"],
  ["i64", 0xfe0018, "atomic.store"],
  ["i32", 0xfe001e, "atomic.rmw.add"],
  ["i64", 0xfe001f, "atomic.rmw.add"],
  ["i32", 0xfe0025, "atomic.rmw.sub"],
  ["i32", 0xfe002c, "atomic.rmw.and"],
  ["i32", 0xfe0033, "atomic.rmw.or"],
  ["i32", 0xfe003a, "atomic.rmw.xor"],
  ["i32", 0xfe0041, "atomic.rmw.xchg"],
  ["i32", 0xfe0048, "atomic.rmw.cmpxchg"],
  ["i64", 0xfe0049, "atomic.rmw.cmpxchg"],
] as const;

/** Instructions whose only immediate is a lane number. */
const laneRuns = [
  ["i8x16", 0xfd0015, "extract_lane_s extract_lane_u replace_lane"],
  ["i16x8", 0xfd0018, "extract_lane_s extract_lane_u replace_lane"],
  ["i32x4", 0xfd001b, "extract_lane replace_lane"],
  ["i64x2", 0xfd001d, "extract_lane replace_lane"],
  ["f32x4", 0xfd001f, "extract_lane replace_lane"],
  ["f64x2", 0xfd0021, "extract_lane replace_lane"],
] as const;

/** Instructions with a memory immediate and a lane number. */
const memoryLaneRuns = [
  ["v128", 0xfd0054, "load8_lane load16_lane load32_lane load64_lane"],
  ["v128", 0xfd0058, "store8_lane store16_lane store32_lane store64_lane"],
] as const;

type Run = readonly [prefix: string, first: number, names: string];
type Words<S extends string, Found = never> = S extends `${infer Head} ${infer Tail}`
  ? Words<Tail, Found | Head>
  : Found | S;
type NamesOf<R extends Run> = R extends readonly [
  infer P extends string,
  number,
  infer W extends string,
]
  ? `${P}.${Exclude<Words<W>, "-"> & string}`
  : never;

/** Control-free instructions without a type prefix. */
const bareOps = {
  unreachable: 0x00,
  nop: 0x01,
  return: 0x0f,
  drop: 0x1a,
  select: 0x1b,
} as const;

export type PlainOp = NamesOf<(typeof plainRuns)[number]> | keyof typeof bareOps;
export type LoadOp = NamesOf<(typeof loadRuns)[number]>;
export type StoreOp = NamesOf<(typeof storeRuns)[number]>;
export type AtomicOp = NamesOf<(typeof atomicRuns)[number]>;
export type LaneOp = NamesOf<(typeof laneRuns)[number]>;
export type MemoryLaneOp = NamesOf<(typeof memoryLaneRuns)[number]>;
export type MemoryOp = LoadOp | StoreOp | AtomicOp | MemoryLaneOp;

function tableOf<Name extends string>(runs: readonly Run[]): ReadonlyMap<Name, number> {
  const table = new Map<Name, number>();
  for (const [prefix, first, names] of runs) {
    names.split(" ").forEach((name, index) => {
      if (name !== "-") table.set(`${prefix}.${name}` as Name, first + index);
    });
  }
  return table;
}

/** Codes of all instructions that take no immediate. */
export const plainCodes: ReadonlyMap<PlainOp, number> = new Map([
  ...tableOf<PlainOp>(plainRuns),
  ...(Object.entries(bareOps) as [PlainOp, number][]),
]);

/** Codes of the instructions with a lane immediate only. */
export const laneCodes: ReadonlyMap<LaneOp, number> = tableOf<LaneOp>(laneRuns);

/** Codes of all instructions that carry a memory immediate. */
export const memoryCodes: ReadonlyMap<MemoryOp, number> = tableOf<MemoryOp>([
  ...loadRuns,
  ...storeRuns,
  ...atomicRuns,
  ...memoryLaneRuns,
]);

const widthOfType: Readonly<Record<string, number>> = {
  i32: 2,
  i64: 3,
  f32: 2,
  f64: 3,
  v128: 4,
  memory: 2,
};

function naturalAlign(op: MemoryOp): number {
  const access = /(?:load|store|wait)(\d+)(x\d)?/.exec(op);
  if (access === null) return widthOfType[op.slice(0, op.indexOf("."))];
  // The extending loads (8x8, 16x4, 32x2) always read 64 bits.
  return access[2] !== undefined ? 3 : Math.log2(Number(access[1]) / 8);
}

/** log2 of the natural alignment of every memory instruction. */
export const memoryAligns: ReadonlyMap<MemoryOp, number> = new Map(
  [...memoryCodes.keys()].map((op) => [op, naturalAlign(op)]),
);
