package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/kubelet/logs"
	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

// logs answers GET /containerLogs/{namespace}/{pod}/{container}.
func (s *Server) logs(w http.ResponseWriter, r *http.Request) {
	options, previous, err := logOptions(r.URL.Query(), time.Now())
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	pod := s.Pods.Pod(r.PathValue("namespace"), r.PathValue("pod"))
	if pod == nil {
		http.Error(w, fmt.Sprintf("pod %q does not exist", r.PathValue("pod")), http.StatusNotFound)
		return
	}
	id, err := instance(pod, s.Pods.Status(pod), r.PathValue("container"), previous)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	status, err := s.Runtime.ContainerStatus(r.Context(), id, false)
	if err != nil {
		http.Error(w, fmt.Sprintf("failed to try resolving symlinks in path: container %q in pod %q is not available: %v", r.PathValue("container"), pod.Name, err), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	out := &flushing{w: w, flush: http.NewResponseController(w).Flush}
	w.WriteHeader(http.StatusOK)
	out.flush()
	err = logs.Read(r.Context(), status.GetStatus().GetLogPath(), options, s.writes(id), out)
	if err != nil && r.Context().Err() == nil {
		fmt.Fprintf(out, "%v\n", err)
	}
}

// writes tells whether the container may still write to its log. Who cannot know waits on.
func (s *Server) writes(id string) func(context.Context) bool {
	return func(ctx context.Context) bool {
		status, err := s.Runtime.ContainerStatus(ctx, id, false)
		if runtime.IsNotFound(err) {
			return false
		}
		state := status.GetStatus().GetState()
		return err != nil || state == criv1.ContainerState_CONTAINER_CREATED || state == criv1.ContainerState_CONTAINER_RUNNING
	}
}

// instance is the id of the container's instance whose log is asked for.
func instance(pod *v1.Pod, status *v1.PodStatus, name string, previous bool) (string, error) {
	if name == "" {
		return "", errors.New("missing container name")
	}
	c := statusOf(status, name)
	if c == nil {
		return "", fmt.Errorf("container %q in pod %q is not available", name, pod.Name)
	}
	last, id := "", ""
	if t := c.LastTerminationState.Terminated; t != nil {
		last = t.ContainerID
	}
	switch {
	case previous && last == "":
		return "", fmt.Errorf("previous terminated container %q in pod %q not found", name, pod.Name)
	case previous:
		id = last
	case c.State.Running != nil:
		id = c.ContainerID
	case c.State.Terminated != nil && c.State.Terminated.ContainerID != "":
		id = c.State.Terminated.ContainerID
	case last != "":
		id = last
	case c.State.Waiting != nil:
		switch reason := c.State.Waiting.Reason; reason {
		case "ErrImagePull":
			return "", fmt.Errorf("container %q in pod %q is waiting to start: image can't be pulled", name, pod.Name)
		case "ImagePullBackOff":
			return "", fmt.Errorf("container %q in pod %q is waiting to start: trying and failing to pull image", name, pod.Name)
		default:
			return "", fmt.Errorf("container %q in pod %q is waiting to start: %v", name, pod.Name, reason)
		}
	default:
		return "", fmt.Errorf("container %q in pod %q is terminated", name, pod.Name)
	}
	return strings.TrimPrefix(id, "containerd://"), nil
}

func statusOf(s *v1.PodStatus, name string) *v1.ContainerStatus {
	for _, list := range [][]v1.ContainerStatus{s.ContainerStatuses, s.InitContainerStatuses, s.EphemeralContainerStatuses} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return nil
}

// logOptions reads the query of PodLogOptions.
func logOptions(q url.Values, now time.Time) (logs.Options, bool, error) {
	o := logs.Options{}
	var previous bool
	for _, b := range []struct {
		key string
		to  *bool
	}{{"follow", &o.Follow}, {"timestamps", &o.Timestamps}, {"previous", &previous}} {
		if text := q.Get(b.key); text != "" {
			v, err := strconv.ParseBool(text)
			if err != nil {
				return o, false, fmt.Errorf("%s: %q is neither true nor false", b.key, text)
			}
			*b.to = v
		}
	}
	for _, n := range []struct {
		key string
		set func(int64)
	}{
		{"tailLines", func(v int64) { o.Tail = ptr.To(v) }},
		{"limitBytes", func(v int64) { o.Limit = ptr.To(v) }},
		{"sinceSeconds", func(v int64) { o.Since = now.Add(-time.Duration(v) * time.Second) }},
	} {
		text := q.Get(n.key)
		if text == "" || text == "all" {
			continue
		}
		v, err := strconv.ParseInt(text, 10, 64)
		if err != nil || v < 0 {
			return o, false, fmt.Errorf("%s: %q is not a number of 0 or more", n.key, text)
		}
		n.set(v)
	}
	if text := q.Get("sinceTime"); text != "" {
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return o, false, fmt.Errorf("sinceTime: %w", err)
		}
		o.Since = t
	}
	return o, previous, nil
}

// flushing sends each write on at once: a reader who follows wants to see it.
type flushing struct {
	w     io.Writer
	flush func() error
}

func (f *flushing) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if err == nil {
		err = f.flush()
	}
	return n, err
}
