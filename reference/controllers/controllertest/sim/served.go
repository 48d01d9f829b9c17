package sim

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
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
)

// Ill is what is wrong with how a kind is served.
type Ill string

// The ills.
const (
	Well       Ill = ""
	Unserved   Ill = "unserved"   // nobody knows it; its objects may come back with it
	Mute       Ill = "mute"       // its group does not answer at all
	Unlistable Ill = "unlistable" // single objects can be read
	Hanging    Ill = "hanging"    // lists and watches have no answer
)

// Ills are all of them.
var Ills = []Ill{Unserved, Mute, Unlistable, Hanging}

// Served is what the API server serves of some kinds, and how, to controllers that
// find out what there is. In a world that settles all is served well.
type Served struct {
	documents []*metav1.APIResourceList

	mu    sync.Mutex
	world *World
	ill   map[string]Ill       // by resource
	since map[string]time.Time // when a resource was last taken ill or healed
	asked map[string]int       // requests by verb and resource
}

// NewServed returns an API server that serves what the discovery documents say.
func NewServed(documents ...*metav1.APIResourceList) *Served {
	return &Served{documents: documents, ill: map[string]Ill{}, since: map[string]time.Time{}, asked: map[string]int{}}
}

// Document is a discovery document of namespaced resources, or of cluster-scoped
// ones. A resource's plural is its kind in small letters with an s.
func Document(version string, namespaced bool, kinds ...string) *metav1.APIResourceList {
	list := &metav1.APIResourceList{GroupVersion: version}
	for _, kind := range kinds {
		singular := strings.ToLower(kind)
		list.APIResources = append(list.APIResources, metav1.APIResource{
			Name: singular + "s", SingularName: singular, Kind: kind, Namespaced: namespaced,
			Verbs: metav1.Verbs{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"},
		})
	}
	return list
}

// Metadata is a client of the same user as the other one, for metadata.
func (s *Served) Metadata(client kubernetes.Interface) metadata.Interface {
	config := metadata.ConfigFor(&rest.Config{Host: "http://sim", QPS: -1, WarningHandler: rest.NoWarnings{}})
	way := &http.Client{Transport: &door{Served: s, to: client.CoreV1().RESTClient().(*rest.RESTClient).Client.Transport}}
	meta, err := metadata.NewForConfigAndClient(config, way)
	if err != nil {
		panic(err)
	}
	return meta
}

// Discovery tells what is served.
func (s *Served) Discovery() discovery.DiscoveryInterface { return answers{Served: s} }

// Make has the resource served well or ill from now on.
func (s *Served) Make(w *World, resource string, how Ill) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.world, s.ill[resource], s.since[resource] = w, how, time.Now()
}

// How is how the resource is served.
func (s *Served) How(resource string) Ill {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.world != nil && s.world.Calm() {
		return Well
	}
	return s.ill[resource]
}

// Lately reports whether the kind was served ill a short time ago.
func (s *Served) Lately(kind string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	resource := strings.ToLower(kind) + "s"
	changed, ever := s.since[resource]
	return ever && (s.ill[resource] != Well || time.Since(changed) < 10*time.Minute)
}

// Since is for how long the resource has been served as it is.
func (s *Served) Since(resource string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(s.since[resource])
}

// Requests is how many there have been of the verb for the resource.
func (s *Served) Requests(verb, resource string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[verb+" "+resource]
}

// answers are those to the questions what is served.
type answers struct {
	discovery.DiscoveryInterface
	*Served
}

func (a answers) ServerGroups() (*metav1.APIGroupList, error) {
	groups := &metav1.APIGroupList{}
	for _, list := range a.documents {
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
	for _, list := range a.documents {
		if list.GroupVersion != gv {
			continue
		}
		if slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return a.How(r.Name) == Mute }) {
			return nil, apierrors.NewServiceUnavailable("the simulated group is mute")
		}
		return &metav1.APIResourceList{GroupVersion: gv, APIResources: a.resources(list)}, nil
	}
	return nil, apierrors.NewNotFound(schema.GroupResource{}, gv)
}

func (a answers) resources(list *metav1.APIResourceList) []metav1.APIResource {
	return slices.DeleteFunc(slices.Clone(list.APIResources), func(r metav1.APIResource) bool { return a.How(r.Name) == Unserved })
}

// door is where requests are turned away.
type door struct {
	*Served
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
	switch how := d.How(resource); {
	case how == Unserved:
		return answer(r, http.StatusNotFound, "text/plain", "404 page not found\n"), nil
	case how == Mute:
		return answer(r, http.StatusServiceUnavailable, "text/plain", "service unavailable\n"), nil
	case how == Unlistable && (verb == "list" || verb == "delete" && !single):
		return answer(r, http.StatusInternalServerError, "application/json",
			`{"kind":"Status","apiVersion":"v1","status":"Failure","message":"conversion failed","reason":"InternalError","code":500}`), nil
	case how == Hanging && verb == "list":
		for d.How(resource) == Hanging {
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
