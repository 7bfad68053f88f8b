// The rules that keep a controller from electing who has forgotten something, one by one, so that tests can
// show what each of them is for (tests/sim/sim_rules_test.cc). Nothing but a test turns one off, before
// anything runs.
#pragma once

namespace dohle::controller {

struct ControllerRules {
  bool elect_in_sync = true;        // only replicas in sync, or eligible, lead; else nobody does
  bool unclean_stop_counts = true;  // who stopped uncleanly is neither in sync nor eligible (KIP-966)
  bool check_broker_epochs = true;  // nobody joins an ISR by what its earlier life had (KIP-903)
};

inline constinit ControllerRules g_rules;

}  // namespace dohle::controller
