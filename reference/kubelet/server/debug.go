package server

import (
	"fmt"
	"io"
	"net/http"
	"net/http/pprof"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
	"k8s.io/apiserver/pkg/server/flagz"
	"k8s.io/apiserver/pkg/server/statusz"
	"k8s.io/apiserver/pkg/util/compatibility"
	"k8s.io/component-base/logs"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/utils/ptr"
)

// listed are the paths that /statusz names.
var listed = []string{"/configz", "/healthz", "/metrics", "/pods", "/runningpods/", "/stats/summary"}

// Flags are those that the agent was started with, for /flagz.
type Flags struct{ *pflag.FlagSet }

// GetFlagz implements flagz.Reader.
func (f Flags) GetFlagz() map[string]string {
	out := map[string]string{}
	if f.FlagSet != nil {
		f.VisitAll(func(one *pflag.Flag) { out[one.Name] = one.Value.String() })
	}
	return out
}

// addPages adds what tells a person how the agent is doing (docs: reference/instrumentation/zpages).
func (s *Server) addPages(mux *http.ServeMux) {
	statusz.Install(mux, "kubelet", statusz.NewRegistry(compatibility.DefaultBuildEffectiveVersion(), statusz.WithListedPaths(listed)))
	flagz.Install(mux, "kubelet", s.Flags)
}

// addDebugging adds what lets one look into containers and the agent, unless it is switched off.
func (s *Server) addDebugging(mux *http.ServeMux) {
	if !ptr.Deref(s.Kubelet.EnableDebuggingHandlers, true) {
		for _, path := range []string{"/run/", "/exec/", "/attach/", "/portForward/", "/containerLogs/", "/runningpods/", "/debug/pprof/", "/logs/"} {
			mux.HandleFunc(path, disabled("Debug endpoints are disabled."))
		}
		return
	}
	mux.HandleFunc("GET /runningpods", s.runningPods)
	mux.HandleFunc("GET /runningpods/{$}", s.runningPods)
	mux.HandleFunc("GET /logs/", s.systemLogs)
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", s.logs)
	for _, method := range []string{"GET", "POST"} {
		for _, id := range []string{"", "{uid}/"} {
			mux.HandleFunc(method+" /exec/{namespace}/{pod}/"+id+"{container}", s.exec)
			mux.HandleFunc(method+" /attach/{namespace}/{pod}/"+id+"{container}", s.attach)
		}
		mux.HandleFunc(method+" /portForward/{namespace}/{pod}", s.portForward)
		mux.HandleFunc(method+" /portForward/{namespace}/{pod}/{uid}", s.portForward)
	}
	mux.HandleFunc("POST /run/{namespace}/{pod}/{container}", s.run)
	mux.HandleFunc("POST /run/{namespace}/{pod}/{uid}/{container}", s.run)
	s.addProfiling(mux)
	if ptr.Deref(s.Kubelet.EnableDebugFlagsHandler, true) {
		mux.HandleFunc("PUT /debug/flags/v", setVerbosity)
	} else {
		mux.HandleFunc("/debug/flags/v", disabled("flags endpoint is disabled."))
	}
}

func (s *Server) addProfiling(mux *http.ServeMux) {
	if !ptr.Deref(s.Kubelet.EnableProfilingHandler, true) {
		mux.HandleFunc("/debug/pprof/", disabled("profiling endpoint is disabled."))
		return
	}
	if s.Kubelet.EnableContentionProfiling {
		runtime.SetBlockProfileRate(1)
	}
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
}

func disabled(why string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, why, http.StatusMethodNotAllowed) }
}

// setVerbosity answers PUT /debug/flags/v, whose body is a number.
func setVerbosity(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 64))
	if err != nil {
		http.Error(w, "error reading request body: "+err.Error(), http.StatusBadRequest)
		return
	}
	answer, err := logs.GlogSetter(strings.TrimSpace(string(body)))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprintln(w, answer)
}

// runTimeout bounds a command of /run.
const runTimeout = 5 * time.Minute

// run answers POST /run/{namespace}/{pod}/{container}?cmd=… with what the command printed.
func (s *Server) run(w http.ResponseWriter, r *http.Request) {
	_, id, ok := s.running(w, r)
	if !ok {
		return
	}
	out, complained, err := s.Runtime.ExecSync(r.Context(), id, strings.Split(r.FormValue("cmd"), " "), runTimeout)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Write(append(out, complained...))
}

// checkpoint answers POST /checkpoint/{namespace}/{pod}/{container}: the container's state is written into a file of the node
// (docs: reference/node/kubelet-checkpoint-api). Runtimes that cannot do so are many.
func (s *Server) checkpoint(w http.ResponseWriter, r *http.Request) {
	_, id, ok := s.running(w, r)
	if !ok {
		return
	}
	var seconds int64
	if text := r.FormValue("timeout"); text != "" {
		if _, err := fmt.Sscanf(text, "%d", &seconds); err != nil || seconds < 0 {
			http.Error(w, "cannot parse value of timeout parameter", http.StatusInternalServerError)
			return
		}
	}
	file, err := s.checkpointFile(r.PathValue("namespace"), r.PathValue("pod"), r.PathValue("container"), time.Now())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	err = s.Runtime.CheckpointContainer(r.Context(), &criv1.CheckpointContainerRequest{ContainerId: id, Location: file, Timeout: seconds})
	if err != nil {
		code := http.StatusInternalServerError
		if grpcstatus.Code(err) == codes.Unimplemented {
			code = http.StatusNotFound
		}
		http.Error(w, fmt.Sprintf("checkpointing of %v/%v/%v failed (%v)", r.PathValue("namespace"), r.PathValue("pod"), r.PathValue("container"), err), code)
		return
	}
	reply(w, map[string][]string{"items": {file}})
}
