package ceiling

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"

	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/apimachinery/pkg/watch"
)

// backlog is how many events a slow watcher may be behind before it is cut off.
const backlog = 1000

// fan watches etcd once and hands each event, encoded once, to every watcher of its namespace.
type fan struct {
	server *server

	mu       sync.Mutex
	watchers map[string]map[chan []byte]struct{} // by key prefix
}

func newFan(ctx context.Context, s *server) *fan {
	f := &fan{server: s, watchers: map[string]map[chan []byte]struct{}{}}
	events := s.etcd.Watch(ctx, prefix, clientv3.WithPrefix())
	go func() {
		for batch := range events {
			for _, e := range batch.Events {
				f.send(e)
			}
		}
	}()
	return f
}

func (f *fan) send(e *clientv3.Event) {
	k := string(e.Kv.Key)
	namespace := k[:strings.LastIndexByte(k, '/')+1]
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.watchers[namespace]) == 0 || e.Type != clientv3.EventTypePut {
		return // nothing is ever deleted here
	}
	pod, err := f.server.decode(e.Kv)
	if err != nil {
		return
	}
	kind := watch.Modified
	if e.IsCreate() {
		kind = watch.Added
	}
	var object bytes.Buffer
	if f.server.json.Encode(pod, &object) != nil {
		return
	}
	line, err := json.Marshal(struct {
		Type   watch.EventType `json:"type"`
		Object json.RawMessage `json:"object"`
	}{kind, object.Bytes()})
	if err != nil {
		return
	}
	line = append(line, '\n')
	for c := range f.watchers[namespace] {
		select {
		case c <- line:
		default:
			delete(f.watchers[namespace], c)
			close(c)
		}
	}
}

// serve streams the events from now on, as JSON, until the client leaves.
func (f *fan) serve(w http.ResponseWriter, r *http.Request) {
	namespace := key(r, "")
	c := make(chan []byte, backlog)
	f.mu.Lock()
	if f.watchers[namespace] == nil {
		f.watchers[namespace] = map[chan []byte]struct{}{}
	}
	f.watchers[namespace][c] = struct{}{}
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.watchers[namespace], c)
		f.mu.Unlock()
	}()
	w.Header().Set("Content-Type", jsonType)
	w.WriteHeader(http.StatusOK)
	flush := http.NewResponseController(w).Flush
	if flush() != nil {
		return
	}
	for {
		select {
		case <-r.Context().Done():
			return
		case line, open := <-c:
			if !open {
				return
			}
			if _, err := w.Write(line); err != nil {
				return
			}
			if len(c) == 0 && flush() != nil {
				return
			}
		}
	}
}
