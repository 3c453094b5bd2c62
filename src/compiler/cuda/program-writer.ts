import { CompileError } from "../../base/errors.ts";
import { roundUp } from "../../base/integers.ts";
import { dtypeBytes } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { numel } from "../../ir/shape.ts";
import type { Location, Schedule, Step } from "../schedule.ts";
import { attentionCall } from "./attention-call.ts";
import { copyFunction } from "./copy-kernel.ts";
import { contractionCall } from "./contraction-calls.ts";
import type { PlacedCall } from "./contraction-calls.ts";
import type { CudaTarget, KernelArgument, KernelFunction, RenderedStep } from "./kernel-code.ts";
import { renderKernel } from "./kernel-renderer.ts";
import { LaunchList, UnitText } from "./launch-list.ts";
import { loopLaunch } from "./loop-launch.ts";
import { rangeOf } from "./memory-ranges.ts";
import type { Range, Touches } from "./memory-ranges.ts";
import { PlaceAlignment } from "./place-alignment.ts";
import type {
  CudaProgramCode,
  EntryArgument,
  HostArgument,
  Launch,
  LaunchFacts,
  Operand,
} from "./program-code.ts";
import { renderScatter } from "./scatter-kernel.ts";
import type { RenderOptions } from "./render-options.ts";
import { renderSort } from "./sort-kernel.ts";
import { usedPrelude } from "./used-prelude.ts";

/** Steps take turns in this much scratch memory, so that short ones need not wait for each other. */
const SCRATCH_BYTES = 32 << 20;
const ALIGNMENT = 256;
/** Bytes up to which a copy takes no longer than a launch. */
const SHORT_COPY = 1 << 20;

const bytesOf = (node: Node): number => numel(node.shape) * dtypeBytes(node.dtype);
const at = (place: Location, offset = 0): Operand => ({ place, offset });
const errorAddress: Operand = { place: { kind: "errors" }, offset: 0 };

/** What the parts of one program share. */
interface Unit {
  readonly target: CudaTarget;
  readonly text: UnitText;
  readonly merges: boolean;
  readonly allowTf32: boolean;
  scratchBytes: number;
  nextScratch: number;
  isCapturable: boolean;
}

/** Writes the launches of one schedule: a program's, or the body's of one of its loops. */
class ScheduleWriter {
  private readonly unit: Unit;
  private readonly plan: Schedule;
  private readonly list: LaunchList;
  private readonly alignment: PlaceAlignment;
  /** Whether one of its kernels may report an index out of range. */
  checksIndices: boolean = false;

  constructor(unit: Unit, plan: Schedule, alignment: PlaceAlignment = PlaceAlignment.program) {
    this.unit = unit;
    this.plan = plan;
    this.alignment = alignment;
    this.list = new LaunchList(unit.merges);
  }

  write(): Launch[] {
    for (const step of this.plan.steps) this.step(step);
    return this.list.finish(this.unit.text);
  }

  /** For each launch, those it depends on. */
  dependencies(): number[][] {
    return this.list.dependencies();
  }

  private step(step: Step): void {
    switch (step.kind) {
      case "kernel": {
        const rendered = renderKernel(step.kernel, this.options(step));
        return this.rendered(rendered, step);
      }
      case "contraction":
        return this.contraction(step);
      case "sort":
        return this.rendered(renderSort(step.node), step);
      case "scatter":
        return this.rendered(renderScatter(step.node, step.operands), step);
      case "attention":
        return this.placed(attentionCall(step, this.unit.target), step);
      case "custom":
        return this.host(step);
      case "loop":
        return this.loop(step);
      case "copy":
        return this.copy(step);
      default:
        return step satisfies never;
    }
  }

  private readonly locationOf = (node: Node): Location => {
    const location = this.plan.locations.get(node);
    if (location === undefined) throw new CompileError(`cuda: ${node.op} has no place`);
    return location;
  };

  /** Equal texts for values in the same memory. */
  private readonly placeOf = (node: Node): string => {
    const location = this.locationOf(node);
    return location.kind === "temporary"
      ? `temporary ${location.offset}`
      : `${location.kind} ${location.index}`;
  };

  /** What kernels of a step need to know of the program. */
  private options({ writes }: Step): RenderOptions {
    const { alignment, placeOf } = this;
    return {
      target: this.unit.target,
      placeOf,
      writesState: this.writesState({ writes }),
      alignmentOf: (node) => alignment.at(at(this.locationOf(node))),
    };
  }

