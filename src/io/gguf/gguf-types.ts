import type { StoredDType } from "../stored-dtype.ts";

/** How GGUF packs elements: the number of the type, elements and bytes of a block. */
export interface GgufLayout {
  readonly id: number;
  readonly blockElements: number;
  readonly blockBytes: number;
}

/** Every element type of GGUF, by the name that ggml gives it. */
const layouts = {
  F32: [0, 1, 4],
  F16: [1, 1, 2],
  Q4_0: [2, 32, 18],
  Q4_1: [3, 32, 20],
  Q5_0: [6, 32, 22],
  Q5_1: [7, 32, 24],
  Q8_0: [8, 32, 34],
  Q8_1: [9, 32, 36],
  Q2_K: [10, 256, 84],
  Q3_K: [11, 256, 110],
  Q4_K: [12, 256, 144],
  Q5_K: [13, 256, 176],
  Q6_K: [14, 256, 210],
  Q8_K: [15, 256, 292],
  IQ2_XXS: [16, 256, 66],
  IQ2_XS: [17, 256, 74],
  IQ3_XXS: [18, 256, 98],
  IQ1_S: [19, 256, 50],
  IQ4_NL: [20, 32, 18],
  IQ3_S: [21, 256, 110],
  IQ2_S: [22, 256, 82],
  IQ4_XS: [23, 256, 136],
  I8: [24, 1, 1],
  I16: [25, 1, 2],
  I32: [26, 1, 4],
  I64: [27, 1, 8],
  F64: [28, 1, 8],
  IQ1_M: [29, 256, 56],
  BF16: [30, 1, 2],
  TQ1_0: [34, 256, 54],
  TQ2_0: [35, 256, 66],
  MXFP4: [39, 32, 17],
} as const;

/** Name of an element type of GGUF. */
export type GgufType = keyof typeof layouts;

const typesById = new Map<number, GgufType>(
  (Object.keys(layouts) as GgufType[]).map((type) => [layouts[type][0], type]),
);

/** The type of a number; undefined if it is not known here. */
export function ggufTypeOf(id: number): GgufType | undefined {
  return typesById.get(id);
}

/** How a type packs its elements. */
export function ggufLayout(type: GgufType): GgufLayout {
  const [id, blockElements, blockBytes] = layouts[type];
  return { id, blockElements, blockBytes };
}

/** Bytes of a tensor whose rows have whole blocks; undefined if they do not. */
export function ggufBytes(type: GgufType, shape: readonly number[]): number | undefined {
  const [, blockElements, blockBytes] = layouts[type];
  const rowElements = shape.at(-1) ?? 1;
  if (rowElements % blockElements !== 0) return undefined;
  return shape.reduce((bytes, size) => bytes * size, 1) * (blockBytes / blockElements);
}

/** The plain dtype of a type that is not packed. */
export function plainDType(type: GgufType): StoredDType | undefined {
  const plain = ["F32", "F16", "BF16", "F64", "I8", "I16", "I32", "I64"] as const;
  return plain.find((dtype) => dtype === type);
}
