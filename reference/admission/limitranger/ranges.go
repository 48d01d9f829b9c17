package limitranger

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/utils/lru"
)

const (
	// remembered is how many namespaces' states are kept in mind.
	remembered = 1000
	// noneFor is how long a namespace in which the API had no LimitRange is taken to have none,
	// unless the informer tells otherwise.
	noneFor = 30 * time.Second
	// freshFor is how long after a write the informer may not know of it yet.
	freshFor = 10 * time.Second
)

// ranges finds the LimitRanges of a namespace. It reads them from the API where the informer may be
// behind: for a namespace that seems to have none, and for one whose LimitRanges this server has just
// written. So whoever has created a LimitRange finds it in force.
type ranges struct {
	client kubernetes.Interface
	lister listers.LimitRangeLister
	synced func() bool
	now    func() time.Time

	none  *lru.Cache // namespace → when the API had no LimitRange
	fresh *lru.Cache // namespace → when one was written here
}

func newRanges(now func() time.Time) *ranges {
	return &ranges{now: now, none: lru.New(remembered), fresh: lru.New(remembered)}
}

// written notes that a LimitRange of the namespace is created, changed or deleted.
func (r *ranges) written(namespace string) {
	r.none.Remove(namespace)
	r.fresh.Add(namespace, r.now())
}

// in returns the LimitRanges of the namespace, by name.
func (r *ranges) in(ctx context.Context, namespace string) ([]*corev1.LimitRange, error) {
	if r.synced() && !r.within(r.fresh, namespace, freshFor) {
		known, err := r.lister.LimitRanges(namespace).List(labels.Everything())
		if err != nil {
			return nil, err
		}
		if len(known) > 0 || r.within(r.none, namespace, noneFor) {
			sortByName(known)
			return known, nil
		}
	}
	list, err := r.client.CoreV1().LimitRanges(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	if len(list.Items) == 0 && !r.within(r.fresh, namespace, freshFor) {
		r.none.Add(namespace, r.now())
	}
	found := make([]*corev1.LimitRange, 0, len(list.Items))
	for i := range list.Items {
		found = append(found, &list.Items[i])
	}
	sortByName(found)
	return found, nil
}

func (r *ranges) within(when *lru.Cache, namespace string, age time.Duration) bool {
	at, ok := when.Get(namespace)
	return ok && r.now().Sub(at.(time.Time)) < age
}

// sortByName makes the choice among the defaults of several LimitRanges the same every time.
func sortByName(all []*corev1.LimitRange) {
	slices.SortFunc(all, func(a, b *corev1.LimitRange) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
}
