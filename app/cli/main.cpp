// SPDX-License-Identifier: Apache-2.0
#include <clocale>
#include <csignal>
#include <cstdlib>

#include "command.h"

int main(int argc, char** argv) {
  // Only the character type follows the user's locale: numbers are written alike everywhere.
  std::setlocale(LC_CTYPE, "");
  // A reader that goes away becomes an error of write(), so that a run still finishes its files.
  std::signal(SIGPIPE, SIG_IGN);
  // The same for a file that passes the user's limit: reported, not killed.
  std::signal(SIGXFSZ, SIG_IGN);
  // NVML counts GPUs in bus order; CUDA shall do the same, or cuda:0 would be two different boards.
  setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID", 0);

  mxscope::cli::Program program;
  mxscope::cli::add_run_command(program);
  mxscope::cli::add_estimate_command(program);
  mxscope::cli::add_validate_command(program);
  mxscope::cli::add_inspect_command(program);
  mxscope::cli::add_export_command(program);
  mxscope::cli::add_compare_command(program);
  mxscope::cli::add_bench_command(program);
  mxscope::cli::add_quantize_command(program);
  mxscope::cli::add_logits_command(program);
  mxscope::cli::add_formats_command(program);
  mxscope::cli::add_protocols_command(program);
  mxscope::cli::add_devices_command(program);
  mxscope::cli::add_serve_command(program);
  mxscope::cli::add_version_command(program);
  return program.run(argc, argv);
}
