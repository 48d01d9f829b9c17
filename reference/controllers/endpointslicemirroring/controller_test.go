package endpointslicemirroring

//lint:file-ignore SA1019 to serve the deprecated kind is what this package is for

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest/sim"
)

// Whatever happens, the slices end up as the Endpoints and the Service want them,
// and slices of others are left alone.
func TestInTheSimulatedWorld(t *testing.T) {
	sim.Check(t, func(t *rapid.T) sim.Scenario {
		return sim.Scenario{
			Controllers: map[string]sim.New{"mirroring": sim.Controller(New)},
			Objects: []sim.Object{
				&corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "db"}},
				endpointsOf(subset([]string{"10.0.0.1"}, nil, 80)),
				&discoveryv1.EndpointSlice{
					ObjectMeta:  metav1.ObjectMeta{Name: "others", Labels: map[string]string{"kubernetes.io/service-name": "db", discoveryv1.LabelManagedBy: "someone"}},
					AddressType: discoveryv1.AddressTypeIPv4,
				},
			},
			Nodes: -1,
			Actions: map[string]sim.Action{
				"change": func(t *rapid.T) sim.Act {
					ready := rapid.SliceOfN(rapid.SampledFrom([]string{"10.0.0.1", "10.0.0.2", "fd00::1"}), 0, 3).Draw(t, "ready")
					port := rapid.SampledFrom([]int32{80, 443}).Draw(t, "port")
					return func(w *sim.World) {
						sim.Update(w, "db", func(e *corev1.Endpoints) { e.Subsets = endpointsOf(subset(ready, nil, port)).Subsets })
					}
				},
				"skip": func(t *rapid.T) sim.Act {
					skip := rapid.SampledFrom([]string{"true", "false"}).Draw(t, "skip")
					return func(w *sim.World) {
						sim.Update(w, "db", func(e *corev1.Endpoints) { e.Labels[discoveryv1.LabelSkipMirror] = skip })
					}
				},
				"selector": func(t *rapid.T) sim.Act {
					selects := rapid.Bool().Draw(t, "selects")
					return func(w *sim.World) {
						sim.Update(w, "db", func(s *corev1.Service) {
							if s.Spec.Selector = nil; selects {
								s.Spec.Selector = map[string]string{"app": "db"}
							}
						})
					}
				},
				"meddle": func(t *rapid.T) sim.Act {
					remove := rapid.Bool().Draw(t, "remove")
					return func(w *sim.World) {
						for _, slice := range sim.List[*discoveryv1.EndpointSlice](w) {
							switch {
							case slice.Name == "others":
							case remove:
								sim.Delete[*discoveryv1.EndpointSlice](w, slice.Name)
							default:
								sim.Update(w, slice.Name, func(s *discoveryv1.EndpointSlice) { s.Endpoints = nil })
							}
						}
					}
				},
				"delete": func(*rapid.T) sim.Act { return func(w *sim.World) { sim.Delete[*corev1.Endpoints](w, "db") } },
				"make": func(*rapid.T) sim.Act {
					return func(w *sim.World) { w.Create(endpointsOf(subset([]string{"10.0.0.9"}, nil, 80))) }
				},
			},
			Settled: settled,
		}
	})
}

func settled(w *sim.World) error {
	e, _ := sim.Get[*corev1.Endpoints](w, "db")
	service, _ := sim.Get[*corev1.Service](w, "db")
	var own []*discoveryv1.EndpointSlice
	for _, slice := range sim.List[*discoveryv1.EndpointSlice](w) {
		if slice.Labels[discoveryv1.LabelManagedBy] == ManagedBy {
			own = append(own, slice)
		}
	}
	if !mirrored(e, service) {
		e = endpointsOf() // nothing is to be mirrored
	}
	if d := plan(e, own); !d.empty() {
		return fmt.Errorf("%d slices; %d to make, %d to change, %d to remove", len(own), len(d.create), len(d.update), len(d.remove))
	}
	return nil
}
