package volumes

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
)

// Usage is how full a volume is.
type Usage struct {
	Capacity, Available, Used      uint64
	Inodes, InodesFree, InodesUsed uint64
	// HasInodes tells that its inodes are counted.
	HasInodes bool
}

// Measurer is a Plugin that knows better than the file system how full its volumes are.
type Measurer interface {
	Plugin
	// Measure returns nil if it cannot tell.
	Measure(ctx context.Context, r *Record) (*Usage, error)
}

// Measure has the plugin measure the pod's volume; asked is false if the volume's is none that can.
func (m *Manager) Measure(ctx context.Context, pod types.UID, volume string) (u *Usage, asked bool, err error) {
	r, err := m.record(pod, volume)
	if r == nil || err != nil {
		return nil, false, err
	}
	p, ok := m.plugin(r).(Measurer)
	if !ok {
		return nil, false, nil
	}
	if r.Path == "" {
		return nil, true, nil
	}
	u, err = p.Measure(ctx, r)
	return u, true, err
}
