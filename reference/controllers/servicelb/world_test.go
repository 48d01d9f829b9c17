package servicelb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"
	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest/sim"
)

// provider is a cloud that fails now and then.
type provider struct {
	mu    sync.Mutex
	fails int // so many calls to come
	has   map[types.UID]balancer
}

type balancer struct {
	nodes []string
	port  int32
}

func (p *provider) do(change func()) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fails > 0 {
		p.fails--
		return errors.New("out of clouds")
	}
	change()
	return nil
}

func (p *provider) Ensure(_ context.Context, s *corev1.Service, nodes []*corev1.Node) (corev1.LoadBalancerStatus, error) {
	status := corev1.LoadBalancerStatus{Ingress: []corev1.LoadBalancerIngress{{IP: "192.0.2.1"}}}
	return status, p.do(func() { p.has[s.UID] = balancer{identities(nodes), s.Spec.Ports[0].Port} })
}

func (p *provider) Update(_ context.Context, s *corev1.Service, nodes []*corev1.Node) error {
	return p.do(func() { p.has[s.UID] = balancer{identities(nodes), p.has[s.UID].port} })
}

func (p *provider) Delete(_ context.Context, s *corev1.Service) error {
	return p.do(func() { delete(p.has, s.UID) })
}

// Whatever happens, in the end there are load balancers for exactly the Services
// that want one, with the nodes that are usable, and their status says where.
func TestInTheSimulatedWorld(t *testing.T) {
	sim.Check(t, func(t *rapid.T) sim.Scenario {
		cloud := &provider{has: map[types.UID]balancer{}}
		return sim.Scenario{
			Controllers: map[string]sim.New{"service": func(client kubernetes.Interface, shared informers.SharedInformerFactory, events record.EventRecorder) sim.Runner {
				return New(client, shared, cloud, events)
			}},
			Nodes:   2,
			Objects: []sim.Object{fresh()},
			Actions: map[string]sim.Action{
				"make":   func(*rapid.T) sim.Act { return func(w *sim.World) { w.Create(fresh()) } },
				"delete": func(*rapid.T) sim.Act { return func(w *sim.World) { sim.Delete[*corev1.Service](w, "web") } },
				"type": func(t *rapid.T) sim.Act {
					kind := rapid.SampledFrom([]corev1.ServiceType{corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeNodePort}).Draw(t, "type")
					return func(w *sim.World) { sim.Update(w, "web", func(s *corev1.Service) { s.Spec.Type = kind }) }
				},
				"port": func(t *rapid.T) sim.Act {
					port := rapid.Int32Range(80, 82).Draw(t, "port")
					return func(w *sim.World) { sim.Update(w, "web", func(s *corev1.Service) { s.Spec.Ports[0].Port = port }) }
				},
				"status": func(*rapid.T) sim.Act {
					return func(w *sim.World) {
						sim.UpdateStatus(w, "web", func(s *corev1.Service) { s.Status.LoadBalancer = corev1.LoadBalancerStatus{} })
					}
				},
				"add a node": func(t *rapid.T) sim.Act {
					n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("extra-%d", rapid.IntRange(0, 2).Draw(t, "node"))}}
					if rapid.Bool().Draw(t, "excluded") {
						n.Labels = map[string]string{corev1.LabelNodeExcludeBalancers: "true"}
					}
					return func(w *sim.World) { w.Create(n.DeepCopy()) }
				},
				"fail": func(t *rapid.T) sim.Act {
					times := rapid.IntRange(1, 4).Draw(t, "times")
					return func(*sim.World) { cloud.mu.Lock(); cloud.fails += times; cloud.mu.Unlock() }
				},
			},
			Invariants: map[string]sim.Invariant{"none is left behind": func(w *sim.World, write sim.Write) error {
				if write.Kind != "Service" || write.After != nil || write.Before == nil {
					return nil
				}
				cloud.mu.Lock()
				defer cloud.mu.Unlock()
				if _, left := cloud.has[write.Before.GetUID()]; left {
					return errors.New("the Service is gone before its load balancer is")
				}
				return nil
			}},
			Settled: func(w *sim.World) error { return cloud.settled(w) },
		}
	})
}

func fresh() *corev1.Service {
	return balanced(func(s *corev1.Service) { s.UID, s.Finalizers = "", nil })
}

func (p *provider) settled(w *sim.World) error {
	var want int
	nodes := identities(usable(sim.List[*corev1.Node](w)))
	for _, s := range sim.List[*corev1.Service](w) {
		has, there := p.has[s.UID]
		if there != wanted(s) || slices.Contains(s.Finalizers, finalizer) != wanted(s) || (len(s.Status.LoadBalancer.Ingress) == 1) != wanted(s) {
			return fmt.Errorf("%+v; a load balancer is there: %t", s, there)
		}
		if !there {
			continue
		}
		if want++; has.port != s.Spec.Ports[0].Port || !slices.Equal(has.nodes, nodes) {
			return fmt.Errorf("port %d and nodes %v, want %d and %v", has.port, has.nodes, s.Spec.Ports[0].Port, nodes)
		}
	}
	if len(p.has) != want {
		return fmt.Errorf("%d load balancers, want %d", len(p.has), want)
	}
	return nil
}
