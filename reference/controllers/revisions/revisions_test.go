package revisions

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

func template(image string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}},
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: ptr.To[int64](1 << 60), // larger than what a float can tell apart
			Containers:                    []corev1.Container{{Name: "c", Image: image, Args: []string{"<&>"}}},
		},
	}
}

func statefulSet(image string) *appsv1.StatefulSet {
	return &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", UID: "web-uid"},
		Spec: appsv1.StatefulSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
			Template: template(image),
		},
	}
}

func ownerOf(set *appsv1.StatefulSet) Owner {
	return Owner{
		Object: set, Kind: appsv1.SchemeGroupVersion.WithKind("StatefulSet"),
		Selector: labels.SelectorFromSet(set.Spec.Selector.MatchLabels), Template: &set.Spec.Template, HashLabel: HashLabel,
	}
}

// instantStore is a store whose cache is never late.
func instantStore(client *fake.Clientset) *Store {
	return &Store{
		client: client,
		writes: controller.NewWrites(cache.NewStore(cache.MetaNamespaceKeyFunc)),
		synced: func() bool { return true },
		of: func(owner metav1.Object) []*appsv1.ControllerRevision {
			list, err := client.AppsV1().ControllerRevisions(owner.GetNamespace()).List(context.Background(), metav1.ListOptions{})
			if err != nil {
				panic(err)
			}
			var all []*appsv1.ControllerRevision
			for i := range list.Items {
				all = append(all, &list.Items[i])
			}
			return all
		},
	}
}

// roll makes sure that the set's template has the newest revision.
func roll(t interface{ Fatal(...any) }, s *Store, set *appsv1.StatefulSet) (current *appsv1.ControllerRevision, all []*appsv1.ControllerRevision) {
	live := func(context.Context) (metav1.Object, error) { return set, nil }
	claimed, err := s.Claim(context.Background(), ownerOf(set), live)
	if err != nil {
		t.Fatal(err)
	}
	current, all, set.Status.CollisionCount, err = s.Current(context.Background(), ownerOf(set), claimed, set.Status.CollisionCount)
	if err != nil {
		t.Fatal(err)
	}
	return current, all
}

func TestPatch(t *testing.T) {
	template := template("v1")
	got, err := Patch(&template)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"spec":{"template":{"$patch":"replace","metadata":{"labels":{"app":"web"}},"spec":{"containers":[` +
		`{"args":["\u003c\u0026\u003e"],"image":"v1","name":"c","resources":{}}],"terminationGracePeriodSeconds":1152921504606846976}}}}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	back, err := Template(&appsv1.ControllerRevision{Data: rawExtension(string(got))})
	if err != nil || !equality.Semantic.DeepEqual(*back, template) {
		t.Errorf("read back as %+v, %v", back, err)
	}
}

// Whatever templates come and go, the newest revision is that of the present
// one, numbers grow, every template has one revision, and nothing is written
// where nothing has changed.
func TestCurrentFollowsTheTemplate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		client := fake.NewClientset()
		store := instantStore(client)
		names := map[string]string{}
		var newest int64
		last := ""
		for range rapid.IntRange(1, 12).Draw(t, "changes") {
			image := rapid.SampledFrom([]string{"v1", "v2", "v3", "v4"}).Draw(t, "image")
			set := statefulSet(image)
			current, all := roll(t, store, set)
			if all[len(all)-1].Name != current.Name {
				t.Fatalf("%s is current and not the newest of %v", current.Name, describe(all))
			}
			if known, ok := names[image]; ok && known != current.Name {
				t.Fatalf("template %s had revision %s, now %s", image, known, current.Name)
			}
			names[image] = current.Name
			if len(all) != len(names) {
				t.Fatalf("%d templates have revisions %v", len(names), describe(all))
			}
			if want := map[bool]int64{true: newest, false: newest + 1}[image == last]; current.Revision != want {
				t.Fatalf("revision %d after %d, want %d", current.Revision, newest, want)
			}
			newest, last = current.Revision, image
			client.ClearActions()
			roll(t, store, set)
			for _, action := range client.Actions() {
				if action.GetVerb() != "list" {
					t.Fatalf("nothing has changed, and yet: %v", action)
				}
			}
		}
	})
}

func TestRevisionSays(t *testing.T) {
	client := fake.NewClientset()
	set := statefulSet("v1")
	set.Annotations = map[string]string{"kubernetes.io/change-cause": "first"}
	got, _ := roll(t, instantStore(client), set)
	hash := hashOf(got.Data.Raw, nil)
	if got.Name != "web-"+hash || got.Revision != 1 || got.Annotations["kubernetes.io/change-cause"] != "first" {
		t.Errorf("made %+v", got)
	}
	if want := map[string]string{"app": "web", "controller.kubernetes.io/hash": hash}; !equality.Semantic.DeepEqual(got.Labels, want) {
		t.Errorf("labels %v, want %v", got.Labels, want)
	}
	if !metav1.IsControlledBy(got, set) {
		t.Errorf("owners %+v", got.OwnerReferences)
	}
}

