package controllers_test

import (
	"context"
	"fmt"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/etalon-dev/etalon/reference/controllers"
	"github.com/etalon-dev/etalon/reference/controllers/controllertest/fault"
	"github.com/etalon-dev/etalon/reference/controllers/persistentvolume"
)

const faultProvisioner = "faults.etalon.dev/shelf"

func volumeFaults() []fault.Scenario {
	s := &shelf{has: map[string]bool{}}
	start := func(ctx context.Context, config *rest.Config) error {
		return controllers.Run(ctx, controllers.Options{
			Config: config, Provisioners: map[string]persistentvolume.Provisioner{faultProvisioner: s},
			Controllers: []string{"persistentvolume-binder-controller", "persistentvolumeclaim-protection-controller", "persistentvolume-protection-controller"},
		})
	}
	volumes := []string{"persistentvolumes"}
	return []fault.Scenario{
		{
			Name: "volume-bound", Start: start, Cluster: volumes, Outcome: volumeOutcome,
			Steps: []fault.Step{
				{Name: "create volumes", Do: createVolumes},
				{Name: "claim", Do: createClaim(""), Until: claimBound},
				{Name: "release", Do: deleteClaim, Until: claimReleased(corev1.VolumeAvailable, corev1.VolumeReleased)},
				{Name: "claim again", Do: createClaim(""), Until: claimBound},
				{Name: "delete what was released", Do: deleteReleased, Until: phasesAre(corev1.VolumeBound)},
			},
		},
		{
			Name: "volume-made", Start: start, Cluster: volumes,
			Outcome: func(ctx context.Context, r *fault.Round) (string, error) {
				if left := s.of(r.Namespace); len(left) != 0 {
					return "", fmt.Errorf("on the shelf there is still %v", left)
				}
				return volumeOutcome(ctx, r)
			},
			Steps: []fault.Step{
				{Name: "claim", Do: createClaim("faults"), Until: claimBound},
				{Name: "release", Do: deleteClaim, Until: claimReleased()},
			},
		},
	}
}

// shelf is a provisioner that remembers what it has made and not yet deleted.
type shelf struct {
	mu  sync.Mutex
	has map[string]bool // by the namespace of the claim and the name of the volume
}

func (s *shelf) Provision(_ context.Context, request persistentvolume.Request) (*corev1.PersistentVolume, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.has[request.Claim.Namespace+"/"+request.Name] = true
	volume := newVolume(request.Claim.Namespace, request.Name)
	return volume, nil
}

func (s *shelf) Delete(_ context.Context, volume *corev1.PersistentVolume) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.has, volume.Labels[fault.Label]+"/"+volume.Name)
	return nil
}

func (s *shelf) of(namespace string) (names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.has {
		if strings.HasPrefix(name, namespace+"/") {
			names = append(names, name)
		}
	}
	return names
}

// newVolume is a volume of the round. Its class is the round's, so that no other
// round's claim gets it.
func newVolume(namespace, name string) *corev1.PersistentVolume {
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{fault.Label: namespace}},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
			AccessModes:                   []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
			StorageClassName:              namespace,
			PersistentVolumeSource:        corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/nowhere"}},
		},
	}
}

func createVolumes(ctx context.Context, r *fault.Round) error {
	for _, end := range []string{"-a", "-b"} {
		if _, err := r.Client.CoreV1().PersistentVolumes().Create(ctx, newVolume(r.Namespace, r.Namespace+end), metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// createClaim makes the claim web, to a volume of the class, which it makes too if
// another round has not; without one it is to a volume of the round.
func createClaim(class string) func(ctx context.Context, r *fault.Round) error {
	return func(ctx context.Context, r *fault.Round) error {
		named := class
		if class == "" {
			named = r.Namespace
		} else {
			_, err := r.Client.StorageV1().StorageClasses().Create(ctx, &storagev1.StorageClass{
				ObjectMeta: metav1.ObjectMeta{Name: class}, Provisioner: faultProvisioner,
			}, metav1.CreateOptions{})
			if err != nil && !apierrors.IsAlreadyExists(err) {
				return err
			}
		}
		_, err := r.Client.CoreV1().PersistentVolumeClaims(r.Namespace).Create(ctx, &corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Name: "web"},
			Spec: corev1.PersistentVolumeClaimSpec{
				StorageClassName: &named, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
				Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
			},
		}, metav1.CreateOptions{})
		return err
	}
}

func claimBound(ctx context.Context, r *fault.Round) error {
	claim, err := r.Client.CoreV1().PersistentVolumeClaims(r.Namespace).Get(ctx, "web", metav1.GetOptions{})
	if err == nil && claim.Status.Phase != corev1.ClaimBound {
		err = fmt.Errorf("the claim is %s", fault.Text(claim))
	}
	return err
}

func deleteClaim(ctx context.Context, r *fault.Round) error {
	return r.Client.CoreV1().PersistentVolumeClaims(r.Namespace).Delete(ctx, "web", metav1.DeleteOptions{})
}

// claimReleased waits until the claim is gone, so that its name is free, and the round's
// volumes are in these phases.
func claimReleased(want ...corev1.PersistentVolumePhase) func(ctx context.Context, r *fault.Round) error {
	return func(ctx context.Context, r *fault.Round) error {
		if _, err := r.Client.CoreV1().PersistentVolumeClaims(r.Namespace).Get(ctx, "web", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			return fmt.Errorf("the claim is still there: %v", err)
		}
		return phasesAre(want...)(ctx, r)
	}
}

func roundVolumes(ctx context.Context, r *fault.Round) ([]corev1.PersistentVolume, error) {
	list, err := r.Client.CoreV1().PersistentVolumes().List(ctx, metav1.ListOptions{LabelSelector: fault.Label + "=" + r.Namespace})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// phasesAre waits until the round's volumes are in these phases, sorted.
func phasesAre(want ...corev1.PersistentVolumePhase) func(ctx context.Context, r *fault.Round) error {
	return func(ctx context.Context, r *fault.Round) error {
		volumes, err := roundVolumes(ctx, r)
		if err != nil {
			return err
		}
		var phases []string
		for _, volume := range volumes {
			phases = append(phases, string(volume.Status.Phase))
		}
		var wanted []string
		for _, phase := range want {
			wanted = append(wanted, string(phase))
		}
		if found := fault.Lines(phases); found != fault.Lines(wanted) {
			return fmt.Errorf("volumes are %v, want %v", phases, wanted)
		}
		return nil
	}
}

func deleteReleased(ctx context.Context, r *fault.Round) error {
	volumes, err := roundVolumes(ctx, r)
	if err != nil {
		return err
	}
	for _, volume := range volumes {
		if volume.Status.Phase != corev1.VolumeReleased {
			continue
		}
		if err := r.Client.CoreV1().PersistentVolumes().Delete(ctx, volume.Name, metav1.DeleteOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// volumeOutcome tells of the claims and volumes of the round, but not which of two
// that are alike was taken.
func volumeOutcome(ctx context.Context, r *fault.Round) (string, error) {
	volumes, err := roundVolumes(ctx, r)
	if err != nil {
		return "", err
	}
	claims, err := r.Client.CoreV1().PersistentVolumeClaims(r.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", err
	}
	var lines []string
	for _, volume := range volumes {
		lines = append(lines, fault.Text(volume, "name", "labels", "namespace", "storageClassName"))
	}
	for _, claim := range claims.Items {
		lines = append(lines, fault.Text(claim, "namespace", "volumeName", "storageClassName"))
	}
	return fault.Lines(lines), nil
}
