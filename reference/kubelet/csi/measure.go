package csi

import (
	"context"

	"github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/etalon-dev/etalon/reference/kubelet/volumes"
)

// Measure implements volumes.Measurer: only the driver knows what is behind its volumes.
func (p *Plugin) Measure(ctx context.Context, r *volumes.Record) (*volumes.Usage, error) {
	d, err := p.Drivers.get(r.Spec.CSI.Driver)
	if err != nil || !d.can[csi.NodeServiceCapability_RPC_GET_VOLUME_STATS] {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	said, err := d.NodeGetVolumeStats(ctx, &csi.NodeGetVolumeStatsRequest{VolumeId: r.Spec.CSI.VolumeHandle, VolumePath: r.Path})
	if err != nil {
		return nil, err
	}
	return usage(said.Usage), nil
}

// usage sorts what a driver says; what it leaves out counts as zero, and inodes only if it tells of them.
func usage(said []*csi.VolumeUsage) *volumes.Usage {
	if len(said) == 0 {
		return nil
	}
	u := &volumes.Usage{}
	for _, s := range said {
		total, available, used := amount(s.Total), amount(s.Available), amount(s.Used)
		switch s.Unit {
		case csi.VolumeUsage_BYTES:
			u.Capacity, u.Available, u.Used = total, available, used
		case csi.VolumeUsage_INODES:
			u.Inodes, u.InodesFree, u.InodesUsed, u.HasInodes = total, available, used, true
		}
	}
	return u
}

func amount(n int64) uint64 { return uint64(max(n, 0)) }
