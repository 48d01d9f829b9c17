package csi

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
)

// nodeIDs is the annotation of a Node that tells what drivers call it.
const nodeIDs = "csi.volume.kubernetes.io/nodeid"

// Announce makes the node's CSINode, which says that there is no driver yet, if there is none.
func (d *Drivers) Announce(ctx context.Context) error {
	return d.writeCSINode(ctx, func(*storagev1.CSINode) {})
}

// publish tells the API server what a driver says of this node.
func (d *Drivers) publish(ctx context.Context, driver storagev1.CSINodeDriver, topology map[string]string) error {
	d.writing.Lock()
	defer d.writing.Unlock()
	err := d.writeNode(ctx, func(n *v1.Node) error {
		if err := label(n, topology); err != nil {
			return err
		}
		return setNodeID(n, driver.Name, driver.NodeID)
	})
	if err != nil {
		return fmt.Errorf("error updating Node object with CSI driver node info: %w", err)
	}
	if err := d.writeCSINode(ctx, func(n *storagev1.CSINode) { setDriver(n, driver) }); err != nil {
		return fmt.Errorf("error updating CSINode object with CSI driver node info: %w", err)
	}
	return nil
}

// retract takes back what a driver said, but for the labels: volumes may still be bound to them.
func (d *Drivers) retract(ctx context.Context, name string) error {
	d.writing.Lock()
	defer d.writing.Unlock()
	if err := d.writeCSINode(ctx, func(n *storagev1.CSINode) { dropDriver(n, name) }); err != nil {
		return err
	}
	return d.writeNode(ctx, func(n *v1.Node) error { return setNodeID(n, name, "") })
}

func (d *Drivers) writeNode(ctx context.Context, change func(*v1.Node) error) error {
	nodes := d.Client.CoreV1().Nodes()
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		old, err := nodes.Get(ctx, d.NodeName, metav1.GetOptions{})
		if err != nil {
			return err
		}
		n := old.DeepCopy()
		if err := change(n); err != nil {
			return err
		}
		if equality.Semantic.DeepEqual(old, n) {
			return nil
		}
		if _, err := nodes.Update(ctx, n, metav1.UpdateOptions{}); err != nil {
			return err
		}
		if d.Refresh != nil {
			d.Refresh(ctx)
		}
		return nil
	})
}

func (d *Drivers) writeCSINode(ctx context.Context, change func(*storagev1.CSINode)) error {
	all := d.Client.StorageV1().CSINodes()
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		old, err := all.Get(ctx, d.NodeName, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			node, err := d.Client.CoreV1().Nodes().Get(ctx, d.NodeName, metav1.GetOptions{})
			if err != nil {
				return err
			}
			n := &storagev1.CSINode{ObjectMeta: metav1.ObjectMeta{
				Name:            d.NodeName,
				OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: node.Name, UID: node.UID}},
			}, Spec: storagev1.CSINodeSpec{Drivers: []storagev1.CSINodeDriver{}}}
			change(n)
			_, err = all.Create(ctx, n, metav1.CreateOptions{})
			return err
		}
		if err != nil {
			return err
		}
		n := old.DeepCopy()
		change(n)
		if equality.Semantic.DeepEqual(old, n) {
			return nil
		}
		_, err = all.Update(ctx, n, metav1.UpdateOptions{})
		return err
	})
}

// setDriver makes the CSINode say just this of the driver.
func setDriver(n *storagev1.CSINode, driver storagev1.CSINodeDriver) {
	i := slices.IndexFunc(n.Spec.Drivers, func(d storagev1.CSINodeDriver) bool { return d.Name == driver.Name })
	if i >= 0 && equality.Semantic.DeepEqual(n.Spec.Drivers[i], driver) {
		return
	}
	dropDriver(n, driver.Name)
	n.Spec.Drivers = append(n.Spec.Drivers, driver)
}

func dropDriver(n *storagev1.CSINode, name string) {
	n.Spec.Drivers = slices.DeleteFunc(n.Spec.Drivers, func(d storagev1.CSINodeDriver) bool { return d.Name == name })
}

// label gives the node the labels of a topology; one that says otherwise already is not overwritten.
func label(n *v1.Node, topology map[string]string) error {
	for _, key := range sortedKeys(topology) {
		if have, ok := n.Labels[key]; ok && have != topology[key] {
			return fmt.Errorf("detected topology value collision: driver reported %q:%q but existing label is %q:%q", key, topology[key], key, have)
		}
	}
	if n.Labels == nil {
		n.Labels = map[string]string{}
	}
	maps.Copy(n.Labels, topology)
	return nil
}

// setNodeID notes what the driver calls the node; nothing, if the id is empty.
func setNodeID(n *v1.Node, driver, id string) error {
	ids := map[string]string{}
	if text, ok := n.Annotations[nodeIDs]; ok {
		if err := json.Unmarshal([]byte(text), &ids); err != nil {
			return fmt.Errorf("annotation %s of the node: %w", nodeIDs, err)
		}
	}
	if id == "" {
		delete(ids, driver)
	} else {
		ids[driver] = id
	}
	if len(ids) == 0 {
		delete(n.Annotations, nodeIDs)
		return nil
	}
	text, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	if n.Annotations == nil {
		n.Annotations = map[string]string{}
	}
	n.Annotations[nodeIDs] = string(text)
	return nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
