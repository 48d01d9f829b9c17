package sim

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// gate is what the events of one kind pass on their way to one client. Its
// fields are guarded by the store's lock.
type gate struct {
	name   string
	heldTo time.Time     // nothing passes before
	broken chan struct{} // closed and replaced to end the watches
	oldest int64         // watches from before are told that it is too long ago
}

// gate returns the gate, which is made when it is first asked for.
func (w *World) gate(name string) *gate {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	g := w.gates[name]
	if g == nil {
		g = &gate{name: name, broken: make(chan struct{})}
		w.gates[name] = g
	}
	return g
}

// watch streams changes to the client.
func (t *transport) watch(req *request) (*http.Response, error) {
	selected, err := req.selects()
	if err != nil {
		return respond(req, nil, err)
	}
	g := t.w.gate(t.actor + ":" + req.resource.Resource)
	from, _ := strconv.ParseInt(req.URL.Query().Get("resourceVersion"), 10, 64)
	initial := req.URL.Query().Get("sendInitialEvents") == "true" || from == 0
	s := t.w.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if !initial && from < g.oldest {
		return respond(req, nil, apierrors.NewResourceExpired(fmt.Sprintf("too old resource version: %d (%d)", from, g.oldest)))
	}
	stream := &stream{transport: t, req: req, gate: g, selected: selected, broken: g.broken}
	if initial {
		for _, obj := range s.list(req.resource, req.key.Namespace) {
			if selected(obj) {
				stream.first = append(stream.first, message(watch.Added, req.shape(obj.raw)))
			}
		}
		if req.URL.Query().Get("sendInitialEvents") == "true" {
			stream.first = append(stream.first, bookmark(req, s.version))
		}
		from = s.version
	}
	for stream.next < len(s.log[req.resource]) && s.log[req.resource][stream.next].version <= from {
		stream.next++
	}
	reader, writer := io.Pipe()
	t.w.streams.Go(func() { writer.CloseWithError(stream.run(writer)) })
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json;stream=watch"}}, Request: req.Request, Body: reader, ContentLength: -1,
	}, nil
}

// stream is one watch that is open.
type stream struct {
	*transport
	req      *request
	gate     *gate
	selected func(*stored) bool
	first    [][]byte // what is there at first
	next     int      // in the log
	broken   <-chan struct{}
}

// run sends one event after the other, each when it is due, until the watch ends.
func (s *stream) run(to io.Writer) error {
	for _, message := range s.first {
		if _, err := to.Write(message); err != nil {
			return nil
		}
	}
	for {
		due, changed, event := s.look()
		var timer <-chan time.Time
		if !due.IsZero() {
			if wait := time.Until(due); wait > 0 {
				timer = time.After(wait)
			} else {
				s.next++
				if event != nil {
					if _, err := to.Write(event); err != nil {
						return nil
					}
				}
				continue
			}
		}
		select {
		case <-timer:
		case <-changed:
		case <-s.broken:
			return nil
		case <-s.req.Context().Done():
			return nil
		}
	}
}

// look returns the next event, if it concerns the client, and when it is due;
// zero if there is none.
func (s *stream) look() (due time.Time, changed <-chan struct{}, event []byte) {
	store := s.w.store
	store.mu.Lock()
	defer store.mu.Unlock()
	log := store.log[s.req.resource]
	if s.next >= len(log) {
		return time.Time{}, store.changed, nil
	}
	c := log[s.next]
	due = c.at.Add(s.w.weather.delay(s.gate.name, c.version))
	if s.gate.heldTo.After(due) {
		due = s.gate.heldTo
	}
	before, after := s.selected(c.before), s.selected(c.after)
	switch {
	case after && before:
		event = message(watch.Modified, s.req.shape(c.after.raw))
	case after:
		event = message(watch.Added, s.req.shape(c.after.raw))
	case before:
		last := clone(c.before.Object)
		last.SetResourceVersion(strconv.FormatInt(c.version, 10))
		raw, _ := json.Marshal(last)
		event = message(watch.Deleted, s.req.shape(raw))
	}
	return due, store.changed, event
}

func message(kind watch.EventType, object []byte) []byte {
	return fmt.Appendf(nil, `{"type":%q,"object":%s}`+"\n", kind, object)
}

func bookmark(req *request, version int64) []byte {
	gvk := kinds[req.resource]
	return message(watch.Bookmark, req.shape(fmt.Appendf(nil, `{"kind":%q,"apiVersion":%q,"metadata":{"resourceVersion":"%d","annotations":{%q:"true"}}}`,
		gvk.Kind, gvk.GroupVersion(), version, metav1.InitialEventsAnnotationKey)))
}
