#!/usr/bin/env bash
# Compares our schemas with those in the jars of Apache Kafka. Needs Maven once.
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
jars=$("$root/tests/support/kafka_jars.sh" --dir)
exec python3 "$root/tests/conformance/schema/compare_schemas.py" "$jars" "$root/lib/kafka/schema"
