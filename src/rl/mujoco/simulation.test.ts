import { describe, expect, it } from "vitest";
import { UsageError } from "../../base/errors.ts";
import { instantiate, loadMujoco } from "./mujoco-module.ts";
import { halfCheetahMjcf } from "./mjcf/half-cheetah.ts";
import { hopperMjcf } from "./mjcf/hopper.ts";
import { Simulation } from "./simulation.ts";

const hasMujoco = await loadMujoco().then(
  () => true,
  () => false,
);
const reason = hasMujoco ? "" : " (skipped: the optional package @mujoco/mujoco is missing)";

/** A ball on a slide with a sensor; `memory` is what a step may use. */
function ball(memory = "100K", timestep = 0.01): string {
  return `<mujoco><size memory="${memory}"/><option timestep="${timestep}"/><worldbody>
    <geom type="plane" size="1 1 1"/>
    <body name="ball" pos="0 0 1"><joint name="fall" type="slide" axis="0 0 1"/>
      <geom size=".1"/><site name="top" pos="0 0 .1"/></body></worldbody>
    <actuator><motor name="push" joint="fall" ctrlrange="-1 1" ctrllimited="true"/></actuator>
    <sensor><jointpos name="way" joint="fall"/><framepos name="where" objtype="body" objname="ball"/>
    </sensor></mujoco>`;
}

describe("loadMujoco", () => {
  it("says how to install what is missing", async () => {
    const missing = Object.assign(new Error("no such module"), { code: "ERR_MODULE_NOT_FOUND" });
    await expect(instantiate(() => Promise.reject(missing))).rejects.toThrow(
      /"@mujoco\/mujoco" must be installed, got none; run: npm install @mujoco\/mujoco@3\.14\.0/,
    );
  });

  it("hands on where its module lies", async () => {
    const given: unknown[] = [];
    const options = { locateFile: (name: string) => `/static/${name}` };
    const load = { default: (value: unknown) => Promise.resolve(given.push(value)) };
    await instantiate(() => Promise.resolve(load), options);
    expect(given).toEqual([options]);
  });

  it.skipIf(!hasMujoco)("refuses options that come too late", () => {
    expect(() => loadMujoco({ locateFile: (name) => name })).toThrow(
      /options must come with the first call, got them with a later one/,
    );
  });

  it("passes on what else goes wrong", async () => {
    const broken = new Error("bad module");
    await expect(instantiate(() => Promise.reject(broken))).rejects.toBe(broken);
  });
});

describe.skipIf(!hasMujoco)(`Simulation${reason}`, () => {
  it("keeps its state when another simulation makes the memory grow", async () => {
    using alone = await Simulation.create(halfCheetahMjcf());
    using crowded = await Simulation.create(halfCheetahMjcf());
    const held = crowded.qpos;
    const others: Simulation[] = [];
    for (let step = 0; step < 40; step++) {
      for (const simulation of [alone, crowded]) {
        simulation.ctrl.fill(Math.sin(step));
        simulation.step();
      }
      // 40 MB each: the memory has to grow.
      if (step % 10 === 5) others.push(await Simulation.create(ball("40M")));
      expect([...crowded.ctrl]).toEqual([...alone.ctrl]);
      expect(crowded.ctrl.length).toBe(6);
    }
    expect(held.length).toBe(0);
    using fresh = await Simulation.create(halfCheetahMjcf());
    for (let step = 0; step < 40; step++) {
      fresh.ctrl.fill(Math.sin(step));
      fresh.step();
    }
    expect([...crowded.qpos]).toEqual([...fresh.qpos]);
    expect([...crowded.qvel]).toEqual([...fresh.qvel]);
    for (const other of others) other.close();
  });

  it("frees what it holds: 300 simulations fit where 10 do", async () => {
    const cycle = async (times: number): Promise<void> => {
      for (let i = 0; i < times; i++) {
        using simulation = await Simulation.create(ball("10M"));
        simulation.step();
      }
    };
    await cycle(10);
    const before = process.memoryUsage().rss;
    await cycle(300);
    // Without freeing it would be 3 GB.
    expect(process.memoryUsage().rss - before).toBeLessThan(300e6);
  });

  it("reads positions, sites, sensors and names", async () => {
    using simulation = await Simulation.create(ball());
    simulation.setState([0.5], [0]);
    expect([...simulation.bodyPosition("ball")]).toEqual([0, 0, 1.5]);
    expect(simulation.sitePosition("top")[2]).toBeCloseTo(1.6, 12);
    expect([...simulation.sensor("way")]).toEqual([0.5]);
    expect([...simulation.sensor("where")]).toEqual([0, 0, 1.5]);
    expect(simulation.names("body")).toEqual(["world", "ball"]);
    expect(simulation.names("geom")).toEqual([]);
    expect(simulation.controlRange).toEqual([[-1, 1]]);
    simulation.step(3);
    expect(simulation.time).toBeCloseTo(0.03, 12);
    simulation.reset();
    expect(simulation.time).toBe(0);
    expect([...simulation.qpos]).toEqual([0]);
  });

  it("says which names there are", async () => {
    using simulation = await Simulation.create(hopperMjcf());
    expect(() => simulation.id("joint", "knee")).toThrow(
      /must have a joint named "knee", got: rootx, rootz, rooty, thigh_joint/,
    );
    expect(() => simulation.sensor("touch")).toThrow(/sensor named "touch", got: none with a name/);
  });

  it("tells when the physics exploded", async () => {
    using simulation = await Simulation.create(ball());
    expect(simulation.step(5)).toBe(true);
    simulation.qvel[0] = 1e12;
    expect(simulation.step(5)).toBe(false);
  });

  it.each([
    ["", /must hold a <mujoco> element/],
    ["robot.xml", /must be XML, got "robot.xml"; read a file with readMjcf/],
    ["<mujoco", /must compile, got: .*XML parse error/],
    ["<mujoco><worldbody><geom/></worldbody></mujoco>", /size 0 must be positive in geom/],
    [ball().replace('joint="fall" ctrl', 'joint="leg" ctrl'), /unknown transmission target 'leg'/],
    [ball().replace("</worldbody>", '<geom type="mesh" mesh="arm"/></worldbody>'), /mesh.*arm/],
  ])("refuses the model %#", async (xml, message) => {
    await expect(Simulation.create(xml)).rejects.toThrow(message);
  });

  it("says when a step needs more memory than the model has", async () => {
    using simulation = await Simulation.create(ball("1K"));
    expect(() => simulation.setState([-0.95], [0])).toThrow(/raise <size memory/);
    expect(() => simulation.step(10)).toThrow(/raise <size memory="…"\/> in the MJCF/);
  });

  it("says when MuJoCo's memory is full", async () => {
    await expect(Simulation.create(ball("3G"))).rejects.toThrow(/lower <size memory="…"\/>/);
  });

  it.each([
    [[0, 0], [0], /qpos must have 1 values, got 2/],
    [[0], [Number.NaN], /qvel\[0\] must be finite, got NaN/],
  ])("refuses the state %o %o", async (qpos, qvel, message) => {
    using simulation = await Simulation.create(ball());
    expect(() => simulation.setState(qpos, qvel)).toThrow(message);
  });

  it("refuses to be used once closed, and may be closed twice", async () => {
    const simulation = await Simulation.create(ball());
    simulation.close();
    simulation.close();
    expect(() => simulation.step()).toThrow(UsageError);
    expect(() => simulation.qpos).toThrow(UsageError);
    expect(() => simulation.xpos).toThrow(UsageError);
    expect(() => simulation.time).toThrow(/must be open, got a closed one/);
  });
});
