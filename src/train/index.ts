/**
 * Training: progress, logs, checkpoints, metrics, reports, and complete trainers. For Node.
 *
 * @module
 */
export type { MnistDigits } from "../data/node/mnist.ts";
export { loadMnist } from "../data/node/mnist.ts";
export type { ImageSize } from "./augment.ts";
export { shiftImages } from "./augment.ts";
export type { SavedCheckpoint } from "./checkpoint-folder.ts";
export { CheckpointFolder } from "./checkpoint-folder.ts";
export { loadCheckpoint, saveCheckpoint } from "./checkpoint.ts";
export type { DigitsEvaluation, DigitsOptions, DigitsResult, DigitsSettings } from "./digits.ts";
export { trainDigits } from "./digits.ts";
export type { PeakPrecision, TransformerSize } from "./device-peaks.ts";
export { flopsPerToken, peakFlops } from "./device-peaks.ts";
export type { GptOptions, GptResult, GptSummary } from "./gpt.ts";
export { trainGpt } from "./gpt.ts";
export type { GptPrecision, GptSettings, GptTokenizer } from "./gpt-settings.ts";
export type { JsonlLogger, LogEvent } from "./jsonl-logger.ts";
export { jsonlLogger, readJsonl } from "./jsonl-logger.ts";
export type { LossContext } from "./metrics.ts";
export { accuracy, argmaxRows, assertFinite, ConfusionMatrix, RunningMean } from "./metrics.ts";
export type {
  ProgressBar,
  ProgressMode,
  ProgressOptions,
  ProgressStream,
  ProgressValues,
} from "./progress-bar.ts";
export { formatDuration, formatNumber, progressBar } from "./progress-bar.ts";
export { confusionTable } from "./report/confusion-table.ts";
export type { HeatMap, HeatMapOptions } from "./report/heat-map.ts";
export { heatMaps } from "./report/heat-map.ts";
export type { CaptionedPicture } from "./report/image-grid.ts";
export { imageGrid } from "./report/image-grid.ts";
export type { LevelMark, LineChartOptions, Series } from "./report/line-chart.ts";
export { lineChart, lineChartFile } from "./report/line-chart.ts";
export type { Markup, MarkupPart } from "./report/markup.ts";
export { markup } from "./report/markup.ts";
export type { Picture } from "./report/png.ts";
export { encodePng, pngDataUri } from "./report/png.ts";
export type { Report, ReportSection } from "./report/report.ts";
export { charts, renderReport, writeReport } from "./report/report.ts";
export type { HparamValue } from "./tensorboard-event.ts";
export type { ScalarEvent } from "./tensorboard-reader.ts";
export { readScalars } from "./tensorboard-reader.ts";
export type { ImageLayout, SummaryOptions } from "./tensorboard-writer.ts";
export { SummaryWriter } from "./tensorboard-writer.ts";
