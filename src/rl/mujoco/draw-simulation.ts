import { cameraAt } from "../drawing/camera.ts";
import type { CameraOptions, Vector } from "../drawing/camera.ts";
import { drawScene } from "../drawing/draw-scene.ts";
import type { Mesh, Solid, SolidKind } from "../drawing/solid.ts";
import type { Frame } from "../frame.ts";
import type { ModelHandle } from "./mujoco-module.ts";
import type { Simulation } from "./simulation.ts";

/** What MuJoCo's numbers of geoms mean; height fields (1) are not drawn. */
const kinds: Readonly<Record<number, SolidKind>> = {
  0: "plane",
  2: "sphere",
  3: "capsule",
  4: "ellipsoid",
  5: "cylinder",
  6: "box",
  7: "mesh",
};

/** Groups from here on hold what MuJoCo's own viewers do not show, such as collision shapes. */
const hiddenGroups = 3;

/** Draws the present state. `size` is width and height in points. */
export function drawSimulation(
  simulation: Simulation,
  camera: CameraOptions,
  size: readonly [number, number],
): Frame {
  return drawScene(solidsOf(simulation), cameraAt(...seen(simulation, camera)), size);
}

/** A camera's middle is the centre of mass of what hangs together with the body it tracks. */
function seen(simulation: Simulation, camera: CameraOptions): [CameraOptions, Vector | null] {
  const { trackBody = null } = camera;
  if (trackBody === null || !simulation.names("body").includes(trackBody)) return [camera, null];
  const com = rowOf(simulation.subtreeCom, simulation.id("body", trackBody));
  return camera.lookat === undefined
    ? [{ ...camera, lookat: [0, 0, restingHeight(simulation, trackBody)] }, com]
    : [camera, com];
}

/** A height that does not change, so that jumps are seen. */
function restingHeight(simulation: Simulation, body: string): number {
  const { model } = simulation;
  return 0.8 * model.body_pos[3 * simulation.id("body", body) + 2];
}

function solidsOf(simulation: Simulation): Solid[] {
  const { model, geomXpos, geomXmat } = simulation;
  const view = geomViews(model);
  const solids: Solid[] = [];
  for (let i = 0; i < model.ngeom; i++) {
    const kind = kinds[view.type[i]];
    const [red, green, blue, opacity] = colourOf(view, i);
    if (kind === undefined || view.group[i] >= hiddenGroups || opacity < 0.05) continue;
    const mesh = kind === "mesh" ? meshOf(model, view.data[i]) : undefined;
    solids.push({
      kind,
      position: rowOf(geomXpos, i),
      rotation: geomXmat.slice(9 * i, 9 * i + 9),
      size: rowOf(view.size, i),
      colour: [red, green, blue],
      ...(mesh && { mesh }),
    });
  }
  return solids;
}

interface GeomViews {
  readonly type: Int32Array;
  readonly group: Int32Array;
  readonly data: Int32Array;
  readonly size: Float64Array;
  readonly material: Int32Array;
  readonly colour: Float32Array;
  readonly materialColour: Float32Array;
}

function geomViews(model: ModelHandle): GeomViews {
  return {
    type: model.geom_type,
    group: model.geom_group,
    data: model.geom_dataid,
    size: model.geom_size,
    material: model.geom_matid,
    colour: model.geom_rgba,
    materialColour: model.mat_rgba,
  };
}

/** A geom's own colour; where it has MuJoCo's default, that of its material. */
function colourOf(view: GeomViews, i: number): Float32Array {
  const own = view.colour.subarray(4 * i, 4 * i + 4);
  const material = view.material[i];
  const isDefault = own[0] === 0.5 && own[1] === 0.5 && own[2] === 0.5 && own[3] === 1;
  if (material < 0 || !isDefault) return own;
  return view.materialColour.subarray(4 * material, 4 * material + 4);
}

function meshOf(model: ModelHandle, id: number): Mesh {
  const corner = model.mesh_vertadr[id];
  const face = model.mesh_faceadr[id];
  return {
    corners: model.mesh_vert.subarray(3 * corner, 3 * (corner + model.mesh_vertnum[id])),
    faces: model.mesh_face.subarray(3 * face, 3 * (face + model.mesh_facenum[id])),
  };
}

function rowOf(values: Float64Array, row: number): Vector {
  return [values[3 * row], values[3 * row + 1], values[3 * row + 2]];
}
