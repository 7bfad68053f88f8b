// The real environment: what main() gives to the parts.
//
//   PosixEnv posix(PosixEnv::Options{});
//   Server server(posix.env());
//   posix.Start();
//   posix.WaitForTermination();
//   ... stop the server's parts ...
//   posix.Stop();
#pragma once

#include <memory>
#include <string>

#include "lib/env/env.h"

namespace dohle::env {

class PosixEnv {
 public:
  struct Options {
    int event_loops = 0;  // 0: one a core
    int io_threads = 8;   // at most; started when needed
    // Takes over the process: SIGINT and SIGTERM are blocked and come out of WaitForTermination, and the
    // limit of open files is raised as far as allowed. SIGPIPE is ignored in any case.
    bool own_process = true;
  };

  // Before any other thread is started, if it is to own the process.
  explicit PosixEnv(Options options);
  // Stops, if that was not done.
  ~PosixEnv();

  // Before Start work can be posted, tasks spawned, listeners made: all of it begins with Start.
  Env& env();
  void Start();
  // Ends every event loop after the work at hand, then the I/O threads; destroys the coroutines that still
  // wait, and what they own. From then on the executors drop what they are given. Not from a thread of the
  // environment's own. What the parts own outside coroutines (listeners, connections) may be destroyed before
  // or after, as long as this object lives.
  void Stop();

  // Waits for SIGINT or SIGTERM and returns it. Needs own_process.
  int WaitForTermination();
  // Makes WaitForTermination return SIGTERM. Any thread.
  void RequestTermination();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// What this machine calls itself; "localhost" if it won't say.
std::string LocalHostName();
// `path` as it is from the root, by the directory that this process runs in.
std::string AbsolutePath(const std::string& path);
// Whether somebody looks at what is printed.
bool StandardOutputIsTerminal();
// This process becomes another program, looked up in $PATH, with our environment and terminal. Returns only
// if that fails. `argv` has at least the program; for main(), before an environment is started.
Status BecomeProgram(const std::vector<std::string>& argv);

}  // namespace dohle::env
