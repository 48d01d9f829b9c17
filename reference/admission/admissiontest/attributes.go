// Package admissiontest makes the requests that tests of admission plugins judge.
package admissiontest

import (
	"context"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/kubernetes/scheme"
)

// Request describes a request; what is left out is as for the creation of Object by "alice".
type Request struct {
	Object, Old runtime.Object
	// Resource is the plural; the group is that of Object.
	Resource, Subresource string
	Operation             admission.Operation
	User                  string
	DryRun                bool
}

// Attributes is the request as plugins see it.
func (r Request) Attributes(t testing.TB) admission.Attributes {
	t.Helper()
	about := r.Object
	if about == nil {
		about = r.Old
	}
	kinds, _, err := scheme.Scheme.ObjectKinds(about)
	if err != nil {
		t.Fatal(err)
	}
	m, err := meta.Accessor(about)
	if err != nil {
		t.Fatal(err)
	}
	kind, operation, name := kinds[0], r.Operation, r.User
	if operation == "" {
		operation = admission.Create
	}
	if name == "" {
		name = "alice"
	}
	return admission.NewAttributesRecord(r.Object, r.Old, kind, m.GetNamespace(), m.GetName(),
		schema.GroupVersionResource{Group: kind.Group, Version: kind.Version, Resource: r.Resource}, r.Subresource, operation,
		&metav1.CreateOptions{}, r.DryRun, &user.DefaultInfo{Name: name})
}

// Run sends the request through what the plugin has of mutation and validation.
func Run(t testing.TB, plugin admission.Interface, r Request) error {
	t.Helper()
	a := r.Attributes(t)
	if !plugin.Handles(a.GetOperation()) {
		return nil
	}
	if m, ok := plugin.(admission.MutationInterface); ok {
		if err := m.Admit(context.Background(), a, nil); err != nil {
			return err
		}
	}
	if v, ok := plugin.(admission.ValidationInterface); ok {
		return v.Validate(context.Background(), a, nil)
	}
	return nil
}

// Message is err's text, "" for none.
func Message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
