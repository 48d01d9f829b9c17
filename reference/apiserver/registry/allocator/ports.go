package allocator

import (
	"context"
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	apigeneric "k8s.io/apiserver/pkg/registry/generic"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
)

// PortRange is a range of ports, both ends included.
type PortRange struct{ Min, Max int }

// String writes the range as 30000-32767.
func (r PortRange) String() string { return fmt.Sprintf("%d-%d", r.Min, r.Max) }

// Ports hands out the node ports of one range.
type Ports struct {
	ledger ledger
	ports  PortRange
}

// NewPorts returns the allocator of ports.
func NewPorts(getter apigeneric.RESTOptionsGetter, ports PortRange) (*Ports, error) {
	store, err := portRecords.Store(getter)
	if err != nil {
		return nil, err
	}
	return newPorts(store, ports), nil
}

func newPorts(store *genericregistry.Store, ports PortRange) *Ports {
	return &Ports{ports: ports, ledger: ledger{
		store: store, taken: ErrPortAllocated,
		record: func(name string, h Holder) runtime.Object {
			return &corev1.RangeAllocation{
				ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{holderAnnotation: h.String()}},
				Range:      ports.String(),
			}
		},
		holder: func(obj runtime.Object) Holder {
			return parseHolder(obj.(*corev1.RangeAllocation).Annotations[holderAnnotation])
		},
	}}
}

// holderAnnotation tells the Service that holds a port, as namespace/name. The records are not served.
const holderAnnotation = "etalon.dev/service"

// Take takes port. It fails with ErrPortAllocated or with an error that names the range.
func (p *Ports) Take(ctx context.Context, port int, c Claim) error {
	if port < p.ports.Min || port > p.ports.Max {
		return fmt.Errorf("provided port is not in the valid range. The range of valid ports is %s", p.ports)
	}
	return p.ledger.takeOver(ctx, strconv.Itoa(port), c)
}

// TakeAny takes a free port, or fails with ErrFull.
func (p *Ports) TakeAny(ctx context.Context, c Claim) (int, error) {
	size := p.ports.Max - p.ports.Min + 1
	n, err := choose(ctx, size, reservedBand(size, 32, 16, 128), ErrPortAllocated,
		func(n int) error { return p.ledger.take(ctx, strconv.Itoa(p.ports.Min+n), c) },
		func(ctx context.Context) (map[int]bool, error) {
			entries, err := p.ledger.entries(ctx)
			known := map[int]bool{}
			for name := range entries {
				if port, err := strconv.Atoi(name); err == nil {
					known[port-p.ports.Min] = true
				}
			}
			return known, err
		})
	return p.ports.Min + n, err
}

// Release takes port from h, if h holds it.
func (p *Ports) Release(ctx context.Context, port int, h Holder) error {
	return p.ledger.release(ctx, strconv.Itoa(port), h)
}

// Repair makes the record agree with what Services use; see Usage.
func (p *Ports) Repair(ctx context.Context, u Usage) error { return p.ledger.repair(ctx, u) }

// Contains tells whether port is of the range.
func (p *Ports) Contains(port int) bool { return p.ports.Min <= port && port <= p.ports.Max }

// ReadinessCheck says why Repair cannot run yet, if so.
func (p *Ports) ReadinessCheck() error { return p.ledger.store.ReadinessCheck() }

// portRecords is the internal resource that keeps taken ports; it is served nowhere.
var portRecords = generic.Resource[*corev1.RangeAllocation]{
	GV: corev1.SchemeGroupVersion, Plural: "nodeportallocations", Singular: "nodeportallocation", Cluster: true,
	Object: &corev1.RangeAllocation{}, List: &rangeAllocations{},
	Validate:       func(*corev1.RangeAllocation) field.ErrorList { return nil },
	ValidateUpdate: func(_, _ *corev1.RangeAllocation) field.ErrorList { return nil },
}

// rangeAllocations is the list that k8s.io/api lacks. It never leaves the process.
type rangeAllocations struct {
	metav1.TypeMeta
	metav1.ListMeta
	Items []corev1.RangeAllocation
}

// DeepCopyObject implements runtime.Object.
func (l *rangeAllocations) DeepCopyObject() runtime.Object {
	out := &rangeAllocations{TypeMeta: l.TypeMeta, ListMeta: *l.ListMeta.DeepCopy()}
	for i := range l.Items {
		out.Items = append(out.Items, *l.Items[i].DeepCopy())
	}
	return out
}