  private writesState({ writes }: Pick<Step, "writes">): boolean {
    return writes.some((node) => this.locationOf(node).kind === "input");
  }

  private touches(step: Pick<Step, "reads" | "writes">): Touches {
    const range = (node: Node): Range => rangeOf(at(this.locationOf(node)), bytesOf(node));
    return { reads: step.reads.map(range), writes: step.writes.map(range) };
  }

  /** Scratch memory of a step; steps near each other get different parts. */
  private takeScratch(bytes: number): number {
    const { unit } = this;
    const size = roundUp(bytes, ALIGNMENT);
    if (unit.nextScratch + size > SCRATCH_BYTES) unit.nextScratch = 0;
    const offset = unit.nextScratch;
    unit.nextScratch += size;
    unit.scratchBytes = Math.max(unit.scratchBytes, offset + size);
    return offset;
  }

  private rendered(rendered: RenderedStep, step: Step): void {
    const { scratchBytes, name } = rendered;
    const scratch: Operand = {
      place: { kind: "scratch" },
      offset: scratchBytes > 0 ? this.takeScratch(scratchBytes) : 0,
    };
    const used = scratchBytes > 0 ? [rangeOf(scratch, scratchBytes)] : [];
    const heeds = this.writesState(step);
    const isConcat = step.kind === "kernel" && step.kernel.name === "concat";
    const isPart = isConcat && rendered.functions.length === 1;
    const share = 1 / rendered.functions.length;
    for (const made of rendered.functions) {
      if (made.blocks === 0) continue;
      const reports = made.text.includes("checked_index(");
      this.checksIndices ||= reports;
      const { reads, writes } = this.touches(this.ownPart(made, rendered.functions, step));
      const touches: Touches = { reads, writes: [...writes, ...used], reports, heeds };
      const facts = { name, bytes: rendered.bytes * share, flops: rendered.flops * share };
      const values = made.arguments.map((argument) => this.argument(argument, scratch));
      const family = isPart ? step.writes[0] : null;
      this.list.addWork({ function: made, arguments: values, touches, family, facts });
    }
  }

  /**
   * What one function of a step reads and writes: what it has the addresses of. The last sums of a
   * reduction are not in the way of what the first part has stored.
   */
  private ownPart(
    own: KernelFunction,
    all: readonly KernelFunction[],
    { reads, writes }: Step,
  ): Pick<Step, "reads" | "writes"> {
    if (all.length === 1) return { reads, writes };
    const placesOf = (made: KernelFunction): string[] =>
      made.arguments.flatMap((argument) =>
        argument.kind === "value" ? [this.placeOf(this.valueUnder(argument.value))] : [],
      );
    const [mine, anyones] = [new Set(placesOf(own)), new Set(all.flatMap(placesOf))];
    const isMine = (node: Node): boolean => {
      const place = this.placeOf(node);
      return mine.has(place) || !anyones.has(place);
    };
    return { reads: reads.filter(isMine), writes: writes.filter(isMine) };
  }

  private argument(argument: KernelArgument, scratch: Operand): EntryArgument {
    switch (argument.kind) {
      case "value":
        return at(this.locationOf(this.valueUnder(argument.value)), argument.offset);
      case "scratch":
        return { place: scratch.place, offset: scratch.offset + argument.offset };
      case "errors":
        return errorAddress;
      case "int":
        return { int: argument.value };
      default:
        return argument satisfies never;
    }
  }

  /** What a library does, or a generated kernel in its place. */
  private placed(made: PlacedCall | RenderedStep, step: Step): void {
    if ("functions" in made) return this.rendered(made, step);
    const operands = made.operands.map(({ value, offset }) => at(this.locationOf(value), offset));
    const { facts } = made;
    const launch: Launch = { kind: "library", call: made.call, operands, facts };
    this.list.addFixed(launch, this.touches(step));
  }

  private contraction(step: Extract<Step, { kind: "contraction" }>): void {
    this.placed(contractionCall(step, this.unit.target, this.unit.allowTf32), step);
    if (step.epilogue === null) return;
    const rendered = renderKernel(step.epilogue, this.options(step));
    const reads = [...step.reads, step.node];
    this.rendered(rendered, { ...step, reads });
  }

