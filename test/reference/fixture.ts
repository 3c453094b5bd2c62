// Reads test/fixtures. It has its own small safetensors reader, so that these tests do not lean on
// the one they test. The format is described in tools/fixtures/README.md.
import { readFileSync } from "node:fs";

export type FixtureArray =
  | Float64Array
  | Float32Array
  | Int32Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

/** A stored tensor. f16 and bf16 hold their bits in a Uint16Array, bool holds 0 and 1. */
export interface FixtureTensor {
  readonly dtype: FixtureDType;
  readonly shape: readonly number[];
  readonly data: FixtureArray;
}

export type FixtureDType = "f64" | "f32" | "f16" | "bf16" | "i32" | "i8" | "u8" | "bool";

/** One step from the stored tensor to the operand of the call. `null` is a whole axis or bound. */
export type ViewStep =
  | { readonly permute: readonly number[] }
  | { readonly slice: readonly (SliceBounds | null)[] }
  | { readonly expand: readonly number[] }
  | { readonly flip: readonly number[] }
  | { readonly reshape: readonly number[] };

export type SliceBounds = readonly [number | null, number | null, number];

export type Argument = number | boolean | string | null | readonly Argument[] | Arguments;

export interface Arguments {
  readonly [name: string]: Argument;
}

/** Tensor names in argument order; `null` is an absent optional tensor (or: no gradient). */
export type Names = readonly (string | null)[];

/** One call of one operation. `grads` belong to the stored inputs, before `views`. */
export interface OperationCase {
  readonly name: string;
  readonly op: string;
  readonly inputs: Names;
  readonly views?: readonly (readonly ViewStep[] | null)[];
  readonly args: Arguments;
  readonly outputs: readonly string[];
  readonly cotangents?: Names;
  readonly grads?: Names;
  readonly directions?: Names;
  readonly seconds?: Names;
  readonly tags?: readonly ("special" | "ties" | "half")[];
}

export interface OptimizerCase {
  readonly name: string;
  readonly op: string;
  readonly args: Arguments;
  readonly groups?: readonly ({ readonly parameters: readonly number[] } & Arguments)[];
  readonly clip?: {
    readonly maxNorm?: number;
    readonly normType?: number;
    readonly clipValue?: number;
  };
  /** Parameters that get no gradient. */
  readonly absent?: readonly number[];
  /** Muon's iteration ran in the parameters' dtype instead of bf16. */
  readonly precise?: boolean;
  readonly lrPerStep?: readonly number[];
  readonly steps: number;
  readonly parameters: readonly string[];
  /** One tensor [steps, ...shape] per parameter; absent where `gradientFormula` is given. */
  readonly gradients?: readonly string[];
  readonly gradientFormula?: string;
  /** Parameters after each step, [steps, ...shape]. */
  readonly after?: readonly string[];
  readonly afterF64?: readonly string[];
  /** Parameters after the last step (the long runs). */
  readonly final?: readonly string[];
  readonly finalF64?: readonly string[];
  /** Final state per parameter: tensor names, and `step` as a number. */
  readonly state?: readonly Readonly<Record<string, string | number>>[];
  readonly stateF64?: readonly Readonly<Record<string, string | number>>[];
  /** What `state_dict()` gave at `parameters`; the second half of the gradients leads to `final`. */
  readonly saved?: {
    readonly state: Readonly<Record<string, Readonly<Record<string, string | number>>>>;
    readonly param_groups: readonly Readonly<Record<string, unknown>>[];
  };
}

export interface ScheduleCase {
  readonly name: string;
  readonly op: string;
  readonly args: Arguments;
  readonly baseLr: number;
  readonly lrs: readonly number[];
  /** Momentum in force, where the schedule moves it. */
  readonly momenta?: readonly number[];
  /** ReduceLROnPlateau: what each step was told; `lrs[t]` is the rate after it. */
  readonly metrics?: readonly number[];
}

/** State-dict keys to tensor names, after five updates and after `updateBN`. */
export interface AveragingCase {
  readonly name: "swa" | "ema" | "ema of buffers";
  readonly op: string;
  readonly after: Readonly<Record<string, string>>;
  readonly refreshed: Readonly<Record<string, string>>;
}

export interface RlCase {
  readonly name: string;
  /** `ddpg`, `td3`, `sac` or `dqn`. */
  readonly op: string;
  readonly args: Readonly<Record<string, never>>;
  readonly start: readonly string[];
  readonly keys: readonly string[];
  /** Numbers of updates. */
  readonly snapshots: readonly number[];
}

