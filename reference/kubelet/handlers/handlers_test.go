package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	cri "k8s.io/cri-client/pkg"
	utilexec "k8s.io/utils/exec"
)

func TestHTTP(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/code/{n}", func(w http.ResponseWriter, r *http.Request) {
		var n int
		fmt.Sscan(r.PathValue("n"), &n)
		w.WriteHeader(n)
	})
	mux.Handle("/here", http.RedirectHandler("/code/500", http.StatusFound))
	mux.Handle("/away", http.RedirectHandler("http://elsewhere.invalid/", http.StatusFound))
	mux.HandleFunc("/headers", func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "h" || r.Header.Get("X-A") != "1" || !strings.HasPrefix(r.UserAgent(), "kube-probe/") {
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	target := Target{Container: &v1.Container{Name: "c"}, IP: u.Hostname()}
	for _, c := range []struct {
		path    string
		ok      bool
		message string
	}{
		{"/code/200", true, ""},
		{"/code/399", true, ""},
		{"/code/400", false, "HTTP probe failed with statuscode: 400"},
		{"/code/503?x=1", false, "HTTP probe failed with statuscode: 503"},
		{"/here", false, "HTTP probe failed with statuscode: 500"},
		{"/away", true, "Probe terminated redirects, Response body: "},
		{"/headers", true, ""},
	} {
		get := &v1.HTTPGetAction{Path: c.path, Port: intstr.Parse(u.Port()),
			HTTPHeaders: []v1.HTTPHeader{{Name: "Host", Value: "h"}, {Name: "x-a", Value: "1"}}}
		got, err := HTTP(t.Context(), target, get, 5*time.Second)
		if err != nil || got.OK != c.ok || !strings.Contains(got.Message, c.message) {
			t.Errorf("%s: got %+v, %v", c.path, got, err)
		}
	}
}

// answer is a runtime whose commands all end in the same way.
type answer struct {
	out string
	err error
}

func (a answer) ExecSync(context.Context, string, []string, time.Duration) ([]byte, []byte, error) {
	return []byte(a.out), nil, a.err
}

func TestCommand(t *testing.T) {
	for _, c := range []struct {
		name    string
		answer  answer
		ok      bool
		message string
		failed  bool
	}{
		{"success", answer{"fine", nil}, true, "fine", false},
		{"failure", answer{"bad", utilexec.CodeExitError{Err: errors.New("x"), Code: 3}}, false, "bad", false},
		{"too slow", answer{"", cri.ErrCommandTimedOut}, false, `command timed out: "a b" timed out after 1s`, false},
		{"cannot be run", answer{"", errors.New("no container")}, false, "", true},
	} {
		got, err := Command(t.Context(), c.answer, Target{}, []string{"a", "b"}, time.Second)
		if got.OK != c.ok || got.Message != c.message || (err != nil) != c.failed {
			t.Errorf("%s: got %+v, %v", c.name, got, err)
		}
	}
}

func TestPort(t *testing.T) {
	c := &v1.Container{Name: "c", Ports: []v1.ContainerPort{{Name: "web", ContainerPort: 80}}}
	for in, want := range map[string]int{"web": 80, "8080": 8080, "none": 0, "0": 0, "70000": 0} {
		if got, err := Port(c, intstr.Parse(in)); got != want && err == nil {
			t.Errorf("%s: got %d, want %d", in, got, want)
		}
	}
}
