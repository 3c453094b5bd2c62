import { element } from "./element.ts";

const metal = [0.33, 0.36, 0.62, 1];
const cartColour = [0.75, 0.68, 0.2, 1];
const poleColour = [0.1, 0.6, 0.62, 1];
// About y by a quarter turn, as upstream rounds it.
const lyingAlongX = [0.707, 0, 0.707, 0];

/** A pole on a cart on a rail of 2 m: 2 positions, 1 force, 0.02 s per step. */
export function invertedPendulumMjcf(): string {
  const pole = element(
    "body",
    { name: "pole" },
    element("joint", { name: "hinge", type: "hinge", axis: [0, 1, 0], range: [-90, 90] }),
    element("geom", {
      name: "cpole",
      type: "capsule",
      fromto: [0, 0, 0, 0.001, 0, 0.6],
      size: [0.049, 0.3],
      rgba: poleColour,
    }),
  );
  return element(
    "mujoco",
    { model: "inverted-pendulum" },
    element("compiler", { angle: "degree", inertiafromgeom: true }),
    element("size", { memory: "200K" }),
    element("option", { integrator: "RK4", timestep: 0.02, gravity: [0, 0, -9.81] }),
    element(
      "default",
      {},
      element("joint", { armature: 0, damping: 1, limited: true }),
      element("geom", { contype: 0, friction: [1, 0.1, 0.1] }),
    ),
    element("worldbody", {}, rail(), cart({ name: "slider", range: [-1, 1] }, pole)),
    element("actuator", {}, pushing(3, 100)),
  );
}

/** Two poles, one on the other, on a cart: 3 positions, 1 force, 0.01 s per step. */
export function invertedDoublePendulumMjcf(): string {
  const hinge = { type: "hinge", axis: [0, 1, 0] };
  const capsule = { type: "capsule", fromto: [0, 0, 0, 0, 0, 0.6], size: [0.045, 0.3] };
  const rgba = poleColour;
  const upper = element(
    "body",
    { name: "pole2", pos: [0, 0, 0.6] },
    element("joint", { name: "hinge2", ...hinge }),
    element("geom", { name: "cpole2", ...capsule, rgba }),
    element("site", { name: "tip", pos: [0, 0, 0.6], size: [0.01, 0.01] }),
  );
  const lower = element(
    "body",
    { name: "pole" },
    element("joint", { name: "hinge", ...hinge }),
    element("geom", { name: "cpole", ...capsule, rgba }),
    upper,
  );
  return element(
    "mujoco",
    { model: "inverted-double-pendulum" },
    element("compiler", { angle: "degree", inertiafromgeom: true }),
    element("size", { memory: "200K" }),
    // The sideways gravity is upstream's: it keeps the poles from standing still for ever.
    element("option", { integrator: "RK4", timestep: 0.01, gravity: [1e-5, 0, -9.81] }),
    element(
      "default",
      {},
      element("joint", { damping: 0.05 }),
      element("geom", { contype: 0, friction: [1, 0.1, 0.1] }),
    ),
    element(
      "worldbody",
      {},
      rail(),
      cart({ name: "slider", range: [-1, 1], limited: true, margin: 0.01 }, lower),
    ),
    element("actuator", {}, pushing(1, 500)),
  );
}

function rail(): string {
  const shape = { type: "capsule", quat: lyingAlongX, size: [0.02, 1] };
  return element("geom", { name: "rail", ...shape, rgba: metal });
}

function cart(slider: Parameters<typeof element>[1], pole: string): string {
  const shape = { type: "capsule", quat: lyingAlongX, size: [0.1, 0.1] };
  return element(
    "body",
    { name: "cart" },
    element("joint", { ...slider, type: "slide", axis: [1, 0, 0] }),
    element("geom", { name: "cart", ...shape, rgba: cartColour }),
    pole,
  );
}

function pushing(limit: number, gear: number): string {
  const ctrlrange = [-limit, limit];
  return element("motor", { name: "slide", joint: "slider", gear, ctrllimited: true, ctrlrange });
}
