/* cuDNN's backend API: descriptors, engines and plans. One engine does everything. */
#include "cudnn.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAGIC_DESCRIPTOR = 0x444e4e31, MAGIC_HANDLE = 0x444e4e32, WORKSPACE = 512 };

struct descriptor {
  u32 magic;
  struct body *body;
};
struct dnn_handle {
  u32 magic;
  u64 stream;
};
static char last_error[512];

int emu_dnn_fail(int status, const char *format, ...) {
  va_list list;
  va_start(list, format);
  vsnprintf(last_error, sizeof last_error, format, list);
  va_end(list);
  return status;
}
size_t cudnnGetVersion(void) { return 92400; }
size_t cudnnGetCudartVersion(void) { return 13000; }
void cudnnGetLastErrorString(char *text, size_t size) {
  snprintf(text, size, "%s", last_error);
  last_error[0] = 0;
}
const char *cudnnGetErrorString(int status) { return status == 0 ? "CUDNN_STATUS_SUCCESS" : "CUDNN_STATUS"; }
int cudnnCreate(u64 *handle) {
  if (emu_context_error()) return emu_dnn_fail(DNN_NOT_INITIALIZED, "no current context");
  struct dnn_handle *made = calloc(1, sizeof *made);
  made->magic = MAGIC_HANDLE;
  *handle = (u64)(uintptr_t)made;
  return DNN_OK;
}
int cudnnDestroy(u64 handle) {
  struct dnn_handle *object = emu_object(handle, MAGIC_HANDLE);
  if (object == NULL) return DNN_BAD_PARAM;
  object->magic = 0;
  return DNN_OK;
}
int cudnnSetStream(u64 handle, u64 stream) {
  struct dnn_handle *object = emu_object(handle, MAGIC_HANDLE);
  if (object == NULL) return DNN_BAD_PARAM;
  object->stream = stream;
  return DNN_OK;
}

static size_t value_bytes(int type) {
  switch (type) {
    case 2:
    case 24: return 1;
    case 0:
    case 3:
    case 5:
    case 6:
    case 15:
    case 26: return 8;
    default: return 4;
  }
}
static struct body *make_body(int kind) {
  struct body *body = calloc(1, sizeof *body);
  body->kind = kind;
  body->references = 1;
  return body;
}
static void release(struct body *body) {
  if (--body->references > 0) return;
  for (int i = 0; i < body->count; i++) {
    struct attribute *at = &body->attributes[i];
    if (at->type == TYPE_DESCRIPTOR)
      for (int64_t k = 0; k < at->count; k++) release(((struct body **)at->data)[k]);
    free(at->data);
  }
  free(body->attributes);
  free(body);
}
static struct attribute *find(const struct body *body, int name) {
  for (int i = 0; i < body->count; i++)
    if (body->attributes[i].name == name) return &body->attributes[i];
  return NULL;
}
/* Takes data as it is: bodies are already counted. */
static void put(struct body *body, int name, int type, int64_t count, void *data) {
  struct attribute *at = find(body, name);
  if (at == NULL) {
    body->attributes = realloc(body->attributes, (body->count + 1) * sizeof *at);
    at = &body->attributes[body->count++];
  } else free(at->data);
  *at = (struct attribute){name, type, count, data};
}
static void *copied(const void *data, size_t bytes) {
  void *copy = malloc(bytes + 1);
  memcpy(copy, data, bytes);
  return copy;
}
static void put_integer(struct body *body, int name, int64_t value) {
  put(body, name, TYPE_I64, 1, copied(&value, 8));
}
static void put_body(struct body *body, int name, struct body *value) {
  value->references++;
  put(body, name, TYPE_DESCRIPTOR, 1, copied(&value, 8));
}

int64_t emu_dnn_integer(const struct body *body, int name, int64_t otherwise) {
  struct attribute *at = find(body, name);
  if (at == NULL || at->count == 0) return otherwise;
  size_t bytes = value_bytes(at->type);
  return bytes == 8 ? *(int64_t *)at->data : bytes == 4 ? *(int32_t *)at->data : *(uint8_t *)at->data;
}
const int64_t *emu_dnn_integers(const struct body *body, int name, int *count) {
  struct attribute *at = find(body, name);
  *count = at ? (int)at->count : 0;
  return at ? at->data : NULL;
}
int emu_dnn_count(const struct body *body, int name) {
  struct attribute *at = find(body, name);
  return at ? (int)at->count : 0;
}
struct body *emu_dnn_body(const struct body *body, int name, int index) {
  struct attribute *at = find(body, name);
  return at && at->type == TYPE_DESCRIPTOR && index < at->count ? ((struct body **)at->data)[index] : NULL;
}

