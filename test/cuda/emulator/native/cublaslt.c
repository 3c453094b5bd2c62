/* cuBLASLt: column-major products with batches, transposes and epilogues. */
#include "emulator.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LT_OK = 0, LT_NOT_INITIALIZED = 1, LT_ALLOC = 3, LT_INVALID = 7, LT_EXECUTION = 13, LT_NOT_SUPPORTED = 15 };
enum { MAGIC_LT = 0x4c543031, MAGIC_DESC = 0x44534331, MAGIC_LAYOUT = 0x4c415931, MAGIC_PREF = 0x50524631 };

struct handle {
  u32 magic;
};
struct description {
  u32 magic;
  int compute, scale_type, pointer_mode, transpose_a, transpose_b, epilogue, bias_type;
  u64 bias;
  int64_t bias_stride;
};
struct layout {
  u32 magic;
  int type, order, batch, batch_mode;
  u64 rows, columns;
  int64_t ld, stride;
};
struct preference {
  u32 magic;
  u64 workspace;
};

static int element_type(int type) {
  switch (type) {
    case 0: return EMU_F32;
    case 1: return EMU_F64;
    case 2: return EMU_F16;
    case 14: return EMU_BF16;
    case 3: return EMU_I8;
    case 10: return EMU_I32;
    default: return -1;
  }
}
static int set_words(void *to, size_t size, const void *from, size_t bytes) {
  if (bytes != size) return LT_INVALID;
  memcpy(to, from, bytes);
  return LT_OK;
}

int cublasLtCreate(u64 *handle) {
  if (emu_context_error()) return LT_NOT_INITIALIZED;
  struct handle *made = calloc(1, sizeof *made);
  made->magic = MAGIC_LT;
  *handle = (u64)(uintptr_t)made;
  return LT_OK;
}
int cublasLtDestroy(u64 handle) {
  struct handle *object = emu_object(handle, MAGIC_LT);
  if (object == NULL) return LT_INVALID;
  object->magic = 0;
  return LT_OK;
}
size_t cublasLtGetVersion(void) { return 130100; }
const char *cublasLtGetStatusString(int status) {
  switch (status) {
    case LT_OK: return "the operation completed successfully";
    case LT_NOT_INITIALIZED: return "the library was not initialized";
    case LT_INVALID: return "an unsupported value or parameter was passed to the function";
    case LT_EXECUTION: return "the GPU program failed to execute";
    case LT_NOT_SUPPORTED: return "the functionality requested is not supported";
    default: return "unknown status";
  }
}
const char *cublasLtGetStatusName(int status) {
  return status == LT_OK ? "CUBLAS_STATUS_SUCCESS" : status == LT_INVALID ? "CUBLAS_STATUS_INVALID_VALUE"
         : status == LT_NOT_SUPPORTED ? "CUBLAS_STATUS_NOT_SUPPORTED" : "CUBLAS_STATUS";
}

