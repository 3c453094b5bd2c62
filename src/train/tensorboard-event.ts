import type { Histogram } from "./tensorboard-histogram.ts";
import type { WireField } from "./tensorboard-wire.ts";
import {
  bytesField,
  concatBytes,
  doubleField,
  doublesField,
  floatField,
  integerField,
} from "./tensorboard-wire.ts";

// Field numbers are those of tensorflow/core/util/event.proto and framework/summary.proto.

/** When something happened. */
export interface EventTime {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step: number;
}

/** The first event of a file. */
export function versionEvent(wallTime: number): Uint8Array {
  return concatBytes([doubleField(1, wallTime), bytesField(3, "brain.Event:2")]);
}

/** An event with values. */
export function summaryEvent(
  { wallTime, step }: EventTime,
  values: readonly (readonly WireField[])[],
): Uint8Array {
  const summary = values.map((fields) => bytesField(1, fields));
  return concatBytes([doubleField(1, wallTime), integerField(2, step), bytesField(5, summary)]);
}

/** A number. */
export function scalarValue(tag: string, value: number): WireField[] {
  return [bytesField(1, tag), floatField(2, value)];
}

/** A PNG picture; `channels` is 1 for grey, 3 for RGB, 4 with opacity. */
export function imageValue(
  tag: string,
  picture: { readonly width: number; readonly height: number; readonly channels: number },
  png: Uint8Array,
): WireField[] {
  const { height, width, channels } = picture;
  const image = [
    integerField(1, height),
    integerField(2, width),
    integerField(3, channels),
    bytesField(4, png),
  ];
  return [bytesField(1, tag), bytesField(4, image)];
}

/** A histogram. */
export function histogramValue(tag: string, histogram: Histogram): WireField[] {
  const { min, max, count, sum, sumSquares, limits, counts } = histogram;
  const fields = [
    doubleField(1, min),
    doubleField(2, max),
    doubleField(3, count),
    doubleField(4, sum),
    doubleField(5, sumSquares),
    doublesField(6, limits),
    doublesField(7, counts),
  ];
  return [bytesField(1, tag), bytesField(5, fields)];
}

/** Which of TensorBoard's plugins shows a value. */
function pluginMetadata(name: string, content: readonly WireField[] = []): WireField {
  const plugin = [bytesField(1, name), ...(content.length > 0 ? [bytesField(2, content)] : [])];
  return bytesField(9, [bytesField(1, plugin)]);
}

/** A text, which TensorBoard shows as Markdown. */
export function textValue(tag: string, text: string): WireField[] {
  const stringType = 7;
  const tensor = [
    integerField(1, stringType),
    bytesField(2, [bytesField(2, [integerField(1, 1)])]),
    bytesField(8, text),
  ];
  return [bytesField(1, `${tag}/text_summary`), bytesField(8, tensor), pluginMetadata("text")];
}

/** What a hyperparameter is set to. */
export type HparamValue = number | string | boolean;

/** A value of google.protobuf.Struct. */
function structValue(value: HparamValue): WireField[] {
  if (typeof value === "number") return [doubleField(2, value)];
  return typeof value === "string" ? [bytesField(3, value)] : [integerField(4, Number(value))];
}

// Field numbers are those of tensorboard/plugins/hparams/{plugin_data,api}.proto.

/** The three values that tell TensorBoard's table of runs what was set and what is measured. */
export function hparamValues(
  hparams: Readonly<Record<string, HparamValue>>,
  metrics: readonly string[],
  wallTime: number,
): WireField[][] {
  const dataTypes = { string: 1, boolean: 2, number: 3 } as const;
  const infos = Object.entries(hparams).map(([name, value]) => {
    const type = dataTypes[typeof value as keyof typeof dataTypes];
    return bytesField(4, [bytesField(1, name), integerField(4, type)]);
  });
  const metricInfos = metrics.map((tag) => bytesField(5, [bytesField(1, [bytesField(2, tag)])]));
  const settings = Object.entries(hparams).map(([name, value]) =>
    bytesField(1, [bytesField(1, name), bytesField(2, structValue(value))]),
  );
  const success = 1;
  const entry = (tag: string, field: number, content: readonly WireField[]): WireField[] => [
    bytesField(1, tag),
    pluginMetadata("hparams", [bytesField(field, content)]),
  ];
  return [
    entry("_hparams_/experiment", 2, [...infos, ...metricInfos]),
    entry("_hparams_/session_start_info", 3, [...settings, doubleField(5, wallTime)]),
    entry("_hparams_/session_end_info", 4, [integerField(1, success), doubleField(2, wallTime)]),
  ];
}
