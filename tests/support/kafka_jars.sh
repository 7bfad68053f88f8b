#!/usr/bin/env bash
# Fetches Apache Kafka, our oracle, from Maven Central and prints the class path of its jars on standard output.
#
#   class_path=$(tests/support/kafka_jars.sh)           # a:b:c …, brokers and tools start from it
#   directory=$(tests/support/kafka_jars.sh --dir)      # the folder that holds the jars
#
# The jars live in ${DOHLE_CACHE:-$HOME/.cache/dohle}/kafka-<version>: fetched once, then found. Concurrent callers
# wait for each other. Fails with a message when Maven can't be reached; then no test that needs the oracle may pass.
set -euo pipefail

version=${DOHLE_KAFKA_VERSION:-4.3.1}
cache=${DOHLE_CACHE:-$HOME/.cache/dohle}/kafka-$version
jars=$cache/jars

fetch() {
  command -v mvn >/dev/null || { echo "kafka_jars.sh: no mvn on the path, can't fetch Apache Kafka $version" >&2; exit 1; }
  work=$(mktemp -d "$cache/fetch.XXXXXX")
  trap 'rm -rf "$work"' EXIT  # runs after this function: `work` can't be local
  {
    cat <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>dohle</groupId><artifactId>oracle</artifactId><version>1</version>
  <dependencies>
POM
    local artifact
    for artifact in kafka_2.13 kafka-clients kafka-tools kafka-tools-api kafka-server kafka-server-common kafka-metadata \
        kafka-raft kafka-storage kafka-storage-api kafka-coordinator-common kafka-group-coordinator \
        kafka-group-coordinator-api kafka-share-coordinator kafka-transaction-coordinator kafka-shell; do
      echo "<dependency><groupId>org.apache.kafka</groupId><artifactId>$artifact</artifactId><version>$version</version></dependency>"
    done
    # Kafka speaks slf4j 1.7; without a binding it would be silent.
    echo "<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>"
    echo "</dependencies></project>"
  } >"$work/pom.xml"
  if ! mvn -q -B -f "$work/pom.xml" dependency:copy-dependencies -DoutputDirectory="$work/jars" >"$work/log" 2>&1; then
    cat "$work/log" >&2
    echo "kafka_jars.sh: Maven could not fetch Apache Kafka $version (see above)" >&2
    exit 1
  fi
  rm -rf "$jars"
  mv "$work/jars" "$jars"
  touch "$cache/complete"
}

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
[[ -e $cache/complete ]] || fetch
flock -u 9

if [[ ${1:-} == --dir ]]; then
  echo "$jars"
else
  find "$jars" -name '*.jar' | sort | paste -sd:
fi
