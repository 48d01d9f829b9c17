package clusterroleaggregation

import (
	"context"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
)

// An aggregate follows its parts as they come, change and go.
func TestFollows(t *testing.T) {
	client := kubernetes.NewForConfigOrDie(apiservertest.Start(t))
	shared := informers.NewSharedInformerFactory(client, 0)
	c := New(client, shared)
	ctx, cancel := context.WithCancel(t.Context())
	shared.Start(ctx.Done())
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx, 2) }()
	t.Cleanup(func() { cancel(); shared.Shutdown(); <-done })

	api := client.RbacV1().ClusterRoles()
	until := func(what, name string, want ...string) {
		t.Helper()
		var got []string
		err := wait.PollUntilContextTimeout(ctx, 10*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
			r, err := api.Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return false, err
			}
			got = nil
			for _, rule := range r.Rules {
				got = append(got, rule.Verbs...)
			}
			return len(got) == len(want) && (len(got) == 0 || got[len(got)-1] == want[len(want)-1]), nil
		})
		if err != nil {
			t.Fatalf("%s: %s has %v, want %v: %v", what, name, got, want, err)
		}
	}
	create := func(r *rbacv1.ClusterRole) {
		t.Helper()
		if _, err := api.Create(ctx, r, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	create(aggregate(role("outer", ""), "to-outer"))
	create(aggregate(role("inner", "to-outer", "by-hand"), "to-inner"))
	until("rules written by hand are taken away", "inner")
	create(role("part", "to-inner", "get"))
	until("a part of a part counts", "outer", "get")
	part := role("part", "to-inner", "get", "list")
	if _, err := api.Update(ctx, part, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	until("a part changes", "outer", "get", "list")
	if err := api.Delete(ctx, "part", metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
	until("a part goes", "outer")
}
