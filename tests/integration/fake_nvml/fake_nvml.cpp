// SPDX-License-Identifier: Apache-2.0
// A driver's library with two GPUs that are not there: what the memory monitor asks for, with
// figures that a test knows. The second board tells neither power nor temperature, as some do.
#include <unistd.h>

#include <cstdio>
#include <cstring>

extern "C" {

enum { kSuccess = 0, kNotSupported = 3, kInsufficientSize = 7 };

typedef struct {
  unsigned long long total, free, used;
} Memory;
typedef struct {
  unsigned int gpu, memory;
} Utilization;
typedef struct {
  unsigned int pid;
  unsigned long long used;
  unsigned int gpu_instance, compute_instance;
} Process;

static int devices[2] = {0, 1};
static int index_of(const void* device) { return *(const int*)device; }

int nvmlInit_v2(void) { return kSuccess; }
int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = 2;
  return kSuccess;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  *device = &devices[index];
  return kSuccess;
}
int nvmlDeviceGetName(void* device, char* text, unsigned size) {
  snprintf(text, size, "Fake GPU %d", index_of(device));
  return kSuccess;
}
int nvmlDeviceGetUUID(void* device, char* text, unsigned size) {
  snprintf(text, size, "GPU-%d%d%d", index_of(device), index_of(device), index_of(device));
  return kSuccess;
}
int nvmlDeviceGetMemoryInfo(void* device, Memory* memory) {
  memory->total = 80ULL << 30;
  memory->used = (10ULL + (unsigned)index_of(device)) << 30;
  memory->free = memory->total - memory->used;
  return kSuccess;
}
int nvmlDeviceGetUtilizationRates(void* device, Utilization* rates) {
  rates->gpu = 37;
  rates->memory = (unsigned)index_of(device);
  return kSuccess;
}
int nvmlDeviceGetPowerUsage(void* device, unsigned* milliwatts) {
  *milliwatts = 345600;
  return index_of(device) == 0 ? kSuccess : kNotSupported;
}
int nvmlDeviceGetTemperature(void* device, int sensor, unsigned* celsius) {
  *celsius = 61;
  return index_of(device) == 0 && sensor == 0 ? kSuccess : kNotSupported;
}
int nvmlDeviceGetCudaComputeCapability(void* device, int* major, int* minor) {
  *major = 9;
  *minor = index_of(device);
  return kSuccess;
}
int nvmlDeviceGetComputeRunningProcesses_v3(void* device, unsigned* count, Process* list) {
  // More processes than a first guess has room for; this one holds 3 GiB of board 0.
  const unsigned all = 70;
  if (*count < all) {
    *count = all;
    return kInsufficientSize;
  }
  memset(list, 0, all * sizeof(Process));
  for (unsigned i = 0; i < all; ++i) {
    list[i].pid = 1;
    list[i].used = 1;
  }
  if (index_of(device) == 0) {
    list[69].pid = (unsigned)getpid();
    list[69].used = 3ULL << 30;
  }
  *count = all;
  return kSuccess;
}

}  // extern "C"
