import { ConfigError, OutOfMemoryError, UsageError } from "../../base/errors.ts";
import { LiveView, refuseClosed } from "./live-view.ts";
import { loadMujoco } from "./mujoco-module.ts";
import type { DataHandle, FilesHandle, ModelHandle, Mujoco } from "./mujoco-module.ts";

/** A model in MuJoCo's XML, with the meshes, textures and included files it names. */
export interface MjcfSource {
  readonly xml: string;
  readonly files?: Readonly<Record<string, Uint8Array>>;
}

/** What has a name in a model, with MuJoCo's number of its kind. */
const objectKinds = {
  body: { code: 1, count: "nbody" },
  joint: { code: 3, count: "njnt" },
  geom: { code: 5, count: "ngeom" },
  site: { code: 6, count: "nsite" },
  actuator: { code: 19, count: "nu" },
  sensor: { code: 20, count: "nsensor" },
} as const;

/** The kinds of things that can be found by name. */
export type ObjectKind = keyof typeof objectKinds;

type ArrayName = {
  [Key in keyof DataHandle]: DataHandle[Key] extends Float64Array ? Key : never;
}[keyof DataHandle];

/**
 * One model and its state: MuJoCo's `mjModel` and `mjData`, which belong together.
 *
 * The arrays are views of MuJoCo's memory: writing into {@link Simulation.ctrl} acts. Ask for them
 * each time instead of keeping them, since they go stale when MuJoCo's memory grows.
 */
export class Simulation {
  /** Sizes of positions, velocities, controls and activations. */
  readonly nq: number;
  readonly nv: number;
  readonly nu: number;
  readonly na: number;
  /** Seconds one {@link Simulation.step} takes. */
  readonly timestep: number;
  /** Lower and upper bound of each control; both 0 where the model gives none. */
  readonly controlRange: readonly (readonly [number, number])[];
  readonly #mujoco: Mujoco;
  readonly #views = new Map<ArrayName, LiveView<Float64Array>>();
  readonly #qpos: LiveView<Float64Array>;
  readonly #qvel: LiveView<Float64Array>;
  readonly #ctrl: LiveView<Float64Array>;
  #time = 0;
  #pair: { readonly model: ModelHandle; readonly data: DataHandle } | null;

  /** Takes over a model: {@link Simulation.create} makes both. */
  constructor(mujoco: Mujoco, model: ModelHandle) {
    this.#mujoco = mujoco;
    const data = newData(mujoco, model);
    this.#pair = { model, data };
    const { nq, nv, nu, na } = model;
    this.nq = nq;
    this.nv = nv;
    this.nu = nu;
    this.na = na;
    const options = model.opt;
    this.timestep = options.timestep;
    options.delete();
    const range = Array.from(model.actuator_ctrlrange);
    this.controlRange = Array.from({ length: nu }, (_, i) => [range[2 * i], range[2 * i + 1]]);
    this.#qpos = this.#view("qpos");
    this.#qvel = this.#view("qvel");
    this.#ctrl = this.#view("ctrl");
  }

  /**
   * Compiles a model.
   *
   * @throws {ConfigError} if MuJoCo refuses the XML, with its reason; {OutOfMemoryError} if the
   *   model does not fit into MuJoCo's memory.
   */
  static async create(source: string | MjcfSource): Promise<Simulation> {
    const mujoco = await loadMujoco();
    const { xml, files = {} } = typeof source === "string" ? { xml: source } : source;
    return new Simulation(mujoco, compile(mujoco, xml, files));
  }

  /** Joint positions, [nq]. */
  get qpos(): Float64Array {
    return this.#qpos.current();
  }

  /** Joint velocities, [nv]. */
  get qvel(): Float64Array {
    return this.#qvel.current();
  }

  /** Controls of the actuators, [nu]; clamped to their ranges when the simulation steps. */
  get ctrl(): Float64Array {
    return this.#ctrl.current();
  }

  /** Activations of actuators with a state of their own, [na]. */
  get act(): Float64Array {
    return this.#view("act").current();
  }

  /** Readings of all sensors. */
  get sensordata(): Float64Array {
    return this.#view("sensordata").current();
  }

  /** Positions of the bodies' frames, [nbody, 3]. */
  get xpos(): Float64Array {
    return this.#view("xpos").current();
  }

