package fault

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
)

var errKilled = errors.New("this process has been killed")

// wire is what the controllers of a round reach the API server by. It counts
// their writes, kills them at the one that was chosen, and shows them no other
// namespace than the round's.
type wire struct {
	round *Round

	mu     sync.Mutex
	writes []string
	last   string // the write at which they were killed
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
	r = p.narrow(r)
	if !p.counts(r) {
		return p.next.RoundTrip(r)
	}
	chosen := p.count(r)
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

// counts says whether the request is a write of what the round has. Events and
// Leases are not what a controller is there for.
func (w *wire) counts(r *http.Request) bool {
	if r.Method == http.MethodGet {
		return false
	}
	what, inside := w.target(r.URL.Path)
	return inside && !strings.HasPrefix(what, "events") && !strings.HasPrefix(what, "leases")
}

// target is the end of the path that tells which object it is, if that is one of
// the round's.
func (w *wire) target(path string) (what string, inside bool) {
	if _, what, inside = strings.Cut(path, "/namespaces/"+w.round.Namespace+"/"); inside {
		return what, true
	}
	for _, resource := range w.round.scenario.Cluster {
		if _, name, found := strings.Cut(path+"/", "/"+resource+"/"); found && !strings.Contains(path, "/namespaces/") {
			return resource + "/" + name, true
		}
	}
	return "", false
}

// count says whether this is the write to be killed at.
func (w *wire) count(r *http.Request) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	what, _ := w.target(r.URL.Path)
	w.writes = append(w.writes, fmt.Sprintf("%s %s", r.Method, what))
	if len(w.writes) != w.round.kill.n {
		return false
	}
	w.last = w.writes[len(w.writes)-1]
	return true
}

// written is the number of writes so far.
func (w *wire) written() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.writes)
}

// narrow makes a list or watch of everything one of what the round has.
func (w *wire) narrow(r *http.Request) *http.Request {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if r.Method != http.MethodGet || len(parts) < 3 {
		return r
	}
	resource := parts[len(parts)-1]
	prefix := strings.Join(parts[:len(parts)-1], "/")
	isCollection := parts[0] == "api" && len(parts) == 3 || parts[0] == "apis" && len(parts) == 4
	shared := w.round.cluster[resource] && !slices.Contains(w.round.scenario.Cluster, resource)
	if !isCollection || shared {
		return r
	}
	r = r.Clone(r.Context())
	if !w.round.cluster[resource] {
		r.URL.Path = "/" + prefix + "/namespaces/" + w.round.Namespace + "/" + resource
		return r
	}
	query := r.URL.Query()
	query.Set("labelSelector", Label+"="+w.round.Namespace)
	r.URL.RawQuery = query.Encode()
	return r
}