int cublasLtMatmulDescCreate(u64 *handle, int compute, int scale) {
  struct description *made = calloc(1, sizeof *made);
  made->magic = MAGIC_DESC;
  made->compute = compute;
  made->scale_type = scale;
  made->epilogue = 1;
  made->bias_type = -1;
  *handle = (u64)(uintptr_t)made;
  return LT_OK;
}
int cublasLtMatmulDescDestroy(u64 handle) {
  struct description *object = emu_object(handle, MAGIC_DESC);
  if (object == NULL) return LT_INVALID;
  object->magic = 0;
  return LT_OK;
}
int cublasLtMatmulDescSetAttribute(u64 handle, int attribute, const void *data, size_t bytes) {
  struct description *object = emu_object(handle, MAGIC_DESC);
  if (object == NULL) return LT_INVALID;
  switch (attribute) {
    case 2: return set_words(&object->pointer_mode, 4, data, bytes);
    case 3: return set_words(&object->transpose_a, 4, data, bytes);
    case 4: return set_words(&object->transpose_b, 4, data, bytes);
    case 7: return set_words(&object->epilogue, 4, data, bytes);
    case 8: return set_words(&object->bias, 8, data, bytes);
    case 10: return set_words(&object->bias_stride, 8, data, bytes);
    case 15: return LT_OK; /* multiprocessors to aim at */
    case 25: return LT_OK; /* fast accumulation */
    case 26: return set_words(&object->bias_type, 4, data, bytes);
    default: return LT_INVALID;
  }
}
int cublasLtMatrixLayoutCreate(u64 *handle, int type, u64 rows, u64 columns, int64_t ld) {
  if (element_type(type) < 0) return LT_INVALID;
  struct layout *made = calloc(1, sizeof *made);
  made->magic = MAGIC_LAYOUT;
  made->type = type;
  made->rows = rows;
  made->columns = columns;
  made->ld = ld;
  made->batch = 1;
  *handle = (u64)(uintptr_t)made;
  return LT_OK;
}
int cublasLtMatrixLayoutDestroy(u64 handle) {
  struct layout *object = emu_object(handle, MAGIC_LAYOUT);
  if (object == NULL) return LT_INVALID;
  object->magic = 0;
  return LT_OK;
}
int cublasLtMatrixLayoutSetAttribute(u64 handle, int attribute, const void *data, size_t bytes) {
  struct layout *object = emu_object(handle, MAGIC_LAYOUT);
  if (object == NULL) return LT_INVALID;
  switch (attribute) {
    case 0: return set_words(&object->type, 4, data, bytes);
    case 1: return set_words(&object->order, 4, data, bytes);
    case 2: return set_words(&object->rows, 8, data, bytes);
    case 3: return set_words(&object->columns, 8, data, bytes);
    case 4: return set_words(&object->ld, 8, data, bytes);
    case 5: return set_words(&object->batch, 4, data, bytes);
    case 6: return set_words(&object->stride, 8, data, bytes);
    case 8: return set_words(&object->batch_mode, 4, data, bytes);
    default: return LT_INVALID;
  }
}
int cublasLtMatmulPreferenceCreate(u64 *handle) {
  struct preference *made = calloc(1, sizeof *made);
  made->magic = MAGIC_PREF;
  *handle = (u64)(uintptr_t)made;
  return LT_OK;
}
int cublasLtMatmulPreferenceDestroy(u64 handle) {
  struct preference *object = emu_object(handle, MAGIC_PREF);
  if (object == NULL) return LT_INVALID;
  object->magic = 0;
  return LT_OK;
}
int cublasLtMatmulPreferenceSetAttribute(u64 handle, int attribute, const void *data, size_t bytes) {
  struct preference *object = emu_object(handle, MAGIC_PREF);
  if (object == NULL) return LT_INVALID;
  if (attribute == 1) return set_words(&object->workspace, 8, data, bytes);
  if (attribute == 3 && bytes == 4) return LT_OK; /* ways to add up parts of a sum */
  return attribute >= 5 && attribute <= 8 && bytes == 4 ? LT_OK : LT_INVALID; /* alignments */
}

struct product {
  struct description what;
  struct layout a, b, c, d;
  u64 pa, pb, pc, pd;
  double alpha, beta;
};

