import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Frame } from "../frame.ts";
import { mujocoEnv } from "../mujoco/custom-env.ts";
import { loadMujoco } from "../mujoco/mujoco-module.ts";
import { readMjcf } from "./read-mjcf.ts";

const hasMujoco = await loadMujoco().then(
  () => true,
  () => false,
);

const tetrahedron = `v 0 0 0.4
v 0.4 0 -0.2
v -0.2 0.35 -0.2
v -0.2 -0.35 -0.2
f 1 2 3
f 1 3 4
f 1 4 2
f 2 4 3
`;
const scene = `<mujoco><compiler meshdir="shapes"/><size memory="400K"/>
  <!-- <include file="missing.xml"/> -->
  <include file="parts/arm.xml"/>
  <asset><mesh name="rock" file="rock.obj"/></asset>
  <worldbody><body><joint name="turn" type="hinge" axis="0 0 1"/>
    <geom type="mesh" mesh="rock" rgba="1 0 0 1"/></body></worldbody></mujoco>`;
const arm = `<mujoco><actuator><motor joint="turn" ctrlrange="-1 1" ctrllimited="true"/></actuator></mujoco>`;

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "athanor-mjcf-"));
  mkdirSync(join(folder, "shapes"));
  mkdirSync(join(folder, "parts"));
  writeFileSync(join(folder, "scene.xml"), scene);
  writeFileSync(join(folder, "parts", "arm.xml"), arm);
  writeFileSync(join(folder, "shapes", "rock.obj"), tetrahedron);
  writeFileSync(join(folder, "lost.xml"), scene.replace("rock.obj", "lost.obj"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("readMjcf", () => {
  it("reads a model with what it names", async () => {
    const { xml, files = {} } = await readMjcf(join(folder, "scene.xml"));
    expect(xml).toBe(scene);
    expect(Object.keys(files).toSorted()).toEqual(["parts/arm.xml", "shapes/rock.obj"]);
  });

  it.each(["absent.xml", "lost.xml"])("says which file of %s is missing", async (name) => {
    await expect(readMjcf(join(folder, name))).rejects.toThrow(
      /readMjcf: .* needs the file .*(absent\.xml|shapes.lost\.obj), got: ENOENT/,
    );
  });

  it.skipIf(!hasMujoco)("makes an environment that draws its meshes", async () => {
    using env = await mujocoEnv({
      mjcf: await readMjcf(join(folder, "scene.xml")),
      reward: () => 0,
      renderMode: "rgb_array",
      width: 60,
      height: 60,
      camera: { distance: 2, elevation: -20 },
    });
    env.reset({ seed: 0 });
    env.step(Float32Array.of(1));
    const { data } = env.render() as Frame;
    const middle = 3 * (30 * 60 + 30);
    expect(data[middle]).toBeGreaterThan(2 * data[middle + 1]);
  });
});
