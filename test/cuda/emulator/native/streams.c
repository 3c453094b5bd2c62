/*
 * Streams keep their work until something waits for it, as late as a device might: a host that reads
 * or overwrites too early is found out. Captures record the same work into graphs.
 */
#include "emulator.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct graph {
  u32 magic;
  struct emu_op *first, *last;
  int count;
  int checked; /* launches that were compared with the order of the capture */
};
/* Nodes of a graph, by sequence. */
struct nodes {
  u64 *items;
  int count;
};
struct stream {
  u32 magic;
  int is_blocking, was_asked;
  struct emu_op *first, *last;
  u64 enqueued, executed;
  struct graph *capture; /* graph it records into */
  struct nodes waited; /* what the next node of the capture comes after */
  int is_origin, is_invalid;
  struct stream *next;
};
struct event {
  u32 magic;
  int was_asked, is_captured;
  struct stream *stream; /* that it was recorded in; NULL before */
  struct graph *graph;
  struct nodes waited;
  u64 sequence;
  double seconds;
};
static struct stream null_stream = {.magic = MAGIC_STREAM, .is_blocking = 1};
static struct stream *streams = &null_stream;

static void clear_nodes(struct nodes *nodes) { nodes->count = 0; }
static void add_node(struct nodes *nodes, u64 sequence) {
  for (int i = 0; i < nodes->count; i++)
    if (nodes->items[i] == sequence) return;
  nodes->items = realloc(nodes->items, (nodes->count + 1) * sizeof(u64));
  nodes->items[nodes->count++] = sequence;
}
static void add_nodes(struct nodes *nodes, const struct nodes *more) {
  for (int i = 0; i < more->count; i++) add_node(nodes, more->items[i]);
}

