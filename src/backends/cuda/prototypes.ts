/**
 * Prototypes of the driver API and NVRTC. Aliases: `u64`, `i64`, `u32` are the fixed-width integers
 * and `p` is `void *`. Handles and device addresses are `u64`, host memory is `p`; results of every
 * function come back through typed arrays. Names are those the libraries export.
 */
export const driverPrototypes = {
  cuInit: "int cuInit(u32 flags)",
  cuDriverGetVersion: "int cuDriverGetVersion(p version)",
  cuGetErrorName: "int cuGetErrorName(int code, p text)",
  cuGetErrorString: "int cuGetErrorString(int code, p text)",
  cuDeviceGetCount: "int cuDeviceGetCount(p count)",
  cuDeviceGet: "int cuDeviceGet(p device, int ordinal)",
  cuDeviceGetName: "int cuDeviceGetName(p name, int length, int device)",
  cuDeviceTotalMem_v2: "int cuDeviceTotalMem_v2(p bytes, int device)",
  cuDeviceGetUuid_v2: "int cuDeviceGetUuid_v2(p uuid, int device)",
  cuDeviceGetAttribute: "int cuDeviceGetAttribute(p value, int attribute, int device)",
  cuDevicePrimaryCtxRetain: "int cuDevicePrimaryCtxRetain(p context, int device)",
  cuDevicePrimaryCtxRelease_v2: "int cuDevicePrimaryCtxRelease_v2(int device)",
  cuCtxSetCurrent: "int cuCtxSetCurrent(u64 context)",
  cuStreamCreateWithPriority: "int cuStreamCreateWithPriority(p stream, u32 flags, int priority)",
  cuStreamDestroy_v2: "int cuStreamDestroy_v2(u64 stream)",
  cuStreamSynchronize: "int cuStreamSynchronize(u64 stream)",
  cuStreamWaitEvent: "int cuStreamWaitEvent(u64 stream, u64 event, u32 flags)",
  cuEventCreate: "int cuEventCreate(p event, u32 flags)",
  cuEventRecord: "int cuEventRecord(u64 event, u64 stream)",
  cuEventQuery: "int cuEventQuery(u64 event)",
  cuEventSynchronize: "int cuEventSynchronize(u64 event)",
  cuEventElapsedTime: "int cuEventElapsedTime(p milliseconds, u64 start, u64 end)",
  cuEventDestroy_v2: "int cuEventDestroy_v2(u64 event)",
  cuMemGetInfo_v2: "int cuMemGetInfo_v2(p free, p total)",
  cuMemAllocAsync: "int cuMemAllocAsync(p address, size_t bytes, u64 stream)",
  cuMemFreeAsync: "int cuMemFreeAsync(u64 address, u64 stream)",
  cuMemAlloc_v2: "int cuMemAlloc_v2(p address, size_t bytes)",
  cuMemFree_v2: "int cuMemFree_v2(u64 address)",
  cuDeviceGetDefaultMemPool: "int cuDeviceGetDefaultMemPool(p pool, int device)",
  cuMemPoolSetAttribute: "int cuMemPoolSetAttribute(u64 pool, int attribute, p value)",
  cuMemPoolGetAttribute: "int cuMemPoolGetAttribute(u64 pool, int attribute, p value)",
  cuMemPoolTrimTo: "int cuMemPoolTrimTo(u64 pool, size_t bytes)",
  cuMemAddressReserve:
    "int cuMemAddressReserve(p address, size_t bytes, size_t alignment, u64 hint, u64 flags)",
  cuMemAddressFree: "int cuMemAddressFree(u64 address, size_t bytes)",
  cuMemCreate: "int cuMemCreate(p handle, size_t bytes, p properties, u64 flags)",
  cuMemMap: "int cuMemMap(u64 address, size_t bytes, size_t offset, u64 handle, u64 flags)",
  cuMemSetAccess: "int cuMemSetAccess(u64 address, size_t bytes, p access, size_t count)",
  cuMemUnmap: "int cuMemUnmap(u64 address, size_t bytes)",
  cuMemRelease: "int cuMemRelease(u64 handle)",
  cuMemGetAllocationGranularity:
    "int cuMemGetAllocationGranularity(p bytes, p properties, int option)",
  cuMemHostAlloc: "int cuMemHostAlloc(p address, size_t bytes, u32 flags)",
  cuMemFreeHost: "int cuMemFreeHost(u64 address)",
  cuMemcpyHtoDAsync_v2: "int cuMemcpyHtoDAsync_v2(u64 to, u64 from, size_t bytes, u64 stream)",
  cuMemcpyDtoHAsync_v2: "int cuMemcpyDtoHAsync_v2(u64 to, u64 from, size_t bytes, u64 stream)",
  cuMemcpyDtoDAsync_v2: "int cuMemcpyDtoDAsync_v2(u64 to, u64 from, size_t bytes, u64 stream)",
  cuMemsetD8Async: "int cuMemsetD8Async(u64 address, uint8_t value, size_t count, u64 stream)",
  cuModuleLoadData: "int cuModuleLoadData(p module, p image)",
  cuModuleUnload: "int cuModuleUnload(u64 module)",
  cuModuleGetFunction: "int cuModuleGetFunction(p function, u64 module, const char *name)",
  cuFuncSetAttribute: "int cuFuncSetAttribute(u64 function, int attribute, int value)",
  cuFuncGetAttribute: "int cuFuncGetAttribute(p value, int attribute, u64 function)",
  cuLaunchKernel:
    "int cuLaunchKernel(u64 function, u32 gx, u32 gy, u32 gz, u32 bx, u32 by, u32 bz, u32 shared, u64 stream, u64 parameters, u64 extra)",
  cuStreamBeginCapture_v2: "int cuStreamBeginCapture_v2(u64 stream, int mode)",
  cuStreamEndCapture: "int cuStreamEndCapture(u64 stream, p graph)",
  cuStreamGetCaptureInfo_v2:
    "int cuStreamGetCaptureInfo_v2(u64 stream, p status, p id, p graph, p nodes, p count)",
  cuStreamGetCaptureInfo_v3:
    "int cuStreamGetCaptureInfo_v3(u64 stream, p status, p id, p graph, p nodes, p edges, p count)",
  cuStreamUpdateCaptureDependencies:
    "int cuStreamUpdateCaptureDependencies(u64 stream, p nodes, size_t count, u32 flags)",
  cuStreamUpdateCaptureDependencies_v2:
    "int cuStreamUpdateCaptureDependencies_v2(u64 stream, p nodes, p edges, size_t count, u32 flags)",
  cuGraphInstantiateWithFlags:
    "int cuGraphInstantiateWithFlags(p executable, u64 graph, u64 flags)",
  cuGraphUpload: "int cuGraphUpload(u64 executable, u64 stream)",
  cuGraphLaunch: "int cuGraphLaunch(u64 executable, u64 stream)",
  cuGraphExecUpdate_v2: "int cuGraphExecUpdate_v2(u64 executable, u64 graph, p result)",
  cuGraphGetNodes: "int cuGraphGetNodes(u64 graph, p nodes, p count)",
  cuGraphExecDestroy: "int cuGraphExecDestroy(u64 executable)",
  cuGraphDestroy: "int cuGraphDestroy(u64 graph)",
} as const;

