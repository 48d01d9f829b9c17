package registry_test

import (
	"context"
	"net/netip"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/etalon-dev/etalon/reference/apiserver/registry"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/apps"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/batch"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/certificates"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/core"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/registrytest"
	"github.com/etalon-dev/etalon/reference/apiserver/scheme"
)

func TestGroups(t *testing.T) {
	built, err := registry.Groups(registry.Config{
		Getter: registrytest.Getter(t), ServiceRanges: []netip.Prefix{netip.MustParsePrefix("10.96.0.0/12")}, NodePortMin: 30000, NodePortMax: 32767,
	})
	if err != nil {
		t.Fatal(err)
	}
	served := map[string]bool{}
	for _, info := range append(built.Groups, built.Core) {
		for version, resources := range info.VersionedResourcesStorageMap {
			group := info.PrioritizedVersions[0].Group
			for name, r := range resources {
				served[schema.GroupVersion{Group: group, Version: version}.String()+"/"+name] = true
				tables, ok := r.(rest.TableConvertor)
				if !ok {
					continue
				}
				// Whatever an object lacks, its row can be written.
				table, err := tables.ConvertToTable(context.Background(), r.New(), nil)
				if err != nil || len(table.Rows) != 1 || len(table.Rows[0].Cells) != len(table.ColumnDefinitions) {
					t.Errorf("%s: table %+v, %v", name, table, err)
				}
				t.Cleanup(r.Destroy)
			}
		}
	}
	for _, name := range []string{
		"v1/pods/binding", "v1/pods/eviction", "v1/pods/status", "v1/pods/ephemeralcontainers", "v1/bindings", "v1/namespaces/finalize",
		"v1/replicationcontrollers/scale", "apps/v1/deployments/scale", "apps/v1/daemonsets/status", "autoscaling/v1/horizontalpodautoscalers",
		"autoscaling/v2/horizontalpodautoscalers/status", "events.k8s.io/v1/events", "certificates.k8s.io/v1/certificatesigningrequests/approval",
		"networking.k8s.io/v1/ipaddresses", "policy/v1/poddisruptionbudgets/status",
	} {
		if !served[name] {
			t.Errorf("%s is not served", name)
		}
	}
	if served["apps/v1/daemonsets/scale"] {
		t.Error("a DaemonSet cannot be scaled")
	}
}

// No range for Services is a mistake in the configuration, not a crash.
func TestGroupsWithoutServiceRange(t *testing.T) {
	if _, err := registry.Groups(registry.Config{Getter: registrytest.Getter(t)}); err == nil {
		t.Error("no error")
	}
}

// Every field that a resource offers to selectors is one that the scheme lets through.
func TestFieldSelectors(t *testing.T) {
	for _, c := range []selectable{
		fieldsOf(corev1.SchemeGroupVersion.WithKind("Pod"), &core.Pods, &corev1.Pod{}),
		fieldsOf(corev1.SchemeGroupVersion.WithKind("Node"), &core.Nodes, &corev1.Node{}),
		fieldsOf(corev1.SchemeGroupVersion.WithKind("Secret"), &core.Secrets, &corev1.Secret{}),
		fieldsOf(corev1.SchemeGroupVersion.WithKind("Service"), &core.Services, &corev1.Service{}),
		fieldsOf(corev1.SchemeGroupVersion.WithKind("Event"), &core.Events, &corev1.Event{}),
		fieldsOf(corev1.SchemeGroupVersion.WithKind("ReplicationController"), &core.ReplicationControllers, &corev1.ReplicationController{}),
		fieldsOf(corev1.SchemeGroupVersion.WithKind("Namespace"), &core.Namespaces, &corev1.Namespace{}),
		fieldsOf(appsv1.SchemeGroupVersion.WithKind("ReplicaSet"), &apps.ReplicaSets, &appsv1.ReplicaSet{}),
		fieldsOf(batchv1.SchemeGroupVersion.WithKind("Job"), &batch.Jobs, &batchv1.Job{}),
		fieldsOf(certificatesv1.SchemeGroupVersion.WithKind("CertificateSigningRequest"), &certificates.CertificateSigningRequests, &certificatesv1.CertificateSigningRequest{}),
	} {
		fields, err := c.fields()
		if err != nil {
			t.Error(err)
		}
		for _, f := range fields {
			if _, _, err := scheme.Scheme.ConvertFieldLabel(c.gvk, f, "x"); err != nil {
				t.Errorf("%s: the resource offers %s, the scheme says: %v", c.gvk.Kind, f, err)
			}
		}
	}
}

type selectable struct {
	gvk    schema.GroupVersionKind
	fields func() ([]string, error)
}

func fieldsOf[T generic.Object](gvk schema.GroupVersionKind, r *generic.Resource[T], obj runtime.Object) selectable {
	return selectable{gvk, func() ([]string, error) {
		_, set, err := r.Attributes(obj)
		var names []string
		for name := range set {
			names = append(names, name)
		}
		return names, err
	}}
}