static struct stream *stream_of(u64 handle) {
  return handle == 0 ? &null_stream : emu_object(handle, MAGIC_STREAM);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void free_op(struct emu_op *op) {
  free(op->data);
  free(op->after);
  free(op);
}
static int run_until(struct stream *stream, u64 sequence) {
  while (stream->executed < sequence && stream->first != NULL) {
    struct emu_op *op = stream->first;
    stream->first = op->next;
    if (stream->first == NULL) stream->last = NULL;
    if (emu.sticky == 0) {
      int error = op->run(op);
      if (error) emu.sticky = error;
    }
    stream->executed = op->sequence;
    free_op(op);
  }
  return emu.sticky;
}
int emu_flush(u64 handle) {
  struct stream *stream = stream_of(handle);
  if (stream == NULL) return CU_INVALID_HANDLE;
  return run_until(stream, stream->enqueued);
}
int emu_flush_all(void) {
  for (struct stream *at = streams; at != NULL; at = at->next) run_until(at, at->enqueued);
  return emu.sticky;
}
void emu_reset_streams(void) {
  for (struct stream *at = streams; at != NULL; at = at->next) {
    while (at->first != NULL) {
      struct emu_op *op = at->first;
      at->first = op->next;
      free_op(op);
    }
    at->last = NULL;
    at->executed = at->enqueued;
    at->capture = NULL;
    at->is_origin = at->is_invalid = at->was_asked = 0;
  }
}
int emu_is_capturing(u64 handle) {
  struct stream *stream = stream_of(handle);
  return stream != NULL && stream->capture != NULL;
}

static struct emu_op *copy_op(const struct emu_op *from) {
  struct emu_op *op = malloc(sizeof *op);
  *op = *from;
  op->next = NULL;
  op->data = malloc(from->bytes ? from->bytes : 1);
  memcpy(op->data, from->data, from->bytes);
  op->after = NULL;
  if (from->after_count > 0) {
    op->after = malloc(from->after_count * sizeof(u64));
    memcpy(op->after, from->after, from->after_count * sizeof(u64));
  }
  return op;
}
static void append(struct graph *graph, struct emu_op *op) {
  if (graph->last) graph->last->next = op;
  else graph->first = op;
  graph->last = op;
  op->sequence = ++graph->count;
}

int emu_enqueue(u64 handle, int kind, int (*run)(struct emu_op *), const void *data, size_t bytes) {
  struct stream *stream = stream_of(handle);
  if (stream == NULL) return CU_INVALID_HANDLE;
  struct emu_op template = {.kind = kind, .run = run, .bytes = bytes, .data = (void *)data};
  struct emu_op *op = copy_op(&template);
  if (stream->capture != NULL) {
    append(stream->capture, op);
    op->after = stream->waited.items;
    op->after_count = stream->waited.count;
    stream->waited = (struct nodes){NULL, 0};
    add_node(&stream->waited, op->sequence);
    return CU_OK;
  }
  op->sequence = ++stream->enqueued;
  if (stream->last) stream->last->next = op;
  else stream->first = op;
  stream->last = op;
  /* The default stream waits for all that block with it. */
  if (stream == &null_stream)
    for (struct stream *at = streams; at != NULL; at = at->next)
      if (at->is_blocking) run_until(at, at->enqueued);
  return emu.sticky;
}

/* A call that cannot be recorded spoils the capture. */
static int refuse_capture(struct stream *stream) {
  if (stream->capture == NULL) return 0;
  stream->is_invalid = 1;
  return CU_CAPTURE_UNSUPPORTED;
}

int cuStreamCreateWithPriority(u64 *handle, u32 flags, int priority) {
  (void)priority;
  int error = emu_context_error();
  if (error) return error;
  struct stream *stream = calloc(1, sizeof *stream);
  stream->magic = MAGIC_STREAM;
  stream->is_blocking = (flags & 1) == 0;
  stream->next = streams;
  streams = stream;
  *handle = (u64)(uintptr_t)stream;
  return CU_OK;
}
int cuStreamCreate(u64 *handle, u32 flags) { return cuStreamCreateWithPriority(handle, flags, 0); }
int cuStreamDestroy_v2(u64 handle) {
  struct stream *stream = emu_object(handle, MAGIC_STREAM);
  if (stream == NULL) return CU_INVALID_HANDLE;
  run_until(stream, stream->enqueued);
  stream->magic = 0;
  for (struct stream **at = &streams; *at != NULL; at = &(*at)->next)
    if (*at == stream) {
      *at = stream->next;
      break;
    }
  return CU_OK;
}
int cuStreamSynchronize(u64 handle) {
  int error = emu_context_error();
  if (error) return error;
  struct stream *stream = stream_of(handle);
  if (stream == NULL) return CU_INVALID_HANDLE;
  error = refuse_capture(stream);
  return error ? error : run_until(stream, stream->enqueued);
}
/* Says once that work is not ready, then does it. */
int cuStreamQuery(u64 handle) {
  int error = emu_context_error();
  if (error) return error;
  struct stream *stream = stream_of(handle);
  if (stream == NULL) return CU_INVALID_HANDLE;
  error = refuse_capture(stream);
  if (error) return error;
  if (stream->first != NULL && !stream->was_asked) {
    stream->was_asked = 1;
    return CU_NOT_READY;
  }
  stream->was_asked = 0;
  return run_until(stream, stream->enqueued);
}

/* ---- events */
int cuEventCreate(u64 *handle, u32 flags) {
  (void)flags;
  int error = emu_context_error();
  if (error) return error;
  struct event *event = calloc(1, sizeof *event);
  event->magic = MAGIC_EVENT;
  *handle = (u64)(uintptr_t)event;
  return CU_OK;
}
int cuEventDestroy_v2(u64 handle) {
  struct event *event = emu_object(handle, MAGIC_EVENT);
  if (event == NULL) return CU_INVALID_HANDLE;
  event->magic = 0;
  return CU_OK;
}
struct record {
  struct event *event;
};
static int run_record(struct emu_op *op) {
  ((struct record *)op->data)->event->seconds = now();
  return CU_OK;
}
int cuEventRecord(u64 handle, u64 stream_handle) {
  int error = emu_context_error();
  if (error) return error;
  struct event *event = emu_object(handle, MAGIC_EVENT);
  struct stream *stream = stream_of(stream_handle);
  if (event == NULL || stream == NULL) return CU_INVALID_HANDLE;
  event->stream = stream;
  event->graph = stream->capture;
  clear_nodes(&event->waited);
  add_nodes(&event->waited, &stream->waited);
  event->was_asked = 0;
  if (stream->capture != NULL) return CU_OK;
  struct record record = {event};
  error = emu_enqueue(stream_handle, OP_RECORD, run_record, &record, sizeof record);
  event->sequence = stream->enqueued;
  return error;
}
int cuEventRecordWithFlags(u64 event, u64 stream, u32 flags) {
  (void)flags;
  return cuEventRecord(event, stream);
}
struct wait {
  struct stream *stream;
  u64 sequence;
};
static int run_wait(struct emu_op *op) {
  struct wait *wait = op->data;
  return run_until(wait->stream, wait->sequence);
}
int cuStreamWaitEvent(u64 stream_handle, u64 event_handle, u32 flags) {
  (void)flags;
  int error = emu_context_error();
  if (error) return error;
  struct event *event = emu_object(event_handle, MAGIC_EVENT);
  struct stream *stream = stream_of(stream_handle);
  if (event == NULL || stream == NULL) return CU_INVALID_HANDLE;
  if (event->stream == NULL) return CU_OK;
  if (event->graph != NULL) { /* the stream joins the capture */
    if (stream->capture != NULL && stream->capture != event->graph) return CU_CAPTURE_WRONG_STREAM;
    if (stream->capture == NULL) clear_nodes(&stream->waited);
    stream->capture = event->graph;
    add_nodes(&stream->waited, &event->waited);
    return CU_OK;
  }
  if (stream->capture != NULL) return CU_OK; /* work before the capture is before its replay too */
  struct wait wait = {event->stream, event->sequence};
  return emu_enqueue(stream_handle, OP_WAIT, run_wait, &wait, sizeof wait);
}
int cuEventSynchronize(u64 handle) {
  int error = emu_context_error();
  if (error) return error;
  struct event *event = emu_object(handle, MAGIC_EVENT);
  if (event == NULL) return CU_INVALID_HANDLE;
  if (event->graph != NULL) return CU_CAPTURE_UNSUPPORTED;
  return event->stream == NULL ? CU_OK : run_until(event->stream, event->sequence);
}
int cuEventQuery(u64 handle) {
  int error = emu_context_error();
  if (error) return error;
  struct event *event = emu_object(handle, MAGIC_EVENT);
  if (event == NULL) return CU_INVALID_HANDLE;
  if (event->graph != NULL) return CU_CAPTURE_UNSUPPORTED;
  if (event->stream == NULL || event->stream->executed >= event->sequence) return CU_OK;
  if (!event->was_asked) {
    event->was_asked = 1;
    return CU_NOT_READY;
  }
  return run_until(event->stream, event->sequence);
}
int cuEventElapsedTime(float *milliseconds, u64 first_handle, u64 second_handle) {
  int error = emu_context_error();
  if (error) return error;
  struct event *first = emu_object(first_handle, MAGIC_EVENT);
  struct event *second = emu_object(second_handle, MAGIC_EVENT);
  if (first == NULL || second == NULL || !first->stream || !second->stream) return CU_INVALID_HANDLE;
  if (first->stream->executed < first->sequence) return CU_NOT_READY;
  if (second->stream->executed < second->sequence) return CU_NOT_READY;
  *milliseconds = (float)((second->seconds - first->seconds) * 1e3);
  return CU_OK;
}

/* ---- copies */
struct copy {
  u64 to, from, bytes;
  int kind; /* 0 between devices, 1 from the host, 2 to the host, 3 bytes, 4 words */
  u32 value;
};
static void copy_bytes(void *data) {
  struct copy *copy = data;
  char *to = (char *)(uintptr_t)copy->to;
  if (copy->kind == 3) memset(to, (int)copy->value, copy->bytes);
  else if (copy->kind == 4)
    for (u64 i = 0; i < copy->bytes / 4; i++) ((u32 *)to)[i] = copy->value;
  else if (copy->kind == 5) memcpy(to, copy + 1, copy->bytes);
  else memmove(to, (char *)(uintptr_t)copy->from, copy->bytes);
}
static int run_copy(struct emu_op *op) {
  emu.copies++;
  return emu_run_guarded("a copy", copy_bytes, op->data);
}
static int enqueue_copy(u64 stream, struct copy copy) {
  int error = emu_context_error();
  if (error) return error;
  if (copy.kind != 2 && !emu_is_device(copy.to, copy.bytes)) return CU_INVALID_VALUE;
  if ((copy.kind == 0 || copy.kind == 2) && !emu_is_device(copy.from, copy.bytes)) return CU_INVALID_VALUE;
  if (copy.bytes == 0) return CU_OK;
  return emu_enqueue(stream, OP_COPY, run_copy, &copy, sizeof copy);
}
int cuMemcpyDtoDAsync_v2(u64 to, u64 from, size_t bytes, u64 stream) {
  return enqueue_copy(stream, (struct copy){to, from, bytes, 0, 0});
}
int cuMemcpyHtoDAsync_v2(u64 to, void *from, size_t bytes, u64 stream) {
  u64 source = (u64)(uintptr_t)from;
  if (emu_is_pinned(source, bytes) || emu_is_capturing(stream) || bytes == 0)
    return enqueue_copy(stream, (struct copy){to, source, bytes, 1, 0});
  /* Memory that is not pinned has been read when the call returns. */
  int error = emu_context_error();
  if (error) return error;
  if (!emu_is_device(to, bytes)) return CU_INVALID_VALUE;
  struct copy *copy = malloc(sizeof *copy + bytes);
  *copy = (struct copy){to, 0, bytes, 5, 0};
  memcpy(copy + 1, from, bytes);
  error = emu_enqueue(stream, OP_COPY, run_copy, copy, sizeof *copy + bytes);
  free(copy);
  return error;
}
int cuMemcpyDtoHAsync_v2(void *to, u64 from, size_t bytes, u64 stream) {
  u64 target = (u64)(uintptr_t)to;
  int error = enqueue_copy(stream, (struct copy){target, from, bytes, 2, 0});
  if (error || emu_is_capturing(stream) || emu_is_pinned(target, bytes)) return error;
  return emu_flush(stream);
}
int cuMemcpyHtoD_v2(u64 to, void *from, size_t bytes) {
  int error = cuMemcpyHtoDAsync_v2(to, from, bytes, 0);
  return error ? error : emu_flush(0);
}
int cuMemcpyDtoH_v2(void *to, u64 from, size_t bytes) {
  int error = cuMemcpyDtoHAsync_v2(to, from, bytes, 0);
  return error ? error : emu_flush(0);
}
int cuMemsetD8Async(u64 to, unsigned char value, size_t bytes, u64 stream) {
  return enqueue_copy(stream, (struct copy){to, 0, bytes, 3, value});
}
int cuMemsetD32Async(u64 to, u32 value, size_t count, u64 stream) {
  return enqueue_copy(stream, (struct copy){to, 0, count * 4, 4, value});
}

/* ---- capture and graphs */
int cuStreamBeginCapture_v2(u64 handle, int mode) {
  int error = emu_context_error();
  if (error) return error;
  struct stream *stream = stream_of(handle);
  if (stream == NULL) return CU_INVALID_HANDLE;
  if (stream == &null_stream || mode < 0 || mode > 2) return CU_CAPTURE_UNSUPPORTED;
  if (stream->capture != NULL) return CU_INVALID_VALUE;
  stream->capture = calloc(1, sizeof(struct graph));
  stream->capture->magic = MAGIC_GRAPH;
  clear_nodes(&stream->waited);
  stream->is_origin = 1;
  stream->is_invalid = 0;
  emu.captures++;
  return CU_OK;
}
int cuStreamEndCapture(u64 handle, u64 *graph) {
  int error = emu_context_error();
  if (error) return error;
  struct stream *stream = stream_of(handle);
  if (stream == NULL) return CU_INVALID_HANDLE;
  if (stream->capture == NULL || !stream->is_origin) return CU_INVALID_VALUE;
  int is_invalid = stream->is_invalid;
  *graph = is_invalid ? 0 : (u64)(uintptr_t)stream->capture;
  struct graph *recorded = stream->capture;
  for (struct stream *at = streams; at != NULL; at = at->next) {
    if (at->capture != recorded) continue;
    at->capture = NULL;
    at->is_origin = 0;
  }
  return is_invalid ? CU_CAPTURE_INVALIDATED : CU_OK;
}
int cuStreamIsCapturing(u64 handle, int *status) {
  struct stream *stream = stream_of(handle);
  if (stream == NULL) return CU_INVALID_HANDLE;
  *status = stream->capture == NULL ? 0 : stream->is_invalid ? 2 : 1;
  return CU_OK;
}
int cuStreamGetCaptureInfo_v2(u64 handle, int *status, u64 *id, u64 *graph, u64 *nodes, u64 *count) {
  static u64 *listed; /* good until the next call */
  struct stream *stream = stream_of(handle);
  if (stream == NULL) return CU_INVALID_HANDLE;
  *status = stream->capture != NULL;
  if (stream->capture == NULL) return CU_OK;
  const struct nodes *waited = &stream->waited;
  free(listed);
  listed = calloc(waited->count + 1, sizeof(u64));
  for (struct emu_op *op = stream->capture->first; op != NULL; op = op->next)
    for (int i = 0; i < waited->count; i++)
      if (waited->items[i] == op->sequence) listed[i] = (u64)(uintptr_t)op;
  if (id) *id = (u64)(uintptr_t)stream->capture;
  if (graph) *graph = (u64)(uintptr_t)stream->capture;
  if (nodes) *nodes = (u64)(uintptr_t)listed;
  if (count) *count = waited->count;
  return CU_OK;
}
int cuStreamGetCaptureInfo_v3(u64 handle, int *status, u64 *id, u64 *graph, u64 *nodes, u64 *edges, u64 *count) {
  if (edges) *edges = 0;
  return cuStreamGetCaptureInfo_v2(handle, status, id, graph, nodes, count);
}
static int has_node(const struct graph *graph, u64 node) {
  for (struct emu_op *op = graph->first; op != NULL; op = op->next)
    if ((u64)(uintptr_t)op == node) return 1;
  return 0;
}
/* flags: 0 adds to what the next node waits for, 1 takes its place. */
int cuStreamUpdateCaptureDependencies(u64 handle, const u64 *nodes, size_t count, u32 flags) {
  struct stream *stream = stream_of(handle);
  if (stream == NULL) return CU_INVALID_HANDLE;
  if (stream->capture == NULL) return CU_ILLEGAL_STATE;
  if (flags > 1) return CU_INVALID_VALUE;
  for (size_t i = 0; i < count; i++)
    if (!has_node(stream->capture, nodes[i])) return CU_INVALID_VALUE;
  if (flags == 1) clear_nodes(&stream->waited);
  for (size_t i = 0; i < count; i++)
    add_node(&stream->waited, ((struct emu_op *)(uintptr_t)nodes[i])->sequence);
  return CU_OK;
}
int cuStreamUpdateCaptureDependencies_v2(u64 handle, const u64 *nodes, const void *edges, size_t count, u32 flags) {
  if (edges != NULL) return CU_INVALID_VALUE;
  return cuStreamUpdateCaptureDependencies(handle, nodes, count, flags);
}

static void free_ops(struct graph *graph) {
  for (struct emu_op *op = graph->first; op != NULL;) {
    struct emu_op *next = op->next;
    free_op(op);
    op = next;
  }
  graph->first = graph->last = NULL;
  graph->count = graph->checked = 0;
}
static void copy_graph(struct graph *to, const struct graph *from) {
  for (struct emu_op *op = from->first; op != NULL; op = op->next) append(to, copy_op(op));
}
int cuGraphDestroy(u64 handle) {
  struct graph *graph = emu_object(handle, MAGIC_GRAPH);
  if (graph == NULL) return CU_INVALID_HANDLE;
  free_ops(graph);
  graph->magic = 0;
  return CU_OK;
}
int cuGraphGetNodes(u64 handle, u64 *nodes, u64 *count) {
  struct graph *graph = emu_object(handle, MAGIC_GRAPH);
  if (graph == NULL) return CU_INVALID_HANDLE;
  if (nodes == NULL) {
    *count = graph->count;
    return CU_OK;
  }
  u64 i = 0;
  for (struct emu_op *op = graph->first; op != NULL && i < *count; op = op->next)
    nodes[i++] = (u64)(uintptr_t)op;
  *count = i;
  return CU_OK;
}
int cuGraphInstantiateWithFlags(u64 *exec, u64 handle, u64 flags) {
  (void)flags;
  int error = emu_context_error();
  if (error) return error;
  struct graph *graph = emu_object(handle, MAGIC_GRAPH);
  if (graph == NULL) return CU_INVALID_HANDLE;
  struct graph *made = calloc(1, sizeof *made);
  made->magic = MAGIC_EXEC;
  copy_graph(made, graph);
  *exec = (u64)(uintptr_t)made;
  return CU_OK;
}
int cuGraphExecDestroy(u64 handle) {
  struct graph *exec = emu_object(handle, MAGIC_EXEC);
  if (exec == NULL) return CU_INVALID_HANDLE;
  emu_flush_all();
  free_ops(exec);
  exec->magic = 0;
  return CU_OK;
}
int cuGraphUpload(u64 handle, u64 stream) {
  (void)stream;
  int error = emu_context_error();
  if (error) return error;
  return emu_object(handle, MAGIC_EXEC) ? CU_OK : CU_INVALID_HANDLE;
}
/* An order of the nodes, which the edges allow: any, or with as many as possible before those that
 * were captured earlier. */
static struct emu_op **allowed_order(const struct graph *graph, int latest_first) {
  static u64 random = 88172645463325252u;
  int count = graph->count, ready_count = 0, done = 0;
  struct emu_op **ops = calloc(count + 1, sizeof *ops), **order = calloc(count + 1, sizeof *order);
  int *missing = calloc(count + 1, sizeof(int)), *ready = calloc(count + 1, sizeof(int));
  struct nodes *followers = calloc(count + 1, sizeof *followers);
  for (struct emu_op *op = graph->first; op != NULL; op = op->next) {
    int i = (int)op->sequence - 1;
    ops[i] = op;
    missing[i] = op->after_count;
    if (missing[i] == 0) ready[ready_count++] = i;
    for (int j = 0; j < op->after_count; j++) add_node(&followers[op->after[j] - 1], i);
  }
  while (ready_count > 0) {
    int pick = 0;
    random ^= random << 13, random ^= random >> 7, random ^= random << 17;
    if (!latest_first) pick = (int)(random % (u64)ready_count);
    else
      for (int i = 1; i < ready_count; i++)
        if (ready[i] > ready[pick]) pick = i;
    int now = ready[pick];
    ready[pick] = ready[--ready_count];
    order[done++] = ops[now];
    for (int i = 0; i < followers[now].count; i++)
      if (--missing[followers[now].items[i]] == 0) ready[ready_count++] = (int)followers[now].items[i];
    free(followers[now].items);
  }
  free(ops), free(missing), free(ready), free(followers);
  return order;
}
static u64 depth_of(const struct graph *graph) {
  u64 *depths = calloc(graph->count + 1, sizeof(u64)), most = 0;
  for (const struct emu_op *op = graph->first; op != NULL; op = op->next) {
    u64 before = 0;
    for (int i = 0; i < op->after_count; i++)
      if (depths[op->after[i]] > before) before = depths[op->after[i]];
    depths[op->sequence] = before + 1;
    if (before + 1 > most) most = before + 1;
  }
  free(depths);
  return most;
}
static int run_in_order(struct emu_op **order, int count) {
  int error = 0;
  for (int i = 0; i < count && error == 0; i++) error = order[i]->run(order[i]);
  return error;
}
/* Runs the nodes as they were captured, and puts the memory back to before; returns what came out. */
static char *expected_memory(const struct graph *exec, int *error) {
  u64 bytes = emu_device_bytes(), kernels = emu.kernels, copies = emu.copies;
  char *before = malloc(bytes), *expected = malloc(bytes);
  emu_save_device(before);
  for (struct emu_op *at = exec->first; at != NULL && *error == 0; at = at->next) *error = at->run(at);
  if (*error == 0) {
    emu_save_device(expected);
    emu_restore_device(before);
    emu.kernels = kernels;
    emu.copies = copies;
  }
  free(before);
  return expected;
}
/* Nodes run in orders a card might take. Where an edge is missing the result is another one: in a
 * graph's first launches the memory is compared with what the order of the capture leaves. */
#define CHECKED_LAUNCHES 2
#define CHECKED_BYTES ((u64)64 << 20)
static int run_graph(struct emu_op *op) {
  struct graph *exec = *(struct graph **)op->data;
  int error = 0, is_first = exec->checked == 0;
  emu.graph_launches++;
  emu.depth = depth_of(exec);
  char *expected = NULL;
  int is_chain = emu.depth == (u64)exec->count;
  if (!is_chain && exec->checked < CHECKED_LAUNCHES && emu_device_bytes() <= CHECKED_BYTES) {
    exec->checked++;
    expected = expected_memory(exec, &error);
  }
  struct emu_op **order = allowed_order(exec, is_first);
  if (error == 0) error = run_in_order(order, exec->count);
  u64 at = error || expected == NULL ? 0 : emu_differs(expected);
  if (at != 0)
    emu_problem("a graph of %d nodes lacks an edge: the byte at %#llx depends on their order", exec->count,
                (unsigned long long)at);
  free(order);
  free(expected);
  return error;
}
int cuGraphLaunch(u64 handle, u64 stream) {
  int error = emu_context_error();
  if (error) return error;
  struct graph *exec = emu_object(handle, MAGIC_EXEC);
  if (exec == NULL) return CU_INVALID_HANDLE;
  return emu_enqueue(stream, OP_GRAPH, run_graph, &exec, sizeof exec);
}
static int has_same_edges(const struct emu_op *a, const struct emu_op *b) {
  return a->after_count == b->after_count &&
         (a->after_count == 0 || memcmp(a->after, b->after, a->after_count * sizeof(u64)) == 0);
}
/* Takes the parameters of a graph of the same nodes; info = { result, node, node }. */
int cuGraphExecUpdate_v2(u64 exec_handle, u64 graph_handle, int *info) {
  int error = emu_context_error();
  if (error) return error;
  struct graph *exec = emu_object(exec_handle, MAGIC_EXEC);
  struct graph *graph = emu_object(graph_handle, MAGIC_GRAPH);
  if (exec == NULL || graph == NULL) return CU_INVALID_HANDLE;
  emu_flush_all();
  struct emu_op *a = exec->first, *b = graph->first;
  while (a != NULL && b != NULL && a->kind == b->kind && has_same_edges(a, b)) {
    a = a->next;
    b = b->next;
  }
  memset(info, 0, 24);
  if (a != NULL || b != NULL) {
    info[0] = 2;
    return CU_GRAPH_UPDATE_FAILURE;
  }
  free_ops(exec);
  copy_graph(exec, graph);
  return CU_OK;
}
int cuGraphDebugDotPrint(u64 handle, const char *path, u32 flags) {
  (void)path;
  (void)flags;
  return emu_object(handle, MAGIC_GRAPH) ? CU_OK : CU_INVALID_HANDLE;
}

int emu_launch_op(struct emu_op *op);
int emu_pack_launch(u64 function, u32 *shape, u32 shared, void **parameters, void **data, size_t *bytes);
/* params: { function u64, grid 3, block 3, shared u32, params u64@40, … } */
int cuGraphExecKernelNodeSetParams_v2(u64 exec_handle, u64 node, void *params) {
  struct graph *exec = emu_object(exec_handle, MAGIC_EXEC);
  if (exec == NULL) return CU_INVALID_HANDLE;
  emu_flush_all();
  /* Nodes are named by the captured graph's; the executable has them in the same order. */
  struct emu_op *captured = (struct emu_op *)(uintptr_t)node;
  struct emu_op *at = exec->first;
  while (at != NULL && at->sequence != captured->sequence) at = at->next;
  if (at == NULL || at->kind != OP_KERNEL) return CU_INVALID_VALUE;
  u32 *words = params;
  void *data;
  size_t bytes;
  int error = emu_pack_launch(*(u64 *)params, words + 2, words[8], *(void ***)(words + 10), &data, &bytes);
  if (error) return error;
  free(at->data);
  at->data = data;
  at->bytes = bytes;
  return CU_OK;
}
