import type { HostArray } from "../ir/dtype.ts";
import type { GlobalSymbols } from "./global-symbols.ts";
import type { ReduceOp } from "./reduce-op.ts";

/** The families of MPI libraries, which differ in what a handle is. */
export type MpiFamily = "Open MPI" | "MPICH";

type ElementType = "f64" | "f32" | "i32" | "u32" | "i8" | "u8";
type Combination = Exclude<ReduceOp, "avg">;

/** Values of MPI's constants, and the C type of handles. */
export interface MpiHandles {
  readonly family: MpiFamily;
  readonly type: "u64" | "int";
  readonly world: number;
  readonly byte: number;
  readonly errorsReturn: number;
  /** Stands for the receive buffer where the send buffer is expected. */
  readonly inPlace: number;
  /** Color of ranks that join no group. */
  readonly undefinedColor: number;
  readonly elements: Readonly<Record<ElementType, number>>;
  readonly combinations: Readonly<Record<Combination, number>>;
}

/** MPI_UNDEFINED of both families. */
const undefinedColors: Readonly<Record<MpiFamily, number>> = {
  "Open MPI": -32766,
  MPICH: -32766,
};

/** Open MPI's handles are addresses of objects that the library exports. */
export function openMpiHandles(symbols: GlobalSymbols): MpiHandles {
  const at = (name: string): number => symbols.address(`ompi_mpi_${name}`);
  return {
    family: "Open MPI",
    type: "u64",
    world: at("comm_world"),
    byte: at("byte"),
    errorsReturn: at("errors_return"),
    inPlace: 1,
    undefinedColor: undefinedColors["Open MPI"],
    elements: {
      f64: at("double"),
      f32: at("float"),
      i32: at("int32_t"),
      u32: at("uint32_t"),
      i8: at("int8_t"),
      u8: at("uint8_t"),
    },
    combinations: { sum: at("op_sum"), max: at("op_max"), min: at("op_min"), prod: at("op_prod") },
  };
}

/** MPICH's handles (Intel's and Cray's too) are numbers that its interface fixes. */
export const mpichHandles: MpiHandles = {
  family: "MPICH",
  type: "int",
  world: 0x44000000,
  byte: 0x4c00010d,
  errorsReturn: 0x54000001,
  inPlace: -1,
  undefinedColor: undefinedColors.MPICH,
  elements: {
    f64: 0x4c00080b,
    f32: 0x4c00040a,
    i32: 0x4c000405,
    u32: 0x4c000406,
    i8: 0x4c000118,
    u8: 0x4c000102,
  },
  combinations: { sum: 0x58000003, max: 0x58000001, min: 0x58000002, prod: 0x58000004 },
};

/** MPI's type of an array's elements; undefined for raw 16-bit values, which it cannot combine. */
export function elementHandle({ elements }: MpiHandles, data: HostArray): number | undefined {
  if (data instanceof Float32Array) return elements.f32;
  if (data instanceof Float64Array) return elements.f64;
  if (data instanceof Int32Array) return elements.i32;
  if (data instanceof Uint32Array) return elements.u32;
  if (data instanceof Int8Array) return elements.i8;
  return data instanceof Uint8Array ? elements.u8 : undefined;
}