int cudnnBackendCreateDescriptor(int kind, u64 *handle) {
  struct descriptor *made = calloc(1, sizeof *made);
  made->magic = MAGIC_DESCRIPTOR;
  made->body = make_body(kind);
  *handle = (u64)(uintptr_t)made;
  return DNN_OK;
}
int cudnnBackendDestroyDescriptor(u64 handle) {
  struct descriptor *object = emu_object(handle, MAGIC_DESCRIPTOR);
  if (object == NULL) return emu_dnn_fail(DNN_BAD_PARAM, "destroy of what is no descriptor");
  object->magic = 0;
  release(object->body);
  return DNN_OK;
}
int cudnnBackendSetAttribute(u64 handle, int name, int type, int64_t count, const void *data) {
  struct descriptor *object = emu_object(handle, MAGIC_DESCRIPTOR);
  if (object == NULL || count < 0) return emu_dnn_fail(DNN_BAD_PARAM, "not a descriptor");
  if (object->body->is_final) return emu_dnn_fail(DNN_BAD_PARAM, "attribute %d of a finalized descriptor", name);
  if (type != TYPE_DESCRIPTOR) {
    put(object->body, name, type, count, copied(data, count * value_bytes(type)));
    return DNN_OK;
  }
  struct body **bodies = malloc((count + 1) * sizeof *bodies);
  for (int64_t i = 0; i < count; i++) {
    struct descriptor *other = emu_object(((const u64 *)data)[i], MAGIC_DESCRIPTOR);
    if (other == NULL) return emu_dnn_fail(DNN_BAD_PARAM, "attribute %d: not a descriptor", name);
    if (!other->body->is_final)
      return emu_dnn_fail(DNN_NOT_FINALIZED, "attribute %d: a descriptor of kind %d is not finalized", name, other->body->kind);
    bodies[i] = other->body;
    bodies[i]->references++;
  }
  put(object->body, name, type, count, bodies);
  return DNN_OK;
}
int cudnnBackendGetAttribute(u64 handle, int name, int type, int64_t want, int64_t *got, void *data) {
  struct descriptor *object = emu_object(handle, MAGIC_DESCRIPTOR);
  if (object == NULL) return emu_dnn_fail(DNN_BAD_PARAM, "not a descriptor");
  struct attribute *at = find(object->body, name);
  int64_t count = at ? at->count : 0;
  if (got) *got = count;
  if (want == 0 || data == NULL || count == 0) return DNN_OK;
  if (at->type != type) return emu_dnn_fail(DNN_BAD_PARAM, "attribute %d has another type", name);
  if (count > want) count = want;
  if (type != TYPE_DESCRIPTOR) {
    memcpy(data, at->data, count * value_bytes(type));
    return DNN_OK;
  }
  for (int64_t i = 0; i < count; i++) {
    struct descriptor *to = emu_object(((u64 *)data)[i], MAGIC_DESCRIPTOR);
    if (to == NULL) return emu_dnn_fail(DNN_BAD_PARAM, "no descriptor to write into");
    release(to->body);
    to->body = ((struct body **)at->data)[i];
    to->body->references++;
  }
  return DNN_OK;
}

int emu_dnn_type(int data_type) {
  switch (data_type) {
    case 0: return EMU_F32;
    case 1: return EMU_F64;
    case 2: return EMU_F16;
    case 4: return EMU_I32;
    case 9: return EMU_BF16;
    case 10: return EMU_I64;
    case 11: return EMU_BOOL;
    default: return -1;
  }
}
static int check_tensor(const struct body *body) {
  int rank, strides;
  const int64_t *dims = emu_dnn_integers(body, 902, &rank);
  emu_dnn_integers(body, 903, &strides);
  if (rank == 0 || rank != strides || rank > 8) return emu_dnn_fail(DNN_BAD_PARAM, "a tensor's dims and strides");
  for (int i = 0; i < rank; i++)
    if (dims[i] < 1) return emu_dnn_fail(DNN_BAD_PARAM, "a tensor's dim %d is %lld", i, (long long)dims[i]);
  if (emu_dnn_type((int)emu_dnn_integer(body, 901, -1)) < 0) return emu_dnn_fail(DNN_NOT_SUPPORTED, "a tensor's data type");
  return DNN_OK;
}
static void offer_engine(struct body *heuristics) {
  struct body *engine = make_body(KIND_ENGINE), *config = make_body(KIND_CONFIG);
  engine->is_final = config->is_final = 1;
  put_integer(engine, 1301, 7);
  put(engine, 1303, TYPE_NOTE, 0, malloc(1));
  put_body(engine, 1300, emu_dnn_body(heuristics, 201, 0));
  put_body(config, 300, engine);
  put_body(heuristics, 202, config);
}
static int check_graph(const struct body *graph) {
  int count = emu_dnn_count(graph, 801);
  if (count == 0) return emu_dnn_fail(DNN_BAD_PARAM, "a graph without operations");
  for (int i = 0; i < count; i++) {
    int status = emu_dnn_check_operation(emu_dnn_body(graph, 801, i));
    if (status) return status;
  }
  return DNN_OK;
}
static int finalize(struct body *body) {
  switch (body->kind) {
    case KIND_TENSOR: return check_tensor(body);
    case KIND_GRAPH: return check_graph(body);
    case KIND_HEURISTICS:
      if (emu_dnn_body(body, 201, 0) == NULL) return emu_dnn_fail(DNN_BAD_PARAM, "heuristics without a graph");
      /* The one engine is the best one; there is nothing to fall back to. */
      if (emu_dnn_integer(body, 200, 3) == 3) offer_engine(body);
      return DNN_OK;
    case KIND_PLAN:
      if (emu_dnn_body(body, 401, 0) == NULL) return emu_dnn_fail(DNN_BAD_PARAM, "a plan without an engine");
      put_integer(body, 402, WORKSPACE);
      return DNN_OK;
    case KIND_PACK:
      if (emu_dnn_count(body, 1000) != emu_dnn_count(body, 1001)) return emu_dnn_fail(DNN_BAD_PARAM, "a pack's uids and pointers");
      return DNN_OK;
    default: return DNN_OK;
  }
}
int cudnnBackendFinalize(u64 handle) {
  struct descriptor *object = emu_object(handle, MAGIC_DESCRIPTOR);
  if (object == NULL) return emu_dnn_fail(DNN_BAD_PARAM, "not a descriptor");
  int status = finalize(object->body);
  if (status == DNN_OK) object->body->is_final = 1;
  return status;
}