  /** Centres of mass of each body with all that hangs from it, [nbody, 3]. */
  get subtreeCom(): Float64Array {
    return this.#view("subtree_com").current();
  }

  /** Positions of the sites, [nsite, 3]. */
  get siteXpos(): Float64Array {
    return this.#view("site_xpos").current();
  }

  /** Positions of the geoms, [ngeom, 3]. */
  get geomXpos(): Float64Array {
    return this.#view("geom_xpos").current();
  }

  /** Rotations of the geoms, [ngeom, 3, 3]. */
  get geomXmat(): Float64Array {
    return this.#view("geom_xmat").current();
  }

  /** Forces of contacts and limits on the joints, [nv]. */
  get qfrcConstraint(): Float64Array {
    return this.#view("qfrc_constraint").current();
  }

  /** Forces from outside on each body, [nbody, 6], after {@link Simulation.forces}. */
  get cfrcExt(): Float64Array {
    return this.#view("cfrc_ext").current();
  }

  /** Seconds since the last reset. */
  get time(): number {
    this.#open();
    return this.#time;
  }

  /** The compiled model, for those who need more of it; it dies with the simulation. */
  get model(): ModelHandle {
    return this.#open().model;
  }

  /**
   * Advances by `count` steps.
   *
   * @returns whether the physics stayed sane: MuJoCo puts a state that exploded back to the start.
   * @throws {OutOfMemoryError} if the contacts of a step do not fit into the model's memory.
   */
  step(count = 1): boolean {
    const { model, data } = this.#open();
    try {
      for (let i = 0; i < count; i++) this.#mujoco.mj_step(model, data);
    } catch (cause) {
      throw simulationError(cause);
    }
    // Asking MuJoCo costs as much as a hundredth of a small step, so it is done once.
    const expected = this.#time + (count - 0.5) * this.timestep;
    this.#time = data.time;
    return this.#time > expected;
  }

  /** Computes what follows from positions and velocities, without advancing. */
  forward(): void {
    this.#run("mj_forward");
  }

  /** Computes the forces between bodies (`mj_rnePostConstraint`), which a step does not. */
  forces(): void {
    this.#run("mj_rnePostConstraint");
  }

  /** Puts the state back to the model's own start. */
  reset(): void {
    this.#run("mj_resetData");
    this.#time = 0;
  }

  /**
   * Sets positions and velocities and computes what follows from them.
   *
   * @throws {ConfigError} if their sizes are not nq and nv, or a value is not finite.
   */
  setState(qpos: ArrayLike<number>, qvel: ArrayLike<number>): void {
    checkState("qpos", qpos, this.nq);
    checkState("qvel", qvel, this.nv);
    this.qpos.set(qpos);
    this.qvel.set(qvel);
    this.forward();
  }

  /**
   * The number of what has this name.
   *
   * @throws {ConfigError} that lists the names there are.
   */
  id(kind: ObjectKind, name: string): number {
    const id = this.#mujoco.mj_name2id(this.#open().model, objectKinds[kind].code, name);
    if (id >= 0) return id;
    throw new ConfigError(
      `Simulation: the model must have a ${kind} named "${name}", ` +
        `got: ${this.names(kind).join(", ") || "none with a name"}`,
    );
  }

  /** The names of a kind, in the order of their numbers; those without one are left out. */
  names(kind: ObjectKind): readonly string[] {
    const { model } = this.#open();
    const { code, count } = objectKinds[kind];
    const mujoco = this.#mujoco;
    // For what has no name MuJoCo returns none, which its binding reads as text at address 0.
    return Array.from({ length: model[count] }, (_, id) => {
      const name = mujoco.mj_id2name(model, code, id) ?? "";
      return mujoco.mj_name2id(model, code, name) === id ? name : "";
    }).filter((name) => name !== "");
  }

  /**
   * A body's position, of three numbers.
   *
   * @throws {ConfigError} if there is no such body.
   */
  bodyPosition(name: string): Float64Array {
    return rowOf(this.xpos, this.id("body", name));
  }

  /**
   * A site's position, of three numbers.
   *
   * @throws {ConfigError} if there is no such site.
   */
  sitePosition(name: string): Float64Array {
    return rowOf(this.siteXpos, this.id("site", name));
  }

