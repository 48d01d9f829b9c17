// Package csi gives pods the volumes of CSI drivers: it takes in the drivers that register themselves, tells the API
// server what they say of the node, and has them stage, publish and expand volumes
// (https://github.com/container-storage-interface/spec, docs: concepts/storage/volumes#csi).
package csi

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/kubelet/plugins"
)

// callTimeout is how long a driver may take for one call. What it began is asked for again.
const callTimeout = 2 * time.Minute

// Drivers are those that have registered with this node. They are the plugins.Handler of CSI plugins.
type Drivers struct {
	Client   kubernetes.Interface
	NodeName string
	// Refresh has the node's labels read anew; they have changed.
	Refresh func(context.Context)

	mu      sync.Mutex
	drivers map[string]*driver
	// writing is held by whoever changes the CSINode and the Node.
	writing sync.Mutex
}

// driver is one that can be called.
type driver struct {
	csi.NodeClient
	name, endpoint string
	conn           *grpc.ClientConn
	can            map[csi.NodeServiceCapability_RPC_Type]bool
}

// get returns the driver.
func (d *Drivers) get(name string) (*driver, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if found := d.drivers[name]; found != nil {
		return found, nil
	}
	return nil, fmt.Errorf("driver name %s not found in the list of registered CSI drivers", name)
}

// Register implements plugins.Handler.
func (d *Drivers) Register(ctx context.Context, p plugins.Plugin) error {
	if err := supported(p.Versions); err != nil {
		return fmt.Errorf("validate CSI driver %s: %w", p.Name, err)
	}
	conn, err := grpc.NewClient("unix://"+p.Endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	fresh := &driver{NodeClient: csi.NewNodeClient(conn), name: p.Name, endpoint: p.Endpoint, conn: conn}
	if err := d.take(ctx, fresh); err != nil {
		conn.Close()
		return err
	}
	return nil
}

func (d *Drivers) take(ctx context.Context, fresh *driver) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	info, err := fresh.NodeGetInfo(ctx, &csi.NodeGetInfoRequest{})
	if err != nil {
		return fmt.Errorf("error during CSI NodeGetInfo() call: %w", err)
	}
	if info.NodeId == "" {
		return fmt.Errorf("CSI driver %s has no id for the node", fresh.name)
	}
	if fresh.can, err = capabilities(ctx, fresh); err != nil {
		return fmt.Errorf("error during CSI NodeGetCapabilities() call: %w", err)
	}
	if err := d.publish(ctx, nodeDriver(fresh.name, info), info.GetAccessibleTopology().GetSegments()); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.drivers == nil {
		d.drivers = map[string]*driver{}
	}
	if old := d.drivers[fresh.name]; old != nil {
		old.conn.Close()
	}
	d.drivers[fresh.name] = fresh
	return nil
}

// Unregister implements plugins.Handler.
func (d *Drivers) Unregister(ctx context.Context, p plugins.Plugin) {
	d.mu.Lock()
	known := d.drivers[p.Name]
	if known == nil || known.endpoint != p.Endpoint {
		// One of the same name came meanwhile at another place.
		d.mu.Unlock()
		return
	}
	delete(d.drivers, p.Name)
	d.mu.Unlock()
	known.conn.Close()
	if err := d.retract(ctx, p.Name); err != nil {
		klog.FromContext(ctx).Error(err, "Cannot take the CSI driver out of the CSINode", "driver", p.Name)
	}
}

// supported tells whether one of the versions is one that we speak.
func supported(versions []string) error {
	for _, v := range versions {
		if v = strings.TrimPrefix(v, "v"); v == "1" || strings.HasPrefix(v, "1.") {
			return nil
		}
	}
	return fmt.Errorf("none of the CSI versions reported by this driver are supported: %v", versions)
}

func capabilities(ctx context.Context, n csi.NodeClient) (map[csi.NodeServiceCapability_RPC_Type]bool, error) {
	said, err := n.NodeGetCapabilities(ctx, &csi.NodeGetCapabilitiesRequest{})
	if err != nil {
		return nil, err
	}
	can := map[csi.NodeServiceCapability_RPC_Type]bool{}
	for _, c := range said.Capabilities {
		can[c.GetRpc().GetType()] = true
	}
	return can, nil
}

// nodeDriver is what the CSINode says of the driver.
func nodeDriver(name string, info *csi.NodeGetInfoResponse) storagev1.CSINodeDriver {
	out := storagev1.CSINodeDriver{Name: name, NodeID: info.NodeId, TopologyKeys: sortedKeys(info.GetAccessibleTopology().GetSegments())}
	if info.MaxVolumesPerNode > 0 {
		out.Allocatable = &storagev1.VolumeNodeResources{Count: ptr.To(int32(min(info.MaxVolumesPerNode, 1<<31-1)))}
	}
	return out
}