export interface LbfgsCase {
  readonly name: string;
  readonly op: "rosenbrock" | "classes";
  readonly args: Arguments;
  readonly parameters: readonly string[];
  /** Before each step. */
  readonly losses: readonly number[];
  /** Of the closure, after each step. */
  readonly evaluations: readonly number[];
  /** Per step, the parameters after it. */
  readonly after: readonly (readonly string[])[];
}

export interface ModelCase {
  readonly name: "mlp" | "cnn" | "gpt";
  readonly op: string;
  readonly layers?: readonly string[];
  readonly config?: Readonly<Record<string, number>>;
  readonly forward?: readonly string[];
  readonly batch: { readonly input: string; readonly target: string };
  readonly optimizer: { readonly op: "AdamW"; readonly args: Arguments; readonly steps: number };
  readonly losses: readonly number[];
  /** State-dict keys to tensor names. */
  readonly state: Readonly<Record<string, string>>;
  readonly grads: Readonly<Record<string, string>>;
  readonly buffersAfterOne: Readonly<Record<string, string>>;
  readonly after: Readonly<Record<string, string>>;
  readonly evalOutput: string;
}

/** A model under torch.autocast: dtypes of the outputs are those of the stored tensors. */
export interface MixedCase {
  readonly name: string;
  readonly op: "pictures" | "sequences";
  readonly dtype: "bf16" | "f16";
  readonly input: string;
  readonly target: string;
  readonly state: Readonly<Record<string, string>>;
  readonly loss: number;
  readonly outputs: readonly string[];
  readonly grads: Readonly<Record<string, string>>;
}

/** An architecture with a state as its reference names it. */
export interface ArchitectureCase {
  readonly name: string;
  readonly op: "GPT2" | "ResNet";
  readonly config: Arguments;
  readonly state: Readonly<Record<string, string>>;
  readonly input: string;
  readonly target: string;
  readonly loss: number;
  readonly output: string;
  readonly grads: Readonly<Record<string, string>>;
  /** Buffers after one step of training, and what the model gives in evaluation afterwards. */
  readonly buffers?: Readonly<Record<string, string>>;
  readonly evalOutput?: string;
  /** The likeliest continuation of the first row's tokens. */
  readonly generated?: readonly number[];
}

/** A good file has `tensors`, a broken one `broken`, the sharded checkpoint `index` and `parts`. */
export interface StorageCase {
  readonly name: string;
  readonly file?: string;
  readonly metadata?: Readonly<Record<string, string>> | null;
  readonly tensors?: Readonly<Record<string, StoredTensor>>;
  readonly broken?: string;
  readonly index?: string;
  readonly parts?: readonly string[];
}

/** A file of NumPy, torch or GGUF: its contents, or why it is `broken` or `refused`. */
export interface FormatCase {
  readonly name: string;
  readonly file: string;
  readonly tensors?: Readonly<Record<string, FormatTensor>>;
  /** Everything in a torch file; tensors are `{ $tensor: FormatTensor }`. */
  readonly contents?: unknown;
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Packed tensors of a GGUF file, each beside its elements (`Q4_K` and `Q4_K.elements`). */
  readonly packed?: readonly string[];
  readonly broken?: string;
  readonly refused?: string;
}

/** `dtype` as Athanor has it. Some values are `0 … repeats - 1`, again and again. */
export interface FormatTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly values?: readonly number[];
  readonly repeats?: number;
}

/** `dtype` as the file spells it (`"BF16"`); i64 values are decimal strings. */
export interface StoredTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly values: readonly (number | boolean | string)[];
}

export interface InitializerCase {
  readonly name: string;
  readonly op: string;
  readonly args?: Arguments;
  readonly shape?: readonly number[];
  readonly value?: number;
  readonly fanIn?: number;
  readonly fanOut?: number;
  readonly bound?: number;
  readonly std?: number;
  readonly constructorArgs?: readonly Argument[];
  readonly weightShape?: readonly number[];
  readonly weightBound?: number;
  readonly biasBound?: number;
  readonly weightStd?: number;
}

