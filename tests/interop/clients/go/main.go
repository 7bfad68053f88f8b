// The driver (see README.md) for franz-go.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func client(options ...kgo.Opt) *kgo.Client {
	c, err := kgo.NewClient(append(options, kgo.SeedBrokers(os.Getenv("BOOTSTRAP")))...)
	check(err)
	return c
}

func produce(topic, codec string, from, to int) {
	codecs := map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(),
		"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
	c := client(kgo.ProducerBatchCompression(codecs[codec]), kgo.AllowAutoTopicCreation(), kgo.ProducerLinger(5*time.Millisecond),
		kgo.UnknownTopicRetries(20))
	defer c.Close()
	var records []*kgo.Record
	for i := from; i < to; i++ {
		records = append(records, &kgo.Record{Topic: topic, Key: []byte(fmt.Sprintf("k%d", i%10)),
			Value: []byte(fmt.Sprintf("v-%d-%s", i, strings.Repeat("x", i%50)))})
	}
	check(c.ProduceSync(context.Background(), records...).FirstErr())
	for _, r := range records {
		fmt.Printf("sent %d %d %s\n", r.Partition, r.Offset, r.Key)
	}
}

func member(topic, group string) {
	tell := func(_ context.Context, _ *kgo.Client, added map[string][]int32) {
		partitions := append([]int32{}, added[topic]...)
		sort.Slice(partitions, func(i, j int) bool { return partitions[i] < partitions[j] })
		words := make([]string, len(partitions))
		for i, p := range partitions {
			words[i] = strconv.Itoa(int(p))
		}
		fmt.Println("assigned " + strings.Join(words, ","))
	}
	c := client(kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(), kgo.OnPartitionsAssigned(tell),
		kgo.Balancers(kgo.RangeBalancer()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.SessionTimeout(3*time.Second),
		kgo.HeartbeatInterval(200*time.Millisecond), kgo.MetadataMaxAge(2*time.Second), kgo.MetadataMinAge(200*time.Millisecond))
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	for ctx.Err() == nil {
		fetches := c.PollFetches(ctx)
		fetches.EachRecord(func(r *kgo.Record) {
			fmt.Printf("record %d %d %s %s\n", r.Partition, r.Offset, r.Key, r.Value)
		})
		if !fetches.Empty() {
			c.CommitUncommittedOffsets(context.Background())
		}
	}
	c.LeaveGroup()
	c.Close()
}

func main() {
	arguments := os.Args[1:]
	admin := func() *kadm.Client { return kadm.NewClient(client()) }
	number := func(s string) int {
		n, err := strconv.Atoi(s)
		check(err)
		return n
	}
	switch arguments[0] {
	case "create":
		_, err := admin().CreateTopic(context.Background(), int32(number(arguments[2])), 1, nil, arguments[1])
		check(err)
	case "delete":
		_, err := admin().DeleteTopic(context.Background(), arguments[1])
		check(err)
	case "produce":
		produce(arguments[1], arguments[2], number(arguments[3]), number(arguments[4]))
	case "member":
		member(arguments[1], arguments[2])
	default:
		check(fmt.Errorf("unknown command %s", arguments[0]))
	}
}
