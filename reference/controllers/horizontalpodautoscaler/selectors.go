package horizontalpodautoscaler

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

// selectors knows the pods of each autoscaler's target by their selector, to find the pods that more than one
// autoscaler would count.
type selectors struct {
	mu  sync.Mutex
	all map[string]map[string]labels.Selector // by namespace and name
}

func newSelectors() *selectors { return &selectors{all: map[string]map[string]labels.Selector{}} }

func (s *selectors) put(key types.NamespacedName, selector labels.Selector) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[key.Namespace] == nil {
		s.all[key.Namespace] = map[string]labels.Selector{}
	}
	s.all[key.Namespace][key.Name] = selector
}

func (s *selectors) forget(key types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all[key.Namespace], key.Name)
	if len(s.all[key.Namespace]) == 0 {
		delete(s.all, key.Namespace)
	}
}

// selecting returns the names of the autoscalers of the namespace that any of the pods belongs to, sorted.
func (s *selectors) selecting(namespace string, pods []*corev1.Pod) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for name, selector := range s.all[namespace] {
		if slices.ContainsFunc(pods, func(pod *corev1.Pod) bool { return selector.Matches(labels.Set(pod.Labels)) }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// ambiguous is the text of the complaint that pods have more than one autoscaler.
func ambiguous(selector, namespace string, names []string) string {
	keys := make([]string, len(names))
	for i, name := range names {
		keys[i] = "{" + name + " " + namespace + "}"
	}
	return fmt.Sprintf("pods by selector %s are controlled by multiple HPAs: [%s]", selector, strings.Join(keys, " "))
}
