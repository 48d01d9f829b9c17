package garbagecollector

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest/sim"
)

// ill is what is wrong with how a kind is served.
type ill string

const (
	well       ill = ""
	unserved   ill = "unserved"   // nobody knows it; its objects may come back with it
	mute       ill = "mute"       // its group does not answer at all
	unlistable ill = "unlistable" // single objects can be read
	hanging    ill = "hanging"    // lists and watches have no answer
)

var ills = []ill{unserved, mute, unlistable, hanging}

// served is what the simulated API server serves of the kinds below, and how. A
// world that settles has no ills.
type served struct {
	mu    sync.Mutex
	world *sim.World
	ill   map[string]ill       // by resource
	since map[string]time.Time // when a resource was last taken ill or healed
	asked map[string]int       // requests by verb and resource
}

func newServed() *served {
	return &served{ill: map[string]ill{}, since: map[string]time.Time{}, asked: map[string]int{}}
}

var documents = func() []*metav1.APIResourceList {
	verbs := metav1.Verbs{"create", "delete", "get", "list", "patch", "update", "watch"}
	return []*metav1.APIResourceList{
		{GroupVersion: "v1", APIResources: []metav1.APIResource{
			{Name: "configmaps", SingularName: "configmap", Kind: "ConfigMap", Namespaced: true, Verbs: verbs},
			{Name: "secrets", SingularName: "secret", Kind: "Secret", Namespaced: true, Verbs: verbs},
			{Name: "persistentvolumes", SingularName: "persistentvolume", Kind: "PersistentVolume", Verbs: verbs},
		}},
		{GroupVersion: "coordination.k8s.io/v1", APIResources: []metav1.APIResource{
			{Name: "leases", SingularName: "lease", Kind: "Lease", Namespaced: true, Verbs: verbs},
		}},
	}
}()

// controller is the garbage collector on what is served.
func (s *served) controller(client kubernetes.Interface, _ informers.SharedInformerFactory, events record.EventRecorder) sim.Runner {
	config := metadata.ConfigFor(&rest.Config{Host: "http://sim", QPS: -1, WarningHandler: rest.NoWarnings{}})
	way := &http.Client{Transport: &door{served: s, to: client.CoreV1().RESTClient().(*rest.RESTClient).Client.Transport}}
	meta, err := metadata.NewForConfigAndClient(config, way)
	if err != nil {
		panic(err)
	}
	return New(meta, answers{served: s}, events)
}

// make has the resource served well or ill from now on.
func (s *served) make(w *sim.World, resource string, how ill) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.world, s.ill[resource], s.since[resource] = w, how, time.Now()
}

func (s *served) how(resource string) ill {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.world != nil && s.world.Calm() {
		return well
	}
	return s.ill[resource]
}

// lately reports whether the kind was served ill a short time ago.
func (s *served) lately(kind string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	resource := strings.ToLower(kind) + "s"
	changed, ever := s.since[resource]
	return ever && (s.ill[resource] != well || time.Since(changed) < 10*time.Minute)
}

// requests is how many there have been of the verb for the resource.
func (s *served) requests(verb, resource string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[verb+" "+resource]
}

// answers are those to the questions what is served.
type answers struct {
	discovery.DiscoveryInterface
	*served
}

func (a answers) ServerGroups() (*metav1.APIGroupList, error) {
	groups := &metav1.APIGroupList{}
	for _, list := range documents {
		if len(a.resources(list)) == 0 {
			continue
		}
		gv, _ := schema.ParseGroupVersion(list.GroupVersion)
		version := metav1.GroupVersionForDiscovery{GroupVersion: list.GroupVersion, Version: gv.Version}
		groups.Groups = append(groups.Groups, metav1.APIGroup{
			Name: gv.Group, Versions: []metav1.GroupVersionForDiscovery{version}, PreferredVersion: version,
		})
	}
	return groups, nil
}

func (a answers) ServerResourcesForGroupVersion(gv string) (*metav1.APIResourceList, error) {
	for _, list := range documents {
		if list.GroupVersion != gv {
			continue
		}
		if slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return a.how(r.Name) == mute }) {
			return nil, apierrors.NewServiceUnavailable("the simulated group is mute")
		}
		return &metav1.APIResourceList{GroupVersion: gv, APIResources: a.resources(list)}, nil
	}
	return nil, apierrors.NewNotFound(schema.GroupResource{}, gv)
}

func (a answers) resources(list *metav1.APIResourceList) []metav1.APIResource {
	return slices.DeleteFunc(slices.Clone(list.APIResources), func(r metav1.APIResource) bool { return a.how(r.Name) == unserved })
}

// door is where requests are turned away.
type door struct {
	*served
	to http.RoundTripper
}

func (d *door) RoundTrip(r *http.Request) (*http.Response, error) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	at := 2 // api/v1/…
	if parts[0] == "apis" {
		at = 3
	}
	if parts[at] == "namespaces" && len(parts) > at+2 {
		at += 2
	}
	resource, single := parts[at], len(parts) > at+1
	verb := strings.ToLower(r.Method)
	if verb == "get" && !single {
		verb = "list"
	}
	d.mu.Lock()
	d.asked[verb+" "+resource]++
	d.mu.Unlock()
	switch how := d.how(resource); {
	case how == unserved:
		return answer(r, http.StatusNotFound, "text/plain", "404 page not found\n"), nil
	case how == mute:
		return answer(r, http.StatusServiceUnavailable, "text/plain", "service unavailable\n"), nil
	case how == unlistable && verb == "list":
		return answer(r, http.StatusInternalServerError, "application/json",
			`{"kind":"Status","apiVersion":"v1","status":"Failure","message":"conversion failed","reason":"InternalError","code":500}`), nil
	case how == hanging && verb == "list":
		for d.how(resource) == hanging {
			select {
			case <-time.After(time.Second):
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		}
	}
	return d.to.RoundTrip(r)
}

func answer(r *http.Request, code int, kind, body string) *http.Response {
	return &http.Response{
		StatusCode: code, Status: fmt.Sprint(code, " ", http.StatusText(code)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {kind}}, Request: r, Body: io.NopCloser(bytes.NewBufferString(body)), ContentLength: int64(len(body)),
	}
}