// A name that something else has is passed over, and counted.
func TestCollision(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*appsv1.ControllerRevision)
		want   int32
	}{
		"of another template": {func(r *appsv1.ControllerRevision) { r.Data.Raw = []byte(`{"spec":{"template":{}}}`) }, 1},
		"of another owner": {func(r *appsv1.ControllerRevision) {
			r.OwnerReferences = []metav1.OwnerReference{{Kind: "StatefulSet", Name: "web", UID: "old", Controller: ptr.To(true)}}
		}, 1},
		"an orphan the cache does not show": {func(r *appsv1.ControllerRevision) { r.OwnerReferences, r.Labels = nil, nil }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			set := statefulSet("v1")
			patch, err := Patch(&set.Spec.Template)
			if err != nil {
				t.Fatal(err)
			}
			taken := build(ownerOf(set), patch, 1, nil)
			test.change(taken)
			client := fake.NewClientset(taken)
			store := instantStore(client)
			store.of = func(metav1.Object) []*appsv1.ControllerRevision { return nil }
			current, _ := roll(t, store, set)
			if got := ptr.Deref(set.Status.CollisionCount, 0); got != test.want {
				t.Errorf("%d collisions counted, want %d", got, test.want)
			}
			if (current.Name == taken.Name) != (test.want == 0) {
				t.Errorf("the revision is %s, the one that was there %s", current.Name, taken.Name)
			}
		})
	}
}

// What another version has written in other bytes is the same template.
func TestOtherBytesAreTheSameTemplate(t *testing.T) {
	set := statefulSet("v1")
	patch, err := Patch(&set.Spec.Template)
	if err != nil {
		t.Fatal(err)
	}
	written := build(ownerOf(set), patch, 1, nil)
	written.Name = "web-other"
	written.Data = rawExtension(strings.Replace(string(patch), `"metadata":{`, `"metadata":{"creationTimestamp":null,`, 1))
	if current, _ := roll(t, instantStore(fake.NewClientset(written)), set); current.Name != written.Name {
		t.Errorf("made %s although %s is the same", current.Name, written.Name)
	}
}

func TestNamesAreNeverTooLong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		owner := strings.Repeat("a", rapid.IntRange(1, 253).Draw(t, "length"))
		count := rapid.Ptr(rapid.Int32(), true).Draw(t, "collisions")
		if name := nameOf(owner, hashOf([]byte(owner), count)); len(name) > 253 {
			t.Fatalf("%d characters", len(name))
		}
	})
}

// What is in use stays, and of the rest the newest up to the limit.
func TestSurplus(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []*appsv1.ControllerRevision
		used := map[string]bool{}
		for i := range rapid.IntRange(0, 8).Draw(t, "revisions") {
			r := &appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint(i)}, Revision: rapid.Int64Range(1, 9).Draw(t, "number")}
			used[r.Name] = rapid.Bool().Draw(t, "in use")
			all = append(all, r)
		}
		limit := rapid.Int32Range(-1, 9).Draw(t, "limit")
		gone := surplus(all, limit, func(r *appsv1.ControllerRevision) bool { return used[r.Name] })
		var spare, kept int
		for _, r := range all {
			removed := slices.Contains(gone, r)
			if used[r.Name] {
				if removed {
					t.Fatalf("%s is in use and goes", r.Name)
				}
				continue
			}
			spare++
			if removed {
				continue
			}
			kept++
			for _, g := range gone {
				if g.Revision > r.Revision {
					t.Fatalf("revision %d goes before %d", g.Revision, r.Revision)
				}
			}
		}
		if want := min(spare, int(limit)); limit >= 0 && kept != want || limit < 0 && len(gone) > 0 {
			t.Fatalf("%d of %d are kept with limit %d", kept, spare, limit)
		}
	})
}

func describe(all []*appsv1.ControllerRevision) []string {
	var lines []string
	for _, r := range all {
		lines = append(lines, fmt.Sprint(r.Revision, " ", r.Name))
	}
	return lines
}

func FuzzTemplate(f *testing.F) {
	f.Add([]byte(`{"spec":{"template":{"$patch":"replace","metadata":{"labels":{"a":"b"}}}}}`))
	f.Add([]byte(`{"spec":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		stored, err := Template(&appsv1.ControllerRevision{Data: rawExtension(string(data))})
		if err != nil {
			return
		}
		patch, err := Patch(stored)
		if err != nil || !json.Valid(patch) {
			t.Fatalf("%q cannot be stored again: %v", patch, err)
		}
	})
}
