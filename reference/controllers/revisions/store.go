package revisions

import (
	"context"
	"errors"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	appsinformers "k8s.io/client-go/informers/apps/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// Store reads and writes the revisions of many owners of one kind.
type Store struct {
	client kubernetes.Interface
	of     func(owner metav1.Object) []*appsv1.ControllerRevision
	writes *controller.Writes
	synced cache.InformerSynced
}

// NewStore returns the store of revisions. It must be called before the informer
// is started.
func NewStore(client kubernetes.Interface, informer appsinformers.ControllerRevisionInformer) *Store {
	return &Store{
		client: client,
		of:     controller.ByController[*appsv1.ControllerRevision](informer.Informer()),
		writes: controller.NewWrites(informer.Informer().GetStore()),
		synced: informer.Informer().HasSynced,
	}
}

// Synced reports whether the store knows what is there.
func (s *Store) Synced() bool { return s.synced() }

// Seen reports whether the cache shows all that was written for the owner of
// that key. Before that, no other method may be called for it.
func (s *Store) Seen(key types.NamespacedName) bool { return s.writes.Seen(key) }

// Claim returns the owner's revisions, oldest first, after it has adopted and
// released what it should. Live reads the owner from the API server.
func (s *Store) Claim(ctx context.Context, owner Owner, live func(ctx context.Context) (metav1.Object, error)) ([]*appsv1.ControllerRevision, error) {
	api := s.client.AppsV1().ControllerRevisions(owner.Object.GetNamespace())
	claimer := controller.Claimer[*appsv1.ControllerRevision]{
		Owner: owner.Object, Kind: owner.Kind, Selector: owner.Selector, Live: live,
		Patch: func(ctx context.Context, name string, patch []byte) error {
			revision, err := api.Patch(ctx, name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
			if err == nil {
				s.writes.Wrote(controller.Key(owner.Object), revision)
			}
			return err
		},
	}
	claimed, err := claimer.Claim(ctx, s.of(owner.Object))
	return sorted(claimed), err
}

// Current makes sure that the newest of the owner's revisions is the one of its
// template, and returns it together with all of them, oldest first. A template
// that was left and is used again keeps its revision, which becomes the newest;
// otherwise one is made. Collisions is the count in the owner's status; the one
// returned is what it should be, higher if a name was taken by something else.
func (s *Store) Current(ctx context.Context, owner Owner, revisions []*appsv1.ControllerRevision, collisions *int32) (
	current *appsv1.ControllerRevision, all []*appsv1.ControllerRevision, count *int32, err error) {
	patch, err := Patch(owner.Template)
	if err != nil {
		return nil, revisions, collisions, err
	}
	current = find(owner, patch, revisions)
	switch {
	case current == nil:
		current, collisions, err = s.create(ctx, owner, patch, next(revisions), collisions)
		if err != nil {
			return nil, revisions, collisions, err
		}
		revisions = append(revisions, current)
	case current.Revision < revisions[len(revisions)-1].Revision:
		bumped := current.DeepCopy()
		bumped.Revision = next(revisions)
		current, err = s.client.AppsV1().ControllerRevisions(bumped.Namespace).Update(ctx, bumped, metav1.UpdateOptions{})
		if err != nil {
			return nil, revisions, collisions, fmt.Errorf("making ControllerRevision %s the newest: %w", controller.Key(bumped), err)
		}
		s.writes.Wrote(controller.Key(owner.Object), current)
		others := slices.DeleteFunc(slices.Clone(revisions), func(r *appsv1.ControllerRevision) bool { return r.Name == current.Name })
		revisions = append(others, current)
	}
	return current, sorted(revisions), collisions, nil
}

// create makes the revision of the owner's template, under the first name that
// is not taken by something else.
func (s *Store) create(ctx context.Context, owner Owner, patch []byte, number int64, collisions *int32) (*appsv1.ControllerRevision, *int32, error) {
	api := s.client.AppsV1().ControllerRevisions(owner.Object.GetNamespace())
	for {
		wanted := build(owner, patch, number, collisions)
		made, err := api.Create(ctx, wanted, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			made, err = api.Get(ctx, wanted.Name, metav1.GetOptions{})
			// It may be ours, made before the cache showed it, or an orphan that we
			// are about to adopt.
			if err == nil && !(claimable(owner, made) && stores(made, owner.Template, patch)) {
				collisions = ptr.To(ptr.Deref(collisions, 0) + 1)
				continue
			}
		}
		if err != nil {
			return nil, collisions, fmt.Errorf("creating ControllerRevision %s: %w", controller.Key(wanted), err)
		}
		s.writes.Wrote(controller.Key(owner.Object), made)
		return made, collisions, nil
	}
}

func claimable(owner Owner, revision *appsv1.ControllerRevision) bool {
	ref := metav1.GetControllerOfNoCopy(revision)
	return ref == nil || ref.UID == owner.Object.GetUID()
}

// Truncate forgets the oldest revisions beyond the limit, which is how many are
// kept besides those in use.
func (s *Store) Truncate(ctx context.Context, owner Owner, revisions []*appsv1.ControllerRevision, limit *int32, inUse func(*appsv1.ControllerRevision) bool) error {
	var errs []error
	for _, revision := range surplus(revisions, ptr.Deref(limit, defaultLimit), inUse) {
		if revision.DeletionTimestamp != nil {
			continue
		}
		options := metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &revision.UID, ResourceVersion: &revision.ResourceVersion}}
		err := s.client.AppsV1().ControllerRevisions(revision.Namespace).Delete(ctx, revision.Name, options)
		switch {
		case err == nil:
			s.writes.Deleted(controller.Key(owner.Object), revision)
		case !apierrors.IsNotFound(err):
			errs = append(errs, fmt.Errorf("deleting ControllerRevision %s: %w", controller.Key(revision), err))
		}
	}
	return errors.Join(errs...)
}
