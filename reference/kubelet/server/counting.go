package server

import (
	"net/http"
	"strings"

	"github.com/etalon-dev/etalon/reference/kubelet/metrics"
)

// longRunning are the paths whose answers last as long as the client wants.
var longRunning = []string{"exec", "attach", "portForward", "debug"}

// counting counts the requests that were let in. Only the first parts of known paths are told of: what follows would
// have no end.
func counting(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, long := "", false
		if _, pattern := mux.Handler(r); pattern != "" {
			name = route(r.URL.Path)
			first, _, _ := strings.Cut(name, "/")
			for _, p := range longRunning {
				long = long || p == first
			}
		}
		defer metrics.Request(r.Method, name, long)()
		mux.ServeHTTP(w, r)
	})
}

// route is a path as it is counted: its first part, and the second of metrics and stats.
func route(path string) string {
	first, rest, _ := strings.Cut(strings.Trim(path, "/"), "/")
	if second, _, _ := strings.Cut(rest, "/"); second != "" && (first == "metrics" || first == "stats") {
		return first + "/" + second
	}
	return first
}
