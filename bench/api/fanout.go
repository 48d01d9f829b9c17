package api

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// watchersPerConnection is how many watchers share a connection, as the informers of one process do.
const watchersPerConnection = 50

// runFanout measures events that reach so many watchers, from the moment of the write that causes
// them. The next write waits until all watchers have seen the one before, so that no queue is measured.
func (p *peer) runFanout(ctx context.Context, namespace string, watchers, events int) (Sample, error) {
	clients, err := p.clients(1, JSON)
	if err != nil {
		return Sample{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	seen := make(chan time.Duration, watchers)
	var web *http.Client
	for i := range watchers {
		if i%watchersPerConnection == 0 {
			if web, err = ownConnection(p.config); err != nil {
				return Sample{}, err
			}
		}
		stream, err := p.watch(ctx, web, namespace)
		if err != nil {
			return Sample{}, errors.Join(err, group.Wait())
		}
		group.Go(func() error { return follow(ctx, stream, seen) })
	}
	before, err := p.process.CPU()
	if err != nil {
		return Sample{}, err
	}
	begin := time.Now()
	times, err := sendAndAwait(ctx, clients[0], namespace, watchers, events, seen)
	if err != nil {
		cancel()
		return Sample{}, errors.Join(err, group.Wait())
	}
	sample, err := p.sample(begin, before, times)
	cancel()
	return sample, errors.Join(err, group.Wait())
}

func sendAndAwait(ctx context.Context, client *kubernetes.Clientset, namespace string, watchers, events int, seen <-chan time.Duration) ([]time.Duration, error) {
	var times []time.Duration
	for i := range events {
		object := pod(namespace, podName(i))
		object.Annotations[sentAnnotation] = strconv.FormatInt(time.Now().UnixNano(), 10)
		if _, err := client.CoreV1().Pods(namespace).Create(ctx, object, metav1.CreateOptions{}); err != nil {
			return nil, err
		}
		for range watchers {
			select {
			case d := <-seen:
				times = append(times, d)
			case <-ctx.Done():
				return nil, fmt.Errorf("a watch ended after %d of %d events", len(times), watchers*events)
			}
		}
	}
	return times, nil
}

// watch opens a watch of the namespace's pods that begins with an empty list.
func (p *peer) watch(ctx context.Context, web *http.Client, namespace string) (io.ReadCloser, error) {
	url := p.config.Host + "/api/v1/namespaces/" + namespace + "/pods?watch=true&resourceVersion=0"
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := web.Do(r)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return nil, fmt.Errorf("watch: %s", response.Status)
	}
	return response.Body, nil
}

// follow reads events, one a line, and tells how old each was. It looks at one annotation only, for
// decoding a thousand copies of each event would be the client's work, not the server's.
func follow(ctx context.Context, stream io.ReadCloser, seen chan<- time.Duration) error {
	defer stream.Close()
	lines := bufio.NewReaderSize(stream, 16<<10)
	for {
		line, err := lines.ReadSlice('\n')
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("watch: %w", err)
		}
		sent, ok := sentAt(line)
		if !ok {
			return fmt.Errorf("watch: unexpected event %.200q", line)
		}
		seen <- time.Since(sent)
	}
}

func sentAt(line []byte) (time.Time, bool) {
	_, rest, ok := bytes.Cut(line, []byte(`"`+sentAnnotation+`":"`))
	if !ok {
		return time.Time{}, false
	}
	digits, _, ok := bytes.Cut(rest, []byte(`"`))
	nanos, err := strconv.ParseInt(string(digits), 10, 64)
	return time.Unix(0, nanos), ok && err == nil
}