struct run {
  struct body *graph;
  int count;
  struct operand operands[64];
};
static void evaluate(void *data) {
  struct run *run = data;
  emu_dnn_evaluate(run->graph, run->operands, run->count);
}
static int run_plan(struct emu_op *op) { return emu_run_guarded("cudnnBackendExecute", evaluate, op->data); }

/* Tensors given by value are read now: the host may change them afterwards. */
static int is_by_value(const struct body *body, int64_t uid) {
  if (body->kind == KIND_TENSOR) return emu_dnn_integer(body, 906, 0) == uid && emu_dnn_integer(body, 908, 0) != 0;
  for (int i = 0; i < body->count; i++)
    if (body->attributes[i].type == TYPE_DESCRIPTOR)
      for (int k = 0; k < body->attributes[i].count; k++)
        if (is_by_value(((struct body **)body->attributes[i].data)[k], uid)) return 1;
  return 0;
}
int cudnnBackendExecute(u64 handle, u64 plan_handle, u64 pack_handle) {
  struct dnn_handle *library = emu_object(handle, MAGIC_HANDLE);
  struct descriptor *plan = emu_object(plan_handle, MAGIC_DESCRIPTOR), *pack = emu_object(pack_handle, MAGIC_DESCRIPTOR);
  if (!library || !plan || !pack || !plan->body->is_final || !pack->body->is_final)
    return emu_dnn_fail(DNN_BAD_PARAM, "a handle, plan or pack that is none");
  if (emu_context_error()) return emu_dnn_fail(DNN_EXECUTION_FAILED, "the context is dead");
  struct run run;
  memset(&run, 0, sizeof run);
  struct body *engine = emu_dnn_body(emu_dnn_body(plan->body, 401, 0), 300, 0);
  run.graph = emu_dnn_body(engine, 1300, 0);
  run.graph->references++; /* kept: graphs of CUDA may run it again */
  int count;
  const int64_t *uids = emu_dnn_integers(pack->body, 1000, &count);
  const int64_t *pointers = emu_dnn_integers(pack->body, 1001, &count);
  if (count > 64) return emu_dnn_fail(DNN_NOT_SUPPORTED, "more than 64 tensors");
  u64 workspace = (u64)emu_dnn_integer(pack->body, 1003, 0);
  if (!emu_is_device(workspace, WORKSPACE)) return emu_dnn_fail(DNN_BAD_PARAM, "the workspace is no device memory");
  if (!emu_is_capturing(library->stream)) cuMemsetD8Async(workspace, 0xff, WORKSPACE, library->stream);
  run.count = count;
  for (int i = 0; i < count; i++) {
    struct operand *operand = &run.operands[i];
    operand->uid = uids[i];
    operand->address = (u64)pointers[i];
    operand->is_constant = is_by_value(run.graph, uids[i]);
    if (operand->is_constant) memcpy(operand->constant, (void *)(uintptr_t)pointers[i], 16);
    else if (!emu_is_device(operand->address, 1)) return emu_dnn_fail(DNN_BAD_PARAM, "tensor %lld is no device memory", (long long)uids[i]);
  }
  return emu_enqueue(library->stream, OP_LIBRARY, run_plan, &run, sizeof run) ? DNN_EXECUTION_FAILED : DNN_OK;
}
