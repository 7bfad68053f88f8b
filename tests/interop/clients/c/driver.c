/* The driver (see README.md) for librdkafka. */
#include <librdkafka/rdkafka.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void Die(const char *what, const char *why) {
  fprintf(stderr, "%s: %s\n", what, why);
  exit(1);
}

static rd_kafka_conf_t *Configuration(void) {
  return rd_kafka_conf_new();
}

static void Set(rd_kafka_conf_t *conf, const char *name, const char *value) {
  char error[512];
  if (rd_kafka_conf_set(conf, name, value, error, sizeof(error)) != RD_KAFKA_CONF_OK) Die(name, error);
}

static rd_kafka_t *New(rd_kafka_type_t type, rd_kafka_conf_t *conf) {
  char error[512];
  const char *bootstrap = getenv("BOOTSTRAP");
  if (bootstrap == NULL) Die("BOOTSTRAP", "not set");
  Set(conf, "bootstrap.servers", bootstrap);
  rd_kafka_t *handle = rd_kafka_new(type, conf, error, sizeof(error));
  if (handle == NULL) Die("rd_kafka_new", error);
  return handle;
}

struct Delivery {
  int partition;
  long long offset;
  int error;
};

static void Delivered(rd_kafka_t *handle, const rd_kafka_message_t *message, void *opaque) {
  (void)handle;
  (void)opaque;
  struct Delivery *delivery = message->_private;
  delivery->error = message->err;
  delivery->partition = message->partition;
  delivery->offset = message->offset;
}

static void Produce(const char *topic, const char *codec, int from, int to) {
  rd_kafka_conf_t *conf = Configuration();
  Set(conf, "compression.codec", codec);
  Set(conf, "enable.idempotence", "true");
  Set(conf, "linger.ms", "5");
  rd_kafka_conf_set_dr_msg_cb(conf, Delivered);
  rd_kafka_t *producer = New(RD_KAFKA_PRODUCER, conf);
  struct Delivery *deliveries = calloc((size_t)(to - from), sizeof(*deliveries));
  for (int i = from; i < to; i++) {
    char key[32], value[128];
    snprintf(key, sizeof(key), "k%d", i % 10);
    int size = snprintf(value, sizeof(value), "v-%d-", i);
    memset(value + size, 'x', (size_t)(i % 50));
    rd_kafka_resp_err_t error =
        rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_KEY(key, strlen(key)),
                          RD_KAFKA_V_VALUE(value, (size_t)(size + i % 50)), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                          RD_KAFKA_V_OPAQUE(&deliveries[i - from]), RD_KAFKA_V_END);
    if (error) Die("produce", rd_kafka_err2str(error));
  }
  if (rd_kafka_flush(producer, 60000)) Die("flush", "not delivered within a minute");
  for (int i = from; i < to; i++) {
    if (deliveries[i - from].error) Die("delivery", rd_kafka_err2str(deliveries[i - from].error));
    printf("sent %d %lld k%d\n", deliveries[i - from].partition, deliveries[i - from].offset, i % 10);
  }
  free(deliveries);
  rd_kafka_destroy(producer);
}

static void Rebalanced(rd_kafka_t *handle, rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t *partitions,
                       void *opaque) {
  (void)opaque;
  if (error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    rd_kafka_assign(handle, partitions);
    printf("assigned ");
    for (int i = 0; i < partitions->cnt; i++) printf(i ? ",%d" : "%d", partitions->elems[i].partition);
    printf("\n");
  } else {
    rd_kafka_assign(handle, NULL);
  }
}

static int InputEnded(void) {
  struct pollfd input = {.fd = 0, .events = POLLIN};
  char byte;
  return poll(&input, 1, 0) > 0 && read(0, &byte, 1) <= 0;
}

static void Join(const char *topic, const char *group) {
  rd_kafka_conf_t *conf = Configuration();
  Set(conf, "group.id", group);
  Set(conf, "auto.offset.reset", "earliest");
  Set(conf, "enable.auto.commit", "false");
  Set(conf, "session.timeout.ms", "3000");
  Set(conf, "heartbeat.interval.ms", "200");
  Set(conf, "topic.metadata.refresh.interval.ms", "1000");
  rd_kafka_conf_set_rebalance_cb(conf, Rebalanced);
  rd_kafka_t *consumer = New(RD_KAFKA_CONSUMER, conf);
  rd_kafka_poll_set_consumer(consumer);
  rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(topics, topic, RD_KAFKA_PARTITION_UA);
  rd_kafka_subscribe(consumer, topics);
  while (!InputEnded()) {
    rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 100);
    if (message == NULL) continue;
    if (message->err) {
      fprintf(stderr, "%s\n", rd_kafka_message_errstr(message));
    } else {
      printf("record %d %lld %.*s %.*s\n", message->partition, (long long)message->offset, (int)message->key_len,
             (const char *)message->key, (int)message->len, (const char *)message->payload);
      rd_kafka_commit_message(consumer, message, 0);
    }
    rd_kafka_message_destroy(message);
  }
  rd_kafka_consumer_close(consumer);
  rd_kafka_topic_partition_list_destroy(topics);
  rd_kafka_destroy(consumer);
}

static void CheckTopics(rd_kafka_event_t *event, int deleted) {
  if (event == NULL) Die("admin", "no answer");
  if (rd_kafka_event_error(event)) Die("admin", rd_kafka_event_error_string(event));
  size_t count;
  const rd_kafka_topic_result_t **results =
      deleted ? rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count)
              : rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
  if (count != 1) Die("admin", "not one result");
  if (rd_kafka_topic_result_error(results[0])) Die("admin", rd_kafka_err2name(rd_kafka_topic_result_error(results[0])));
  rd_kafka_event_destroy(event);
}

static void Administrate(const char *topic, int partitions) {
  rd_kafka_t *handle = New(RD_KAFKA_PRODUCER, Configuration());
  rd_kafka_queue_t *queue = rd_kafka_queue_new(handle);
  if (partitions > 0) {
    rd_kafka_NewTopic_t *created = rd_kafka_NewTopic_new(topic, partitions, 1, NULL, 0);
    rd_kafka_CreateTopics(handle, &created, 1, NULL, queue);
    CheckTopics(rd_kafka_queue_poll(queue, 30000), 0);
    rd_kafka_NewTopic_destroy(created);
  } else {
    rd_kafka_DeleteTopic_t *deleted = rd_kafka_DeleteTopic_new(topic);
    rd_kafka_DeleteTopics(handle, &deleted, 1, NULL, queue);
    CheckTopics(rd_kafka_queue_poll(queue, 30000), 1);
    rd_kafka_DeleteTopic_destroy(deleted);
  }
  rd_kafka_queue_destroy(queue);
  rd_kafka_destroy(handle);
}

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (argc == 4 && strcmp(argv[1], "create") == 0) {
    Administrate(argv[2], atoi(argv[3]));
  } else if (argc == 3 && strcmp(argv[1], "delete") == 0) {
    Administrate(argv[2], 0);
  } else if (argc == 6 && strcmp(argv[1], "produce") == 0) {
    Produce(argv[2], argv[3], atoi(argv[4]), atoi(argv[5]));
  } else if (argc == 4 && strcmp(argv[1], "member") == 0) {
    Join(argv[2], argv[3]);
  } else {
    Die(argv[0], "create TOPIC PARTITIONS | delete TOPIC | produce TOPIC CODEC FROM TO | member TOPIC GROUP");
  }
  return 0;
}
