package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	volumehelpers "k8s.io/component-helpers/storage/volume"

	"github.com/etalon-dev/etalon/reference/scheduler/queue"
)

// bindTimeout is how long the volumes of a pod may take to be made and bound.
const bindTimeout = 10 * time.Minute

// binding is what a pod's claims get on its node, while that is being carried out.
type binding struct {
	node   string
	static map[*corev1.PersistentVolumeClaim]*corev1.PersistentVolume
	made   []*corev1.PersistentVolumeClaim
	// wait are the claims that have to be bound.
	wait []types.NamespacedName
	// written are the versions of the claims whose volumes are being made, once the API server knows what was chosen.
	// It is the loop's.
	written map[types.UID]string
	// done gets nil when all are bound, or why that will not be.
	done chan error
}

func (b *binding) end(err error) {
	select {
	case b.done <- err:
	default:
	}
}

// bindClaims has the claims bound and then the pod. It waits for others, so it holds none of the places for requests.
func (s *scheduler) bindClaims(ctx context.Context, it *queue.Item, node string, b *binding) {
	pod := it.Pod.Object
	go func() {
		patient, cancel := context.WithTimeout(ctx, bindTimeout)
		defer cancel()
		versions, err := s.writeClaims(patient, b)
		if err == nil {
			s.inbox.send(func() { b.written = versions; s.look(b) })
			select {
			case err = <-b.done:
			case <-patient.Done():
				err = errors.New("timed out waiting for the condition")
			}
		}
		s.inbox.send(func() {
			s.release(pod.UID)
			if s.queue.Get(pod.UID) != it {
				return // deleted meanwhile
			}
			if err != nil {
				s.unbind(ctx, it, fmt.Errorf("running PreBind plugin %q: binding volumes: %w", "VolumeBinding", err))
				return
			}
			s.bind(ctx, it, node, nil)
		})
	}()
}

// writeClaims tells which volumes claims are to be bound to, and where others are to be made. It returns the versions of
// those others, by uid.
func (s *scheduler) writeClaims(ctx context.Context, b *binding) (map[types.UID]string, error) {
	versions := map[types.UID]string{}
	for claim, volume := range b.static {
		bound, changed, err := volumehelpers.GetBindVolumeToClaim(volume, claim)
		if err != nil {
			return nil, err
		}
		if !changed {
			continue
		}
		if _, err := s.client.CoreV1().PersistentVolumes().Update(ctx, bound, metav1.UpdateOptions{}); err != nil {
			return nil, err
		}
	}
	for _, claim := range b.made {
		if versions[claim.UID] = claim.ResourceVersion; claim.Annotations[volumehelpers.AnnSelectedNode] == b.node {
			continue
		}
		patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
			"uid": claim.UID, "annotations": map[string]string{volumehelpers.AnnSelectedNode: b.node},
		}})
		if err != nil {
			return nil, err
		}
		sent, err := s.client.CoreV1().PersistentVolumeClaims(claim.Namespace).Patch(ctx, claim.Name, types.MergePatchType, patch, metav1.PatchOptions{})
		if err != nil {
			return nil, err
		}
		versions[claim.UID] = sent.ResourceVersion
	}
	return versions, nil
}

// look ends the binding when all its claims are bound, or one will not be: whoever was to make its volume gives the
// node back by taking the annotation away.
func (s *scheduler) look(b *binding) {
	if b.written == nil {
		return
	}
	for _, key := range b.wait {
		claim := s.storage.claims[key]
		switch {
		case claim == nil || claim.DeletionTimestamp != nil:
			b.end(apierrors.NewNotFound(corev1.Resource("persistentvolumeclaims"), key.Name))
			return
		case claim.Spec.VolumeName != "" && claim.Annotations[volumehelpers.AnnBindCompleted] != "":
			continue
		case b.refused(claim):
			b.end(fmt.Errorf("provisioning failed for PVC %q", key.Name))
			return
		}
		return
	}
	b.end(nil)
}

// refused tells whether the claim had the node, and has it no more. Until the watch has told of our own write it shows
// an older version.
func (b *binding) refused(claim *corev1.PersistentVolumeClaim) bool {
	version, made := b.written[claim.UID]
	if !made || claim.Annotations[volumehelpers.AnnSelectedNode] != "" {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(claim.ResourceVersion, version)
	return err == nil && order > 0
}