static int known_epilogue(int epilogue) {
  return epilogue == 1 || epilogue == 2 || epilogue == 4 || epilogue == 6 || epilogue == 32 || epilogue == 36;
}
/* Why a product cannot be done; the rules of the library that our calls could break. */
static int check(const struct product *p) {
  const struct layout *a = &p->a, *b = &p->b, *d = &p->d;
  u64 m = d->rows, n = d->columns;
  u64 k = p->what.transpose_a ? a->rows : a->columns;
  if ((p->what.transpose_a ? a->columns : a->rows) != m) return LT_INVALID;
  if ((p->what.transpose_b ? b->columns : b->rows) != k) return LT_INVALID;
  if ((p->what.transpose_b ? b->rows : b->columns) != n) return LT_INVALID;
  if (m == 0 || n == 0 || k == 0) return LT_INVALID;
  const struct layout *all[] = {a, b, &p->c, d};
  for (int i = 0; i < 4; i++) {
    const struct layout *at = all[i];
    if (at->order != 0 && at->order != 1) return LT_NOT_SUPPORTED;
    if (at->ld < (int64_t)(at->order == 0 ? at->rows : at->columns)) return LT_INVALID;
    if (at->batch != d->batch || at->batch_mode != 0) return LT_INVALID;
  }
  if (p->c.type != d->type || p->c.rows != m || p->c.columns != n) return LT_INVALID;
  if (a->type != b->type) return LT_NOT_SUPPORTED;
  int is_double = a->type == 1;
  if (is_double != (p->what.compute == 70) || is_double != (p->what.scale_type == 1)) return LT_NOT_SUPPORTED;
  if (is_double && d->type != 1) return LT_NOT_SUPPORTED;
  if (!known_epilogue(p->what.epilogue)) return LT_NOT_SUPPORTED;
  if (is_double && p->what.epilogue != 1) return LT_NOT_SUPPORTED;
  if (a->type == 0 && d->type != 0) return LT_NOT_SUPPORTED;
  return LT_OK;
}

static int64_t place(const struct layout *at, u64 row, u64 column, int batch) {
  return (int64_t)batch * at->stride +
         (at->order == 0 ? (int64_t)row + (int64_t)column * at->ld : (int64_t)row * at->ld + (int64_t)column);
}
static double gelu(double x) { return 0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))); }

/* D of one batch, through rows of A and columns of B in f32, or f64 for f64. */
static void multiply_batch(const struct product *p, int batch, double *a, double *b, double *sums) {
  u64 m = p->d.rows, n = p->d.columns, k = p->what.transpose_a ? p->a.rows : p->a.columns;
  enum emu_type ta = element_type(p->a.type), tb = element_type(p->b.type), td = element_type(p->d.type);
  const void *pa = (void *)(uintptr_t)p->pa, *pb = (void *)(uintptr_t)p->pb, *pc = (void *)(uintptr_t)p->pc;
  for (u64 i = 0; i < k; i++)
    for (u64 row = 0; row < m; row++)
      a[i * m + row] = emu_load(ta, pa, p->what.transpose_a ? place(&p->a, i, row, batch) : place(&p->a, row, i, batch));
  for (u64 column = 0; column < n; column++)
    for (u64 i = 0; i < k; i++)
      b[column * k + i] =
          emu_load(tb, pb, p->what.transpose_b ? place(&p->b, column, i, batch) : place(&p->b, i, column, batch));
  int has_bias = p->what.epilogue & 4;
  enum emu_type bias_type = p->what.bias_type >= 0 ? (enum emu_type)element_type(p->what.bias_type) : td;
  for (u64 column = 0; column < n; column++) {
    memset(sums, 0, m * sizeof *sums);
    for (u64 i = 0; i < k; i++) {
      double scale = b[column * k + i];
      const double *from = a + i * m;
      for (u64 row = 0; row < m; row++) sums[row] += from[row] * scale;
    }
    for (u64 row = 0; row < m; row++) {
      double value = p->alpha * sums[row];
      if (p->beta != 0) value += p->beta * emu_load(element_type(p->c.type), pc, place(&p->c, row, column, batch));
      if (has_bias) value += emu_load(bias_type, (void *)(uintptr_t)p->what.bias, (int64_t)row + batch * p->what.bias_stride);
      if (p->what.epilogue == 2 || p->what.epilogue == 6) value = value < 0 ? 0 : value;
      if (p->what.epilogue & 32) value = gelu(value);
      emu_store(td, (void *)(uintptr_t)p->pd, place(&p->d, row, column, batch), value);
    }
  }
}
static void multiply(void *data) {
  const struct product *p = data;
  u64 m = p->d.rows, n = p->d.columns, k = p->what.transpose_a ? p->a.rows : p->a.columns;
  double *memory = malloc((m * k + k * n + m) * sizeof *memory);
  for (int batch = 0; batch < p->d.batch; batch++)
    multiply_batch(p, batch, memory, memory + m * k, memory + m * k + k * n);
  free(memory);
}
static int run_product(struct emu_op *op) { return emu_run_guarded("cublasLtMatmul", multiply, op->data); }