  /**
   * The readings of one sensor.
   *
   * @throws {ConfigError} if there is no such sensor.
   */
  sensor(name: string): Float64Array {
    const id = this.id("sensor", name);
    const { model } = this.#open();
    const from = model.sensor_adr[id];
    return this.sensordata.slice(from, from + model.sensor_dim[id]);
  }

  /** Frees model and state. Closing twice is allowed. */
  close(): void {
    if (this.#pair === null) return;
    const { model, data } = this.#pair;
    this.#pair = null;
    for (const view of this.#views.values()) view.close();
    data.delete();
    model.delete();
  }

  /** As {@link Simulation.close}, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #open(): { readonly model: ModelHandle; readonly data: DataHandle } {
    return this.#pair ?? refuseClosed("Simulation");
  }

  #run(name: "mj_forward" | "mj_rnePostConstraint" | "mj_resetData"): void {
    const { model, data } = this.#open();
    try {
      this.#mujoco[name](model, data);
    } catch (cause) {
      throw simulationError(cause);
    }
  }

  #view(name: ArrayName): LiveView<Float64Array> {
    let view = this.#views.get(name);
    if (view === undefined) {
      view = new LiveView(() => this.#open().data[name]);
      this.#views.set(name, view);
    }
    return view;
  }
}

function compile(
  mujoco: Mujoco,
  xml: string,
  files: Readonly<Record<string, Uint8Array>>,
): ModelHandle {
  checkXml(xml);
  let folder: FilesHandle | null = null;
  try {
    if (Object.keys(files).length === 0) return mujoco.MjModel.from_xml_string(xml);
    folder = new mujoco.MjVFS();
    for (const [name, bytes] of Object.entries(files)) folder.addBuffer(name, bytes);
    return mujoco.MjModel.from_xml_string(xml, folder);
  } catch (cause) {
    if (reasonOf(cause).includes("allocate memory")) throw memoryIsFull(cause);
    throw new ConfigError(`Simulation: the MJCF must compile, got: ${reasonOf(cause)}`, { cause });
  } finally {
    folder?.delete();
  }
}

function checkXml(xml: string): void {
  if (xml.trim() === "") {
    throw new ConfigError(
      `Simulation: the MJCF must hold a <mujoco> element, got ${xml.length} characters of nothing`,
    );
  }
  if (!xml.trimStart().startsWith("<")) {
    throw new ConfigError(
      `Simulation: the MJCF must be XML, got "${xml.slice(0, 60)}"; ` +
        `read a file with readMjcf of athanor/rl/node`,
    );
  }
}

function newData(mujoco: Mujoco, model: ModelHandle): DataHandle {
  try {
    return new mujoco.MjData(model);
  } catch (cause) {
    model.delete();
    throw memoryIsFull(cause);
  }
}

function memoryIsFull(cause: unknown): OutOfMemoryError {
  return new OutOfMemoryError(
    `Simulation: the model and its state must fit into MuJoCo's 2 GiB, got: ${reasonOf(cause)}; ` +
      `lower <size memory="…"/> in the MJCF or close other environments`,
    { cause },
  );
}

function simulationError(cause: unknown): Error {
  const reason = reasonOf(cause);
  if (!reason.includes("out of memory")) {
    return new UsageError(`Simulation: MuJoCo failed: ${reason}`, { cause });
  }
  return new OutOfMemoryError(
    `Simulation: a step must fit into the model's memory, got: ${reason}; ` +
      `raise <size memory="…"/> in the MJCF`,
    { cause },
  );
}

function checkState(name: string, values: ArrayLike<number>, size: number): void {
  if (values.length !== size) {
    throw new ConfigError(`Simulation: ${name} must have ${size} values, got ${values.length}`);
  }
  const wrong = Array.from(values).findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0) {
    throw new ConfigError(`Simulation: ${name}[${wrong}] must be finite, got ${values[wrong]}`);
  }
}

function rowOf(values: Float64Array, row: number): Float64Array {
  return values.slice(3 * row, 3 * row + 3);
}

/** MuJoCo's reason in one line. */
function reasonOf(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  return text
    .replace(/^MuJoCo Error: /, "")
    .trim()
    .replaceAll(/\s*\n\s*/g, "; ");
}
