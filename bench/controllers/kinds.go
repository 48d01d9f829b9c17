package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
)

// kind is what can be measured.
type kind struct {
	// name is what --kind calls it, title what the report does.
	name, title string
	// watch are the informers of its objects, and of what is theirs beside pods.
	watch func(informers.SharedInformerFactory) (objects cache.SharedIndexInformer, theirs []cache.SharedIndexInformer)
	// phases are the changes, of which the last deletes what the first has made. Nodes are those of the cluster.
	phases func(o Options, nodes []string) []phase
}

var kinds = []kind{deployments, replicaSets, statefulSets, daemonSets, jobs, indexedJobs, cronJobs}

// phase is one change of every object.
type phase struct {
	name string
	// act changes the ith object.
	act func(ctx context.Context, client kubernetes.Interface, i int) error
	// done tells whether an object is as the change wants it; without it the objects and all that is theirs are to go.
	done func(metav1.Object) bool
	// pods is how many there are in the end for each object.
	pods  int
	needs []need
}

func kindNames() []string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

// choose finds the kinds of those names; none are all.
func choose(names []string) ([]kind, error) {
	if len(names) == 0 {
		return kinds, nil
	}
	var chosen []kind
	for _, name := range names {
		i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
		if i < 0 {
			return nil, fmt.Errorf("--kind: there is no %q, but %s", name, strings.Join(kindNames(), ", "))
		}
		chosen = append(chosen, kinds[i])
	}
	return chosen, nil
}

// namespace is where everything is made.
const namespace = "bench-controllers"

func name(i int) string { return fmt.Sprintf("bench-%d", i) }

// typed is what is needed of the client of one kind.
type typed[T any] interface {
	Create(ctx context.Context, object T, opts metav1.CreateOptions) (T, error)
	Patch(ctx context.Context, name string, pt types.PatchType, data []byte, opts metav1.PatchOptions, subresources ...string) (T, error)
	Delete(ctx context.Context, name string, opts metav1.DeleteOptions) error
}

// access makes changes of one kind.
type access[T any] func(kubernetes.Interface) typed[T]

func (a access[T]) create(object func(i int) T) func(context.Context, kubernetes.Interface, int) error {
	return func(ctx context.Context, client kubernetes.Interface, i int) error {
		_, err := a(client).Create(ctx, object(i), metav1.CreateOptions{})
		return err
	}
}

func (a access[T]) patch(what string) func(context.Context, kubernetes.Interface, int) error {
	return func(ctx context.Context, client kubernetes.Interface, i int) error {
		_, err := a(client).Patch(ctx, name(i), types.StrategicMergePatchType, []byte(what), metav1.PatchOptions{})
		return err
	}
}

// delete deletes in the background.
func (a access[T]) delete(ctx context.Context, client kubernetes.Interface, i int) error {
	return a(client).Delete(ctx, name(i), metav1.DeleteOptions{PropagationPolicy: ptr.To(metav1.DeletePropagationBackground)})
}

// when makes a condition of an object's own type one of any.
func when[T metav1.Object](done func(T) bool) func(metav1.Object) bool {
	return func(o metav1.Object) bool {
		object, ok := o.(T)
		return ok && done(object)
	}
}

// scale is the patch of the number of replicas.
func scale(replicas int) string { return fmt.Sprintf(`{"spec":{"replicas":%d}}`, replicas) }

// nextImage is the patch that has the pods run another image.
const nextImage = `{"spec":{"template":{"spec":{"containers":[{"name":"server","image":"registry.example/bench/server:2"}]}}}}`