static int describe(struct product *p, u64 what, u64 a, u64 b, u64 c, u64 d) {
  struct description *description = emu_object(what, MAGIC_DESC);
  struct layout *la = emu_object(a, MAGIC_LAYOUT), *lb = emu_object(b, MAGIC_LAYOUT);
  struct layout *lc = emu_object(c, MAGIC_LAYOUT), *ld = emu_object(d, MAGIC_LAYOUT);
  if (!description || !la || !lb || !lc || !ld) return LT_INVALID;
  p->what = *description;
  p->a = *la;
  p->b = *lb;
  p->c = *lc;
  p->d = *ld;
  return check(p);
}

/* Results of 96 bytes: algorithm 64, workspace u64, state i32, waves f32. */
int cublasLtMatmulAlgoGetHeuristic(u64 handle, u64 what, u64 a, u64 b, u64 c, u64 d, u64 wanted, int count,
                                   char *results, int *found) {
  struct product product;
  struct preference *preference = emu_object(wanted, MAGIC_PREF);
  if (emu_object(handle, MAGIC_LT) == NULL || preference == NULL || count < 1) return LT_INVALID;
  int status = describe(&product, what, a, b, c, d);
  *found = 0;
  if (status != LT_OK) return status;
  int made = count < 3 ? count : 3;
  for (int i = 0; i < made; i++) {
    char *result = results + 96 * i;
    memset(result, 0, 96);
    *(u32 *)result = MAGIC_LT;
    *(u32 *)(result + 4) = i;
    *(u64 *)(result + 64) = i == 1 && preference->workspace >= 4096 ? 4096 : 0;
    *(float *)(result + 76) = 1.0f;
  }
  *found = made;
  return LT_OK;
}
int cublasLtMatmulAlgoCheck(u64 handle, u64 what, u64 a, u64 b, u64 c, u64 d, const u32 *algorithm, char *result) {
  struct product product;
  if (emu_object(handle, MAGIC_LT) == NULL) return LT_INVALID;
  int status = describe(&product, what, a, b, c, d);
  if (status != LT_OK) return status;
  if (algorithm[0] != MAGIC_LT || algorithm[1] > 2) return LT_INVALID;
  memset(result, 0, 96);
  memcpy(result, algorithm, 64);
  *(u64 *)(result + 64) = algorithm[1] == 1 ? 4096 : 0;
  *(float *)(result + 76) = 1.0f;
  return LT_OK;
}
int cublasLtMatmul(u64 handle, u64 what, const void *alpha, u64 pa, u64 a, u64 pb, u64 b, const void *beta, u64 pc,
                   u64 c, u64 pd, u64 d, const u32 *algorithm, u64 workspace, size_t workspace_bytes, u64 stream) {
  if (emu_context_error()) return LT_EXECUTION;
  struct product product;
  if (emu_object(handle, MAGIC_LT) == NULL) return LT_INVALID;
  int status = describe(&product, what, a, b, c, d);
  if (status != LT_OK) return status;
  if (algorithm != NULL) {
    if (algorithm[0] != MAGIC_LT) return LT_INVALID;
    if (algorithm[1] == 1 && workspace_bytes < 4096) return LT_INVALID;
  }
  if (workspace_bytes > 0) {
    if (workspace % 16 != 0 || !emu_is_device(workspace, workspace_bytes)) return LT_INVALID;
    if (!emu_is_capturing(stream)) cuMemsetD8Async(workspace, 0xff, workspace_bytes, stream);
  }
  int is_double = product.what.scale_type == 1;
  product.alpha = is_double ? *(const double *)alpha : *(const float *)alpha;
  product.beta = is_double ? *(const double *)beta : *(const float *)beta;
  product.pa = pa;
  product.pb = pb;
  product.pc = pc;
  product.pd = pd;
  return emu_enqueue(stream, OP_LIBRARY, run_product, &product, sizeof product) ? LT_EXECUTION : LT_OK;
}
