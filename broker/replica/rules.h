// The rules that make replication safe, one by one, so that tests can show what each of them is for: with any
// of them off the simulation of the cluster finds broken promises (tests/sim/sim_rules_test.cc). Nothing but
// a test turns one off, before anything runs.
#pragma once

namespace dohle::replica {

struct ReplicationRules {
  bool high_watermark_waits = true;       // for every replica in sync
  bool read_below_high_watermark = true;  // clients see what is committed only
  bool find_divergence = true;            // a follower's end that isn't the leader's is cut off (KIP-320)
  bool min_in_sync_replicas = true;       // with fewer nothing is committed (min.insync.replicas)
  bool join_caught_up = true;             // nobody joins the ISR who lacks what is committed
  bool check_broker_epochs = true;        // a broker's earlier life says nothing of what it has (KIP-903)
  bool check_sequences = true;            // of idempotent producers: no repetition, no gap (KIP-98)
  bool flush_before_answer = true;        // flush.messages
};

inline constinit ReplicationRules g_rules;

}  // namespace dohle::replica
