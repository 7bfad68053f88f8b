// get, describe, apply and delete on a local operator: what kubectl is elsewhere.
//
// What is wished for is the directory of manifests: apply and delete change its files, whether an operator
// runs or not. What there is is asked of the operator that runs. On the first executor.
#pragma once

#include <string>

#include "lib/base/status.h"
#include "lib/env/env.h"
#include "lib/env/task.h"
#include "operator/command_line.h"

namespace dohle {

// Returns what is to be printed.
env::Task<StatusOr<std::string>> RunLocalCommand(env::Env* env, OperatorCommand command,
                                                 std::string directory, std::string data_directory);

// `helm test` and scripts: waits at most 30 s for what `command` asks; a line to print.
env::Task<StatusOr<std::string>> RunCheck(env::Env* env, OperatorCommand command);

// Pure: `text` without the document that describes the object; nothing if it has none.
StatusOr<std::string> WithoutObject(const std::string& text, const std::string& kind,
                                    const std::string& name);

}  // namespace dohle
