package server

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/proxy"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// exec runs a command in a container and connects the client with it.
func (s *Server) exec(w http.ResponseWriter, r *http.Request) {
	_, id, ok := s.running(w, r)
	if !ok {
		return
	}
	q := r.URL.Query()
	answer, err := s.Runtime.Exec(r.Context(), &criv1.ExecRequest{
		ContainerId: id, Cmd: q["command"], Tty: on(q, "tty"),
		Stdin: on(q, "input", "stdin"), Stdout: on(q, "output", "stdout"), Stderr: on(q, "error", "stderr") && !on(q, "tty"),
	})
	forward(w, r, answer.GetUrl(), err)
}

// attach connects the client with a container's first process.
func (s *Server) attach(w http.ResponseWriter, r *http.Request) {
	c, id, ok := s.running(w, r)
	if !ok {
		return
	}
	q := r.URL.Query()
	answer, err := s.Runtime.Attach(r.Context(), &criv1.AttachRequest{
		ContainerId: id, Tty: c.TTY,
		Stdin: on(q, "input", "stdin"), Stdout: on(q, "output", "stdout"), Stderr: on(q, "error", "stderr") && !c.TTY,
	})
	forward(w, r, answer.GetUrl(), err)
}

// portForward connects the client with ports of a pod.
func (s *Server) portForward(w http.ResponseWriter, r *http.Request) {
	pod := s.find(w, r)
	if pod == nil {
		return
	}
	state, err := s.Runtime.Pod(r.Context(), pod.UID)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	sandbox := state.Sandbox()
	if sandbox == nil || !sandbox.Ready {
		http.Error(w, fmt.Sprintf("unable to forward port because pod is not running. Current status=%v", s.Pods.Status(pod).Phase), http.StatusBadRequest)
		return
	}
	answer, err := s.Runtime.PortForward(r.Context(), &criv1.PortForwardRequest{PodSandboxId: sandbox.ID})
	forward(w, r, answer.GetUrl(), err)
}

// find returns the pod of the request, or answers that there is none.
func (s *Server) find(w http.ResponseWriter, r *http.Request) *v1.Pod {
	pod := s.Pods.Pod(r.PathValue("namespace"), r.PathValue("pod"))
	if pod == nil || (r.PathValue("uid") != "" && r.PathValue("uid") != string(pod.UID)) {
		http.Error(w, "pod does not exist", http.StatusNotFound)
		return nil
	}
	return pod
}

// running returns the request's container and the id of its running instance, or answers that
// there is none.
func (s *Server) running(w http.ResponseWriter, r *http.Request) (*v1.Container, string, bool) {
	pod := s.find(w, r)
	if pod == nil {
		return nil, "", false
	}
	name := r.PathValue("container")
	if spec := containerOf(pod, name); spec != nil {
		if c := statusOf(s.Pods.Status(pod), name); c != nil && c.State.Running != nil {
			return spec, strings.TrimPrefix(c.ContainerID, "containerd://"), true
		}
	}
	http.Error(w, fmt.Sprintf("container not found (%q)", name), http.StatusNotFound)
	return nil, "", false
}

// containerOf returns the pod's container of that name, of whatever kind, nil if it has none.
func containerOf(pod *v1.Pod, name string) *v1.Container {
	for _, list := range [][]v1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	for i := range pod.Spec.EphemeralContainers {
		if e := &pod.Spec.EphemeralContainers[i]; e.Name == name {
			return (*v1.Container)(&e.EphemeralContainerCommon)
		}
	}
	return nil
}

// on tells whether a parameter, under one of its names, is switched on.
func on(q url.Values, names ...string) bool {
	for _, name := range names {
		if v := q.Get(name); v == "1" || v == "true" {
			return true
		}
	}
	return false
}

// forward hands the connection over to the runtime's streaming server, which speaks SPDY with
// the client from then on.
func forward(w http.ResponseWriter, r *http.Request, location string, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	target, err := url.Parse(location)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	proxy.NewUpgradeAwareHandler(target, nil, false, true, responder{}).ServeHTTP(w, r)
}

type responder struct{}

func (responder) Error(w http.ResponseWriter, _ *http.Request, err error) {
	http.Error(w, err.Error(), http.StatusInternalServerError)
}