/** NVIDIA's run-time compiler. */
export const nvrtcPrototypes = {
  nvrtcVersion: "int nvrtcVersion(p major, p minor)",
  nvrtcGetNumSupportedArchs: "int nvrtcGetNumSupportedArchs(p count)",
  nvrtcGetSupportedArchs: "int nvrtcGetSupportedArchs(p list)",
  nvrtcCreateProgram:
    "int nvrtcCreateProgram(p program, const char *source, const char *name, int headers, p texts, p names)",
  nvrtcCompileProgram: "int nvrtcCompileProgram(u64 program, int count, p options)",
  nvrtcGetProgramLogSize: "int nvrtcGetProgramLogSize(u64 program, p bytes)",
  nvrtcGetProgramLog: "int nvrtcGetProgramLog(u64 program, p text)",
  nvrtcGetCUBINSize: "int nvrtcGetCUBINSize(u64 program, p bytes)",
  nvrtcGetCUBIN: "int nvrtcGetCUBIN(u64 program, p image)",
  nvrtcGetPTXSize: "int nvrtcGetPTXSize(u64 program, p bytes)",
  nvrtcGetPTX: "int nvrtcGetPTX(u64 program, p image)",
  nvrtcDestroyProgram: "int nvrtcDestroyProgram(p program)",
} as const;

/** Name of a function of the driver. */
export type DriverFunction = keyof typeof driverPrototypes;

/** Name of a function of NVRTC. */
export type NvrtcFunction = keyof typeof nvrtcPrototypes;
