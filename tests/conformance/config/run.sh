#!/usr/bin/env bash
# Compares our configuration keys with those of Apache Kafka: names, types, defaults, importance, validators, how they
# may be changed, synonyms. Usage: run.sh <config_dump>. Needs Maven once.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
class_path=$("$here/../../support/kafka_jars.sh")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
java -XX:TieredStopAtLevel=1 -cp "$class_path" "$here/ConfigDump.java" 2>"$work/java.log" | LC_ALL=C sort >"$work/kafka" ||
  { cat "$work/java.log" >&2; exit 1; }
"$1" | LC_ALL=C sort >"$work/dohle"
[[ $(wc -l <"$work/kafka") -gt 400 ]] || { echo "Kafka told of too few keys:"; cat "$work/java.log" "$work/kafka"; exit 1; }
diff -u "$work/kafka" "$work/dohle" || { echo "Dohle's configuration keys (+) differ from Kafka's (-)"; exit 1; }
echo "$(wc -l <"$work/dohle") lines are the same"
