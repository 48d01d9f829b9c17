// Package api judges the area "api": what holds for every kind of object.
package api

import (
	"fmt"
	"net/http"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// configMap describes an object of the simplest kind.
func configMap(name string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: data}
}

var _ = Describe("writes", func() {
	f := New()

	f.It("api/optimistic-locking", func(ctx SpecContext) {
		current := configMap("shared", map[string]string{"key": "first"})
		f.Create(ctx, current)
		stale := current.DeepCopy()
		f.Patch(ctx, current, `{"data":{"key":"second"}}`)
		Expect(current.ResourceVersion).NotTo(Equal(stale.ResourceVersion))
		stale.Data["key"] = "too late"
		MustRefuse(f.TryUpdate(ctx, stale), http.StatusConflict, "the object has been modified; please apply your changes to the latest version")
		MustRefuse(f.TryPatch(ctx, stale.DeepCopy(), types.MergePatchType,
			fmt.Sprintf(`{"metadata":{"resourceVersion":%q},"data":{"key":"too late"}}`, stale.ResourceVersion)), http.StatusConflict)
		f.Get(ctx, stale)
		Expect(stale.Data).To(Equal(map[string]string{"key": "second"}))
		Expect(stale.ResourceVersion).To(Equal(current.ResourceVersion))
	})

	f.It("api/racing-writers", func(ctx SpecContext) {
		f.Create(ctx, configMap("shared", nil))
		maps := f.API.CoreV1().ConfigMaps(f.Namespace)
		for round := range 5 {
			current, err := maps.Get(ctx, "shared", metav1.GetOptions{})
			Expect(err).NotTo(HaveOccurred())
			const writers = 8
			errs := make([]error, writers)
			var group sync.WaitGroup
			for i := range writers {
				group.Go(func() {
					mine := current.DeepCopy()
					mine.Data = map[string]string{"winner": fmt.Sprintf("%d/%d", round, i)}
					_, errs[i] = maps.Update(ctx, mine, metav1.UpdateOptions{})
				})
			}
			group.Wait()
			var winner string
			won := 0
			for i, err := range errs {
				if err == nil {
					won, winner = won+1, fmt.Sprintf("%d/%d", round, i)
				} else {
					MustRefuse(err, http.StatusConflict)
				}
			}
			Expect(won).To(Equal(1), "writers that won in round %d", round)
			current, err = maps.Get(ctx, "shared", metav1.GetOptions{})
			Expect(err).NotTo(HaveOccurred())
			Expect(current.Data).To(HaveKeyWithValue("winner", winner))
		}
	})

	f.It("api/create-existing", func(ctx SpecContext) {
		f.Create(ctx, configMap("taken", map[string]string{"key": "first"}))
		err := f.TryCreate(ctx, configMap("taken", map[string]string{"key": "second"}))
		MustRefuse(err, http.StatusConflict, `configmaps "taken" already exists`)
		Expect(apierrors.IsAlreadyExists(err)).To(BeTrue(), "reason of %v", err)
		kept := configMap("taken", nil)
		f.Get(ctx, kept)
		Expect(kept.Data).To(HaveKeyWithValue("key", "first"))
	})

	f.It("api/missing", func(ctx SpecContext) {
		missing := configMap("none-such", nil)
		MustRefuse(f.TryGet(ctx, missing), http.StatusNotFound, `configmaps "none-such" not found`)
		MustBeMissing(f.TryUpdate(ctx, missing))
		MustBeMissing(f.TryPatch(ctx, missing, types.MergePatchType, `{"data":{"a":"b"}}`))
		MustBeMissing(f.TryDelete(ctx, missing))
		MustBeMissing(f.TryGet(ctx, missing))
	})

	f.It("api/dry-run", func(ctx SpecContext) {
		maps := f.API.CoreV1().ConfigMaps(f.Namespace)
		all := []string{metav1.DryRunAll}
		created, err := maps.Create(ctx, configMap("ghost", nil), metav1.CreateOptions{DryRun: all})
		Expect(err).NotTo(HaveOccurred())
		Expect(created.UID).NotTo(BeEmpty(), "the answer is like that of a true creation")
		MustBeMissing(f.TryGet(ctx, configMap("ghost", nil)))
		_, err = maps.Create(ctx, configMap("Not_A_Name", nil), metav1.CreateOptions{DryRun: all})
		MustBeInvalid(err, "metadata.name")

		real := configMap("real", map[string]string{"key": "value"})
		f.Create(ctx, real)
		changed := real.DeepCopy()
		changed.Data["key"] = "changed"
		answer, err := maps.Update(ctx, changed, metav1.UpdateOptions{DryRun: all})
		Expect(err).NotTo(HaveOccurred())
		Expect(answer.Data).To(HaveKeyWithValue("key", "changed"))
		Expect(maps.Delete(ctx, "real", metav1.DeleteOptions{DryRun: all})).To(Succeed())
		before := real.ResourceVersion
		f.Get(ctx, real)
		Expect(real.Data).To(HaveKeyWithValue("key", "value"))
		Expect(real.ResourceVersion).To(Equal(before))
	})

	f.It("api/generate-name", func(ctx SpecContext) {
		names := map[string]bool{}
		for range 5 {
			object := configMap("", nil)
			object.GenerateName = "made-"
			f.Create(ctx, object)
			Expect(object.Name).To(MatchRegexp("^made-[a-z0-9]{5}$"))
			names[object.Name] = true
		}
		Expect(names).To(HaveLen(5))
		MustRefuse(f.TryCreate(ctx, configMap("", nil)), http.StatusUnprocessableEntity, "name or generateName is required")
	})

	f.It("api/finalizers", func(ctx SpecContext) {
		held := configMap("held", nil)
		f.CreateHeld(ctx, held)
		f.Delete(ctx, held)
		f.Get(ctx, held)
		marked := held.DeletionTimestamp
		Expect(marked).NotTo(BeNil())
		f.Patch(ctx, held, `{"metadata":{"deletionTimestamp":null},"data":{"key":"value"}}`)
		f.Get(ctx, held)
		Expect(held.DeletionTimestamp).To(Equal(marked), "the mark cannot be taken back")
		Expect(held.Data).To(HaveKeyWithValue("key", "value"))
		err := f.TryPatch(ctx, held.DeepCopy(), types.MergePatchType, `{"metadata":{"finalizers":["example.com/one","`+Hold+`"]}}`)
		MustRefuse(err, http.StatusUnprocessableEntity, "no new finalizers can be added if the object is being deleted")
		f.LetGo(ctx, held)
		f.WaitGone(ctx, held)
	})

	f.It("api/delete-preconditions", func(ctx SpecContext) {
		object := configMap("guarded", nil)
		f.Create(ctx, object)
		other := ptr.To(types.UID("00000000-0000-0000-0000-000000000000"))
		MustRefuse(f.TryDelete(ctx, object, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: other}}), http.StatusConflict, "UID")
		stale := object.ResourceVersion
		f.Patch(ctx, object, `{"data":{"key":"value"}}`)
		MustRefuse(f.TryDelete(ctx, object, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{ResourceVersion: &stale}}), http.StatusConflict)
		f.Get(ctx, object)
		f.Delete(ctx, object, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &object.UID, ResourceVersion: &object.ResourceVersion}})
		MustBeMissing(f.TryGet(ctx, object))
	})
})
