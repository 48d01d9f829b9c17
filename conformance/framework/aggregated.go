package framework

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

// userPrefix starts the annotations of a shared APIService that name the namespaces of the specs that use it.
const userPrefix = "user.conformance.etalon.dev/"

// GroupServer is an extension API server of the run's own for a group that a cluster has one of, such as
// external.metrics.k8s.io. All specs that need it share it: the first brings it, the last takes it away.
type GroupServer struct {
	f              *Framework
	group, version string
}

// ServeGroup serves the group for as long as the spec runs, by the tool.
func (f *Framework) ServeGroup(ctx context.Context, group, version string) *GroupServer {
	GinkgoHelper()
	own := *f
	s := &GroupServer{&own, group, version}
	var founded string // a namespace with a server that is not registered yet
	f.WaitUntil(ctx, s.name()+" is served for this spec", SettleTimeout, func(ctx context.Context) (bool, string) {
		service, err := s.services().Get(ctx, s.name(), metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			if founded == "" {
				founded = s.found(ctx)
			}
			if _, err = s.services().Create(ctx, s.describe(founded), metav1.CreateOptions{}); err == nil {
				founded = ""
				return true, ""
			}
		case err == nil && service.GetDeletionTimestamp() == nil && service.GetLabels()[RunLabel] == settings.Run:
			unstructured.SetNestedField(service.Object, "true", "metadata", "annotations", userPrefix+f.Namespace) //nolint:errcheck // a string fits
			if _, err = s.services().Update(ctx, service, metav1.UpdateOptions{}); err == nil {
				return true, ""
			}
		}
		return false, fmt.Sprint(err)
	})
	DeferCleanup(s.leave, NodeTimeout(scaled(CleanUpTimeout)))
	if founded != "" {
		f.removeNamespace(ctx, founded)
	}
	f.WaitUntil(ctx, s.name()+" answers", SettleTimeout, func(ctx context.Context) (bool, string) {
		answer := f.Ask(ctx, http.MethodGet, "/apis/"+group+"/"+version, "")
		return answer.Code == http.StatusOK, answer.String()
	})
	return s
}

func (s *GroupServer) name() string { return s.version + "." + s.group }

func (s *GroupServer) services() dynamic.ResourceInterface {
	GinkgoHelper()
	return s.f.Dynamic().Resource(schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"})
}

// found starts a server in a namespace that outlives the spec.
func (s *GroupServer) found(ctx context.Context) string {
	GinkgoHelper()
	namespace, err := s.f.Dynamic().Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}).Create(ctx, FromYAML(fmt.Sprintf(
		`{apiVersion: v1, kind: Namespace, metadata: {generateName: etalon-extension-, labels: {%s: %q, pod-security.kubernetes.io/enforce: privileged}}}`, RunLabel, settings.Run)), metav1.CreateOptions{})
	s.f.must(err, "make a namespace for the server of %s", s.group)
	there := *s.f
	there.Namespace = namespace.GetName()
	there.waitNamespaceReady(ctx, there.Namespace)
	there.ServeTLS(ctx, "extension", nil)
	return there.Namespace
}

func (s *GroupServer) describe(namespace string) *unstructured.Unstructured {
	return FromYAML(fmt.Sprintf(`{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: %s, labels: {%s: %q}, annotations: {%s: "true"}},
		spec: {group: %s, version: %s, groupPriorityMinimum: 100, versionPriority: 10, insecureSkipTLSVerify: true, service: {namespace: %s, name: extension, port: 443}}}`,
		s.name(), RunLabel, settings.Run, userPrefix+s.f.Namespace, s.group, s.version, namespace))
}

// leave ends the spec's use of the server. The registration goes before the server: as long as it is there and not
// answered, no namespace can end.
func (s *GroupServer) leave(ctx SpecContext) {
	for ctx.Err() == nil {
		service, err := s.services().Get(ctx, s.name(), metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return
		}
		s.f.must(err, "get the APIService %s", s.name())
		users := service.GetAnnotations()
		delete(users, userPrefix+s.f.Namespace)
		if hasUsers(users) {
			service.SetAnnotations(users)
			_, err = s.services().Update(ctx, service, metav1.UpdateOptions{})
		} else {
			version, uid := service.GetResourceVersion(), service.GetUID()
			err = s.services().Delete(ctx, s.name(), metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid, ResourceVersion: &version}})
			if err == nil {
				namespace, _, _ := unstructured.NestedString(service.Object, "spec", "service", "namespace")
				s.f.removeNamespace(ctx, namespace)
				return
			}
		}
		if err == nil || apierrors.IsNotFound(err) {
			return
		}
		if !apierrors.IsConflict(err) {
			s.f.must(err, "leave the APIService %s", s.name())
		}
	}
}

func hasUsers(annotations map[string]string) bool {
	for key := range annotations {
		if strings.HasPrefix(key, userPrefix) {
			return true
		}
	}
	return false
}

// Measurement is a value of a metric, of the object of that name or with those labels.
type Measurement struct {
	Name   string            `json:"name,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
	Value  string            `json:"value"`
}

// Tell makes the measurements those of the metric at the path below the spec's namespace; none, and it is not known.
func (s *GroupServer) Tell(ctx context.Context, path string, values ...Measurement) {
	GinkgoHelper()
	body, err := json.Marshal(append([]Measurement{}, values...))
	s.f.must(err, "write measurements")
	s.f.Ask(ctx, http.MethodPut, "/apis/"+s.group+"/"+s.version+"/namespaces/"+s.f.Namespace+"/"+path, string(body)).Must(http.StatusOK)
}

// skipUnlessFree skips the spec if the group is served by something other than this run.
func (f *Framework) skipUnlessFree(ctx context.Context, group string) {
	GinkgoHelper()
	list, err := f.Dynamic().Resource(schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}).List(ctx, metav1.ListOptions{})
	f.must(err, "list the APIServices")
	for _, service := range list.Items {
		if of, _, _ := unstructured.NestedString(service.Object, "spec", "group"); of == group && service.GetLabels()[RunLabel] != settings.Run {
			Skip(fmt.Sprintf("needs an API group %s that nothing serves: the cluster has the APIService %s", group, service.GetName()))
		}
	}
}

// skipWithoutPodMetrics skips the spec if the API of resource metrics is not there or has nothing. It is asked for nodes: of
// these there are always some, of pods perhaps not yet.
func (f *Framework) skipWithoutPodMetrics(ctx context.Context) {
	GinkgoHelper()
	answer := f.Ask(ctx, http.MethodGet, "/apis/metrics.k8s.io/v1beta1/nodes", "")
	if answer.Code != http.StatusOK || !strings.Contains(string(answer.Body), `"usage"`) {
		Skip(fmt.Sprintf("needs resource metrics of pods: %.200s", answer))
	}
}
