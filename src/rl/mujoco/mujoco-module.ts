import { ConfigError, UsageError } from "../../base/errors.ts";

/** A compiled model: the parts of `mjModel` that are used here. */
export interface ModelHandle {
  readonly nq: number;
  readonly nv: number;
  readonly nu: number;
  readonly na: number;
  readonly nbody: number;
  readonly njnt: number;
  readonly ngeom: number;
  readonly nsite: number;
  readonly nsensor: number;
  readonly opt: {
    readonly timestep: number;
    /** Frees the handle. */
    delete(): void;
  };
  readonly qpos0: Float64Array;
  readonly actuator_ctrlrange: Float64Array;
  readonly body_pos: Float64Array;
  readonly geom_type: Int32Array;
  readonly geom_group: Int32Array;
  readonly geom_size: Float64Array;
  readonly geom_rgba: Float32Array;
  readonly geom_matid: Int32Array;
  readonly geom_dataid: Int32Array;
  readonly mat_rgba: Float32Array;
  readonly mesh_vertadr: Int32Array;
  readonly mesh_vertnum: Int32Array;
  readonly mesh_faceadr: Int32Array;
  readonly mesh_facenum: Int32Array;
  readonly mesh_vert: Float32Array;
  readonly mesh_face: Int32Array;
  readonly sensor_adr: Int32Array;
  readonly sensor_dim: Int32Array;
  readonly jnt_qposadr: Int32Array;
  readonly jnt_dofadr: Int32Array;
  /** Frees the model. */
  delete(): void;
}

/** The state of a simulation: the parts of `mjData` that are used here. */
export interface DataHandle {
  readonly time: number;
  readonly qpos: Float64Array;
  readonly qvel: Float64Array;
  readonly act: Float64Array;
  readonly ctrl: Float64Array;
  readonly qfrc_constraint: Float64Array;
  readonly cfrc_ext: Float64Array;
  readonly sensordata: Float64Array;
  readonly xpos: Float64Array;
  readonly subtree_com: Float64Array;
  readonly site_xpos: Float64Array;
  readonly geom_xpos: Float64Array;
  readonly geom_xmat: Float64Array;
  delete(): void;
}

/** Files a model names, in memory. */
export interface FilesHandle {
  addBuffer(name: string, bytes: Uint8Array): void;
  delete(): void;
}

/** The parts of the package `@mujoco/mujoco` that are used here; it types most views as `any`. */
export interface Mujoco {
  /** Compiles models; throws MuJoCo's reason if it cannot. */
  readonly MjModel: {
    /** From XML, with the files it names. */
    from_xml_string(xml: string, files?: FilesHandle): ModelHandle;
  };
  /** A state of a model. */
  readonly MjData: new (model: ModelHandle) => DataHandle;
  /** A folder in memory. */
  readonly MjVFS: new () => FilesHandle;
  /** Advances by one time step. */
  mj_step(model: ModelHandle, data: DataHandle): void;
  /** Computes what follows from positions and velocities. */
  mj_forward(model: ModelHandle, data: DataHandle): void;
  /** Puts the state back to the model's start. */
  mj_resetData(model: ModelHandle, data: DataHandle): void;
  /** Computes forces between bodies. */
  mj_rnePostConstraint(model: ModelHandle, data: DataHandle): void;
  /** The number of what has a name; -1 if nothing has. */
  mj_name2id(model: ModelHandle, kind: number, name: string): number;
  /** The name of a number; garbage for what has none. */
  mj_id2name(model: ModelHandle, kind: number, id: number): string | null;
}

/** How MuJoCo is loaded where its files do not lie beside each other, as in a bundled page. */
export interface MujocoOptions {
  /** The address of a file of the package: `mujoco.wasm`. */
  readonly locateFile?: (name: string) => string;
  /** The contents of `mujoco.wasm`, in place of fetching it. */
  readonly wasmBinary?: Uint8Array;
}

type Factory = (options?: MujocoOptions) => Promise<unknown>;

let loading: Promise<Mujoco> | null = null;

/**
 * Loads MuJoCo, once per thread: about 0.1 s and 100 MB. Environments do it by themselves; call it
 * before the first if a page must say where `mujoco.wasm` lies.
 *
 * @throws {ConfigError} if the package `@mujoco/mujoco` is not installed; {UsageError} if options
 *   come after it was loaded.
 */
export function loadMujoco(options?: MujocoOptions): Promise<Mujoco> {
  if (loading !== null && options !== undefined) {
    throw new UsageError(
      "loadMujoco: options must come with the first call, got them with a later one; " +
        "call it before the first environment is made",
    );
  }
  loading ??= instantiate(() => import("@mujoco/mujoco"), options).catch((cause: unknown) => {
    // What failed may be tried again.
    loading = null;
    throw cause;
  });
  return loading;
}

/** Turns an imported package into a running module. */
export async function instantiate(
  load: () => Promise<{ default: Factory }>,
  options?: MujocoOptions,
): Promise<Mujoco> {
  let loaded;
  try {
    loaded = await load();
  } catch (cause) {
    const isMissing =
      cause instanceof Error && "code" in cause && cause.code === "ERR_MODULE_NOT_FOUND";
    if (!isMissing) throw cause;
    throw new ConfigError(
      `loadMujoco: the npm package "@mujoco/mujoco" must be installed, got none; ` +
        `run: npm install @mujoco/mujoco@3.14.0`,
      { cause },
    );
  }
  // The package's types leave the views open; the interface above is what its documentation says.
  return (await loaded.default(options)) as Mujoco;
}
