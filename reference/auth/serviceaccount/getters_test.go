package serviceaccount

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/endpoints/request"
)

type oneObject struct {
	namespace string
	runtime.Object
}

func (s oneObject) Get(ctx context.Context, name string, _ *metav1.GetOptions) (runtime.Object, error) {
	if name != "x" || request.NamespaceValue(ctx) != s.namespace {
		// As the real store does, it names the resource that the request says it is about.
		info, _ := request.RequestInfoFrom(ctx)
		return nil, errors.NewNotFound(corev1.Resource(info.Resource), name)
	}
	return s.Object, nil
}

func TestGetters(t *testing.T) {
	named := metav1.ObjectMeta{Namespace: namespace, Name: "x"}
	sa, pod := &corev1.ServiceAccount{ObjectMeta: named}, &corev1.Pod{ObjectMeta: named}
	secret, node := &corev1.Secret{ObjectMeta: named}, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "x"}}
	get := StoreGetters(oneObject{namespace, sa}, oneObject{namespace, pod}, oneObject{namespace, secret}, oneObject{"", node})
	ctx := request.WithRequestInfo(t.Context(), &request.RequestInfo{Resource: "serviceaccounts", Subresource: "token", Name: "robot"})
	for _, c := range []struct {
		name  string
		found bool
	}{{"x", true}, {"y", false}} {
		_, a := get.ServiceAccount(ctx, namespace, c.name)
		_, p := get.Pod(ctx, namespace, c.name)
		_, s := get.Secret(ctx, namespace, c.name)
		_, n := get.Node(ctx, c.name)
		for resource, err := range map[string]error{"serviceaccounts": a, "pods": p, "secrets": s, "nodes": n} {
			if (err == nil) != c.found || err != nil && (!errors.IsNotFound(err) || err.Error() != resource+` "y" not found`) {
				t.Errorf("%s %q: %v", resource, c.name, err)
			}
		}
	}
}