export interface AreaCases {
  readonly elementwise: OperationCase;
  readonly binary: OperationCase;
  readonly reduction: OperationCase;
  readonly movement: OperationCase;
  readonly creation: OperationCase;
  readonly cast: OperationCase;
  readonly matmul: OperationCase;
  readonly convolution: OperationCase;
  readonly functional: OperationCase;
  readonly composed: OperationCase;
  readonly special: OperationCase;
  readonly "special-more": OperationCase;
  readonly counting: OperationCase;
  readonly factored: OperationCase;
  readonly "distribution-more": OperationCase;
  readonly sorting: OperationCase;
  readonly indexing: OperationCase;
  readonly distribution: OperationCase;
  readonly "second-order": OperationCase;
  readonly spatial: OperationCase;
  readonly linalg: OperationCase;
  readonly fft: OperationCase;
  readonly clipping: OperationCase;
  readonly loss: OperationCase;
  readonly activation: OperationCase;
  readonly recurrent: OperationCase;
  readonly transformer: OperationCase;
  readonly pooling: OperationCase;
  readonly layer: OperationCase;
  readonly optimizer: OptimizerCase;
  readonly schedule: ScheduleCase;
  readonly averaging: AveragingCase;
  readonly lbfgs: LbfgsCase;
  readonly rl: RlCase;
  readonly model: ModelCase;
  readonly mixed: MixedCase;
  readonly architecture: ArchitectureCase;
  readonly storage: StorageCase;
  readonly formats: FormatCase;
  readonly initializer: InitializerCase;
}

/** The areas whose cases are single operations. */
export const operationAreas = [
  "elementwise",
  "binary",
  "reduction",
  "movement",
  "creation",
  "cast",
  "matmul",
  "convolution",
  "functional",
  "composed",
  "second-order",
  "clipping",
  "loss",
  "activation",
  "recurrent",
  "transformer",
  "pooling",
  "layer",
  "spatial",
  "special",
  "special-more",
  "counting",
  "factored",
  "distribution-more",
  "sorting",
  "indexing",
  "distribution",
  "linalg",
  "fft",
] as const;

export interface Fixture<Case> {
  readonly area: string;
  readonly torch: string;
  readonly seed: number;
  readonly command: string;
  readonly cases: readonly Case[];
  /** @throws {Error} when no tensor has this name. */
  tensor(name: string): FixtureTensor;
}

interface Manifest<Case> extends Omit<Fixture<Case>, "tensor"> {
  readonly tensors: string | null;
}

interface HeaderEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

const root = new URL("../fixtures/", import.meta.url);

const arrays: Readonly<
  Record<string, readonly [FixtureDType, (bytes: ArrayBuffer) => FixtureArray]>
> = {
  F64: ["f64", (bytes) => new Float64Array(bytes)],
  F32: ["f32", (bytes) => new Float32Array(bytes)],
  F16: ["f16", (bytes) => new Uint16Array(bytes)],
  BF16: ["bf16", (bytes) => new Uint16Array(bytes)],
  I32: ["i32", (bytes) => new Int32Array(bytes)],
  I8: ["i8", (bytes) => new Int8Array(bytes)],
  U8: ["u8", (bytes) => new Uint8Array(bytes)],
  BOOL: ["bool", (bytes) => new Uint8Array(bytes)],
};

/** The address of a file named in a manifest. */
export function fixturePath(name: string): URL {
  return new URL(name, root);
}

/** Loads one area: its cases, and its tensors by name (copied out when asked for). */
export function loadFixture<Area extends keyof AreaCases>(area: Area): Fixture<AreaCases[Area]> {
  const text = readFileSync(fixturePath(`${area}.json`), "utf8");
  const manifest = JSON.parse(text, reviveNumber) as Manifest<AreaCases[Area]>;
  const read = manifest.tensors === null ? noTensor : openTensors(fixturePath(manifest.tensors));
  return { ...manifest, tensor: read };
}

function noTensor(name: string): FixtureTensor {
  throw new Error(`fixture: this area has no tensors, got "${name}"`);
}

function openTensors(path: URL): (name: string) => FixtureTensor {
  const file = readFileSync(path);
  const headerEnd = 8 + Number(file.readBigUInt64LE(0));
  const parsed = JSON.parse(file.toString("utf8", 8, headerEnd)) as Record<string, HeaderEntry>;
  const header = new Map(Object.entries(parsed));
  return (name) => {
    const entry = header.get(name);
    if (entry === undefined) throw new Error(`fixture: no tensor "${name}" in ${path.pathname}`);
    const [dtype, view] = arrays[entry.dtype];
    const [start, end] = entry.data_offsets;
    const bytes = new Uint8Array(file.subarray(headerEnd + start, headerEnd + end)).buffer;
    return { dtype, shape: entry.shape, data: view(bytes) };
  };
}

/** JSON has no infinities; the manifests spell them. */
function reviveNumber(_key: string, value: unknown): unknown {
  return value === "NaN" || value === "Infinity" || value === "-Infinity" ? Number(value) : value;
}
