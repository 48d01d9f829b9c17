package runner

import (
	"crypto/rand"
	"encoding/json"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/onsi/ginkgo/v2/types"
)

// server is the meeting point of the workers: the other end of the HTTP protocol that Ginkgo's
// parallel processes speak (GINKGO_PARALLEL_PROTOCOL=HTTP). It hands out the specs one by one,
// to whichever worker is free, and takes the reports. It listens on the loopback only, under a
// path that cannot be guessed.
type server struct {
	address string // http://127.0.0.1:PORT/SECRET
	http    *http.Server

	mu      sync.Mutex
	next    int  // the next spec's index in the order all workers share
	abort   bool // no further spec may start, running ones are to stop
	total   int
	alive   []bool // per worker
	job     any    // what a worker must know, as JSON
	take    func(event)
	timings map[int]running // per worker, what runs there
}

// running is a spec under way.
type running struct {
	ID    string
	Since time.Time
}

// event is news from a worker: a spec began, or one ended.
type event struct {
	began string
	ended *types.SpecReport
}

func newServer(total int, job any, take func(event)) (*server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	prefix := "/" + rand.Text()
	s := &server{
		address: "http://" + listener.Addr().String() + prefix,
		total:   total, alive: make([]bool, total+1), job: job, take: take, timings: map[int]running{},
	}
	for i := range s.alive {
		s.alive[i] = true
	}
	s.http = &http.Server{Handler: http.StripPrefix(prefix, s.routes()), ReadHeaderTimeout: time.Minute}
	go s.http.Serve(listener) //nolint:errcheck // it ends when the run does
	return s, nil
}

func (s *server) close() { s.http.Close() }

func (s *server) routes() http.Handler {
	mux := http.NewServeMux()
	ok := func(http.ResponseWriter, *http.Request) {}
	mux.HandleFunc("/up", ok)
	mux.HandleFunc("/suite-will-begin", ok)
	mux.HandleFunc("/suite-did-end", ok)
	mux.HandleFunc("/progress-report", ok)
	mux.HandleFunc("/emit-output", ok)
	mux.HandleFunc("/counter", s.counter)
	mux.HandleFunc("/did-run", s.didRun)
	mux.HandleFunc("/abort", s.aborted)
	mux.HandleFunc("/have-nonprimary-procs-finished", s.othersFinished)
	mux.HandleFunc("/job", func(w http.ResponseWriter, _ *http.Request) { reply(w, s.job) })
	mux.HandleFunc("/began", s.began)
	return mux
}

func reply(w http.ResponseWriter, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// counter hands out the index of the next spec; past the last one the workers know to stop.
func (s *server) counter(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	index := s.next
	s.next++
	s.mu.Unlock()
	reply(w, map[string]int{"Index": index})
}

func (s *server) didRun(w http.ResponseWriter, r *http.Request) {
	var report types.SpecReport
	if err := json.NewDecoder(r.Body).Decode(&report); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	delete(s.timings, report.ParallelProcess)
	s.mu.Unlock()
	s.take(event{ended: &report})
}

// news is what a worker sends to /began.
type news struct {
	Worker int    `json:"worker"`
	ID     string `json:"id"`
}

func (s *server) began(w http.ResponseWriter, r *http.Request) {
	var n news
	if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.timings[n.Worker] = running{ID: n.ID, Since: time.Now()}
	s.mu.Unlock()
	s.take(event{began: n.ID})
}

// aborted tells a worker whether to stop (410 Gone); a POST asks all to.
func (s *server) aborted(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		s.stop()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.abort {
		w.WriteHeader(http.StatusGone)
	}
}

// stop asks all workers to stop: running specs are interrupted and cleaned up, others do not start.
func (s *server) stop() {
	s.mu.Lock()
	s.abort = true
	s.mu.Unlock()
}

// othersFinished tells worker 1 whether it is alone, which specs marked Serial wait for.
func (s *server) othersFinished(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for worker := 2; worker <= s.total; worker++ {
		if s.alive[worker] {
			w.WriteHeader(http.StatusTooEarly)
			return
		}
	}
}

// ended notes that a worker's process has ended, and returns the spec it was running, if any.
func (s *server) ended(worker int) (running, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alive[worker] = false
	spec, was := s.timings[worker]
	delete(s.timings, worker)
	return spec, was
}
