package fault

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

var errKilled = errors.New("this process has been killed")

// wire is what the controllers of a round reach the API server by. It counts
// their writes, kills them at the one that was chosen, and shows them no other
// namespace than the round's.
type wire struct {
	round *Round
	wrote func() // is called after each write, also one that does not count

	mu     sync.Mutex
	writes []string
	last   time.Time // when the last was
	at     string    // the write at which they were killed
}

// process is one life of the controllers.
type process struct {
	*wire
	next http.RoundTripper
	die  func()
	mu   sync.Mutex
	dead bool
}

func (p *process) RoundTrip(r *http.Request) (*http.Response, error) {
	if p.isDead() {
		return nil, errKilled
	}
	if r.Method == http.MethodGet {
		return p.next.RoundTrip(p.narrow(r))
	}
	what, inside := p.target(r.URL.Path)
	if inside && strings.HasPrefix(what, "events") {
		return noted(r), nil
	}
	defer p.wrote()
	if !inside || strings.HasPrefix(what, "leases") { // they are not what a controller is there for
		return p.next.RoundTrip(r)
	}
	r, err := p.label(r)
	if err != nil {
		return nil, err
	}
	chosen := p.count(r.Method + " " + what)
	if chosen && !p.round.kill.sent {
		p.end()
		return nil, errKilled
	}
	response, err := p.next.RoundTrip(r)
	if chosen || p.isDead() {
		p.end()
		if err == nil {
			response.Body.Close()
		}
		return nil, errKilled
	}
	return response, err
}

func (p *process) isDead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead
}

func (p *process) end() {
	p.mu.Lock()
	p.dead = true
	p.mu.Unlock()
	p.die()
}

// noted answers as if the Event had been written. Nobody reads them here, and they
// would be half of all writes.
func noted(r *http.Request) *http.Response {
	kind := r.Header.Get("Content-Type")
	if r.Method == http.MethodPatch {
		kind = "application/json"
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {kind}}, Body: r.Body, Request: r}
}

// target is the end of the path that tells which object it is, if that is one of
// the round's.
func (w *wire) target(path string) (what string, inside bool) {
	if _, what, inside = strings.Cut(path, "/namespaces/"+w.round.Namespace+"/"); inside {
		return what, true
	}
	for _, resource := range w.round.scenario.Cluster {
		if _, name, found := strings.Cut(path+"/", "/"+resource+"/"); found && !strings.Contains(path, "/namespaces/") {
			return strings.TrimSuffix(resource+"/"+name, "/"), true
		}
	}
	return "", false
}

// count says whether this is the write to be killed at.
func (w *wire) count(write string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writes = append(w.writes, write)
	w.last = time.Now()
	if len(w.writes) != w.round.kill.n {
		return false
	}
	w.at = write
	return true
}

// made are the writes so far.
func (w *wire) made() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.writes)
}

// killedAt is the write at which the controllers were killed; none if it is empty.
func (w *wire) killedAt() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

// quiet returns an error unless there has been no write for so long.
func (w *wire) quiet(calm time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.writes); n > 0 {
		if left := calm - time.Since(w.last); left > 0 {
			return restlessError{left, fmt.Sprintf("there is no rest: %d writes, the last %s", n, w.writes[n-1])}
		}
	}
	return nil
}

// restlessError says that there will be rest after that time, if there is no
// other write.
type restlessError struct {
	left time.Duration
	text string
}

func (e restlessError) Error() string { return e.text }

// narrow makes a list or watch of everything one of what the round has.
func (w *wire) narrow(r *http.Request) *http.Request {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if len(parts) < 3 {
		return r
	}
	resource := parts[len(parts)-1]
	prefix := strings.Join(parts[:len(parts)-1], "/")
	isCollection := parts[0] == "api" && len(parts) == 3 || parts[0] == "apis" && len(parts) == 4
	cluster := w.round.place.cluster[resource]
	if !isCollection || cluster && !slices.Contains(w.round.scenario.Cluster, resource) {
		return r
	}
	r = r.Clone(r.Context())
	if !cluster {
		r.URL.Path = "/" + prefix + "/namespaces/" + w.round.Namespace + "/" + resource
		return r
	}
	query := r.URL.Query()
	query.Set("labelSelector", Label+"="+w.round.Namespace)
	r.URL.RawQuery = query.Encode()
	return r
}

// telling tells of each write when it has been answered.
type telling struct {
	next  http.RoundTripper
	wrote func()
}

func (t telling) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet {
		defer t.wrote()
	}
	return t.next.RoundTrip(r)
}
