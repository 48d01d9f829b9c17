package ownerreferencespermissionenforcement

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/admission/admissiontest"
)

func owner(kind, name string, block bool) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: "v1", Kind: kind, Name: name, UID: types.UID(name), BlockOwnerDeletion: ptr.To(block)}
}

func owned(refs ...metav1.OwnerReference) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p", OwnerReferences: refs}}
}

func TestPermissions(t *testing.T) {
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(schema.GroupVersionKind{Version: "v1", Kind: "ReplicationController"}, meta.RESTScopeNamespace)
	mapper.Add(schema.GroupVersionKind{Version: "v1", Kind: "Node"}, meta.RESTScopeRoot)
	const (
		deletion   = `pods "p" is forbidden: cannot set an ownerRef on a resource you can't delete: no, <nil>`
		finalizers = `pods "p" is forbidden: cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: no, <nil>`
		del        = "delete ns/pods//p"
	)
	for name, c := range map[string]struct {
		old, now  *corev1.Pod
		sub       string
		permitted []string
		want      string
	}{
		"created without":      {nil, owned(), "", nil, ""},
		"created, may not":     {nil, owned(owner("Node", "n", false)), "", nil, deletion},
		"created, may":         {nil, owned(owner("Node", "n", false)), "", []string{del}, ""},
		"unchanged":            {owned(owner("Node", "n", true)), owned(owner("Node", "n", true)), "", nil, ""},
		"removed, may not":     {owned(owner("Node", "n", false)), owned(), "", nil, deletion},
		"status":               {owned(), owned(owner("Node", "n", false)), "status", nil, ""},
		"blocking, may not":    {owned(), owned(owner("Node", "n", true)), "", []string{del}, finalizers},
		"blocking, may":        {owned(), owned(owner("Node", "n", true)), "", []string{del, "update /nodes/finalizers/n"}, ""},
		"in the namespace":     {owned(), owned(owner("ReplicationController", "r", true)), "", []string{del, "update ns/replicationcontrollers/finalizers/r"}, ""},
		"blocking from now on": {owned(owner("Node", "n", false)), owned(owner("Node", "n", true)), "", []string{del}, finalizers},
		"blocked before":       {owned(owner("Node", "n", true)), owned(owner("Node", "n", true), owner("Node", "m", false)), "", []string{del}, ""},
		"unknown kind": {owned(), owned(owner("Nothing", "n", true)), "", []string{del},
			`pods "p" is forbidden: cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion v1 Kind Nothing: no matches for kind "Nothing" in version "v1"`},
	} {
		p := New()
		p.SetRESTMapper(mapper)
		p.SetAuthorizer(authorizer.AuthorizerFunc(func(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
			asked := fmt.Sprintf("%s %s/%s/%s/%s", a.GetVerb(), a.GetNamespace(), a.GetResource(), a.GetSubresource(), a.GetName())
			for _, permission := range c.permitted {
				if asked == permission {
					return authorizer.DecisionAllow, "", nil
				}
			}
			return authorizer.DecisionNoOpinion, "no", nil
		}))
		r := admissiontest.Request{Object: c.now, Resource: "pods", Subresource: c.sub}
		if c.old != nil {
			r.Old, r.Operation = c.old, admission.Update
		}
		if got := admissiontest.Message(admissiontest.Run(t, p, r)); got != c.want {
			t.Errorf("%s: got %q, wanted %q", name, got, c.want)
		}
	}
}