  /**
   * Short copies are generated, so that they share launches; so are copies to state, which must
   * look for errors first. State is assigned by programs, never by bodies: it is aligned.
   */
  private copy({ from, to, bytes }: Extract<Step, { kind: "copy" }>): void {
    if (bytes === 0) return;
    const [source, target] = [at(from), at(to)];
    const facts = { name: "copy", bytes: 2 * bytes, flops: 0 };
    const writesState = to.kind === "input";
    const touches: Touches = {
      reads: [rangeOf(source, bytes)],
      writes: [rangeOf(target, bytes)],
      heeds: writesState,
    };
    const isAligned = [source, target].every((place) => this.alignment.at(place) >= 16);
    if (writesState || (bytes <= SHORT_COPY && isAligned)) {
      const made = copyFunction(bytes, writesState);
      const values: EntryArgument[] = [source, target, { int: bytes }];
      if (writesState) values.push(errorAddress);
      this.list.addWork({ function: made, arguments: values, touches, family: null, facts });
    } else {
      this.list.addFixed({ kind: "copy", from: source, to: target, bytes, facts }, touches);
    }
  }

  /** The value with a buffer that a whole-buffer operand is a view of. */
  private valueUnder(node: Node): Node {
    let base = node;
    while (!this.plan.locations.has(base)) {
      if (base.src.length === 0) throw new CompileError(`cuda: ${node.op} has no buffer`);
      [base] = base.src;
    }
    return base;
  }

  private host(step: Extract<Step, { kind: "custom" }>): void {
    const { node } = step;
    if (node.op !== "custom") throw new CompileError("cuda: host steps hold custom ops");
    const array = (part: Node): HostArgument => ({
      operand: at(this.locationOf(this.valueUnder(part))),
      dtype: part.dtype,
      elements: numel(part.shape),
    });
    const { name } = node.attrs;
    const bytes = [node, ...node.src].reduce((sum, part) => sum + bytesOf(part), 0);
    const facts: LaunchFacts = { name: `custom_${name}`, bytes, flops: 0 };
    const launch: Launch = {
      kind: "host",
      name,
      inputs: node.src.map(array),
      output: array(node),
      facts,
    };
    this.unit.isCapturable = false;
    this.list.addFixed(launch, this.touches(step));
  }

  private loop(step: Extract<Step, { kind: "loop" }>): void {
    const sourceOf = (i: number): Operand => at(this.locationOf(this.valueUnder(step.node.src[i])));
    const { inputs, outputs, temporaries } = loopLaunch(step, [], this.locationOf, sourceOf);
    const alignment = this.alignment.body(inputs, outputs, temporaries);
    const writer = new ScheduleWriter(this.unit, step.body, alignment);
    const launch = loopLaunch(step, writer.write(), this.locationOf, sourceOf);
    const reports = writer.checksIndices;
    this.checksIndices ||= reports;
    if (step.node.attrs.conditional) this.unit.isCapturable = false;
    const { reads, writes } = this.touches(step);
    const block = rangeOf(at(this.locationOf(step.node)), step.layout.bytes);
    // What the body's kernels use of the scratch memory may be used by steps around it as well.
    const scratch = rangeOf({ place: { kind: "scratch" }, offset: 0 }, SCRATCH_BYTES);
    this.list.addFixed(launch, { reads, writes: [...writes, block, scratch], reports });
  }
}

/** Writes one program. `merges: false` gives every step launches of its own. */
export function writeProgram(
  plan: Schedule,
  target: CudaTarget,
  { merges, allowTf32 }: { readonly merges: boolean; readonly allowTf32: boolean },
): CudaProgramCode {
  const unit: Unit = {
    target,
    text: new UnitText(),
    merges,
    allowTf32,
    scratchBytes: 0,
    nextScratch: 0,
    isCapturable: true,
  };
  const writer = new ScheduleWriter(unit, plan);
  const launches = writer.write();
  const text = unit.text.finish();
  return {
    source: text === "" ? "" : usedPrelude(text) + text,
    launches,
    dependencies: writer.dependencies(),
    temporaryBytes: plan.temporaryBytes,
    scratchBytes: unit.scratchBytes,
    isCapturable: unit.isCapturable,
    checksIndices: writer.checksIndices,
  };
}
