package generic

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
)

// None and Unknown stand in cells that have nothing to show.
const (
	None    = "<none>"
	Unknown = "<unknown>"
	Unset   = "<unset>"
)

// Since tells how long ago t was, as kubectl writes it: 45s, 3m12s, 5d.
func Since(t metav1.Time) string {
	if t.IsZero() {
		return Unknown
	}
	return duration.HumanDuration(time.Since(t.Time))
}

// SinceMicro is Since for times that carry microseconds.
func SinceMicro(t metav1.MicroTime) string { return Since(metav1.Time(t)) }

// Or returns s, or instead when s is empty.
func Or(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}

// Joined lists values with commas, or <none>.
func Joined(values []string) string { return Or(strings.Join(values, ","), None) }

// Templated are the wide columns of kinds that make pods: what runs in them.
func Templated[T any](spec func(T) *corev1.PodSpec) []Column[T] {
	each := func(get func(*corev1.Container) string) func(T) any {
		return func(o T) any {
			var values []string
			containers := spec(o).Containers
			for i := range containers {
				values = append(values, get(&containers[i]))
			}
			return strings.Join(values, ",")
		}
	}
	return []Column[T]{
		{Name: "Containers", Wide: true, Doc: "Names of each container in the template.", Cell: each(func(c *corev1.Container) string { return c.Name })},
		{Name: "Images", Wide: true, Doc: "Images referenced by each container in the template.", Cell: each(func(c *corev1.Container) string { return c.Image })},
	}
}

// Deref returns what p points to, or the zero value.
func Deref[V any](p *V) V {
	if p == nil {
		var zero V
		return zero
	}
	return *p
}
