// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include "command.h"
#include "exit_code.h"
#include "interrupt.h"
#include "server.h"

namespace mxscope::cli {

void add_serve_command(Program& program) {
  Command& command = program.add(
      "serve", "the engine as JSON lines, for the window and other programs", "Serve",
      {"[-o DIR]",
       "Reads requests from standard input and writes events and replies to standard output, one "
       "JSON object a line, each with \"v\": 1 and \"type\". It says hello at once and touches no "
       "GPU before a run. At most 20 messages a second are written; a reader that stalls holds up "
       "nothing. The log goes to standard error. The end of standard input cancels the job and "
       "quits.\n\n"
       "Requests, each with an \"id\" that its reply carries:\n"
       "  run       experiment, base_dir, output, resume, job: starts a job; its events follow\n"
       "  cancel, pause, resume   job: at the next block\n"
       "  inspect   model, base_dir, revision, variants: architecture, linears, matches\n"
       "  estimate, validate      experiment, base_dir\n"
       "  browse    folder: what lies in it\n"
       "  results   query: what the store holds (experiment, latest, list, windows, folder)\n"
       "  queue     operation (list, add, remove, move, update, clear), arguments\n"
       "  devices, quit",
       {{"By hand:", "echo '{\"v\":1,\"type\":\"devices\",\"id\":\"1\"}' | mxscope serve"},
        {"On another machine:", "ssh gpu-server mxscope serve -o results"}}});
  auto output = std::make_shared<std::string>();
  command.app
      ->add_option("-o,--output", *output,
                   "Folder of results, record and queue, for runs that name none.")
      ->type_name("DIR")
      ->group("Output");
  // Its standard output is JSON anyway; the flag is there because every command takes it.
  add_json_flag(command, "Output is JSON lines in any case.");
  command.action = [output] {
    Server* running = nullptr;
    // Signals are blocked before the server makes its threads.
    std::mutex mutex;
    InterruptWatch interrupts([&] {
      const std::lock_guard lock(mutex);
      if (running != nullptr) {
        running->stop();
      }
    });
    Server server(*output);
    {
      const std::lock_guard lock(mutex);
      running = &server;
    }
    const int code = server.serve(STDIN_FILENO);
    {
      const std::lock_guard lock(mutex);
      running = nullptr;
    }
    return code;
  };
}

}  // namespace mxscope::cli
