#!/usr/bin/env bash
# run.sh <kafka_vectors_test> <directory for the vectors> [seed]
#
# Apache Kafka's classes write random messages and batches; ours read them and write them again; Kafka reads what we wrote.
# Needs Maven once, and a JDK.
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
program=$1 directory=$2 seed=${3:-${DOHLE_SEED:-$(date +%s%N)}}
echo "seed $seed (to repeat: DOHLE_SEED=$seed)"
class_path=$("$root/tests/support/kafka_jars.sh")
rm -rf "$directory"
mkdir -p "$directory"
java -cp "$class_path" "$root/tests/conformance/codec/Vectors.java" make "$directory" "$seed"
DOHLE_VECTORS=$directory "$program"
java -cp "$class_path" "$root/tests/conformance/codec/Vectors.java" check "$directory"
rm -rf "$directory"
