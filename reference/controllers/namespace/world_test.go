package namespace

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"
	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest/sim"
)

const (
	hold  = "example.com/hold"
	other = "example.com/other"
)

// kinds are what namespaces are filled with, in the order of their resources' names.
var kinds = []string{"ConfigMap", "Deployment", "Lease", "Pod", "Secret"}

var groups = map[string]schema.GroupVersion{
	"ConfigMap": corev1.SchemeGroupVersion, "Pod": corev1.SchemeGroupVersion, "Secret": corev1.SchemeGroupVersion,
	"Deployment": appsv1.SchemeGroupVersion, "Lease": coordinationv1.SchemeGroupVersion,
}

func resource(kind string) string { return strings.ToLower(kind) + "s" }

// Whatever is in namespaces, and however badly parts of the API are served: a deleted namespace is emptied, pods first,
// and nothing else is touched; it goes once nothing is left in it and nothing can have been overlooked, and until then
// says what is in the way.
func TestInTheSimulatedWorld(t *testing.T) {
	sim.Check(t, func(t *rapid.T) sim.Scenario {
		m := newModel()
		objects := []sim.Object{newNamespace("going"), newNamespace("staying")}
		for i, finalizers := range rapid.SliceOfN(rapid.SampledFrom([][]string{nil, {hold}, {hold, other}}), 0, 6).Draw(t, "contents") {
			objects = append(objects, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "going", Name: fmt.Sprint("first-", i), Finalizers: finalizers}})
		}
		return sim.Scenario{
			Controllers: map[string]sim.New{Name: m.controller},
			Objects:     objects,
			Nodes:       2,
			Actions: map[string]sim.Action{
				"create": m.create, "create another": m.create, "create a third": m.create, "delete the namespace": m.remove, "delete it again": m.remove, "delete it at last": m.remove,
				"let go": m.release, "fall ill": m.fallIll, "fall ill too": m.fallIll, "get well": m.getWell, "look": m.look, "look again": m.look,
				"hold the namespace": m.holdNamespace, "make the namespace again": m.remake,
			},
			Invariants: map[string]sim.Invariant{"the rules": m.check},
			Settled: func(w *sim.World) error {
				if m.wrong == nil {
					m.compare(w)
				}
				return m.wrong
			},
			Longest: 40,
		}
	})
}

// A namespace says what is in its way, and goes when nothing is any more.
func TestWhatIsInTheWay(t *testing.T) {
	m := newModel()
	sim.Run(t, sim.Scenario{
		Controllers: map[string]sim.New{Name: m.controller},
		Objects:     []sim.Object{newNamespace("going")},
		Nodes:       1,
	}, func(w *sim.World) error {
		for _, kind := range kinds {
			makeContent(w, kind, "going", metav1.ObjectMeta{Name: "free"})
			makeContent(w, kind, "going", metav1.ObjectMeta{Name: "held", Finalizers: []string{hold}})
		}
		look := func() error {
			w.Sleep(time.Minute)
			m.compare(w)
			return m.wrong
		}
		m.served.Make(w, "leases", sim.Mute)
		sim.Delete[*corev1.Namespace](w, "going")
		if err := look(); err != nil { // at the pods
			return err
		}
		pod := sim.List[*corev1.Pod](w)[0].DeepCopy()
		pod.Finalizers = nil
		if _, err := w.Client.CoreV1().Pods("going").Update(context.Background(), pod, metav1.UpdateOptions{}); err != nil {
			return err
		}
		m.served.Make(w, "secrets", sim.Unlistable)
		if err := look(); err != nil { // at the others, of which some cannot be seen
			return err
		}
		m.letGo(w, hold)
		m.served.Make(w, "secrets", sim.Well)
		if err := look(); err != nil { // only at those that nobody knows of
			return err
		}
		if _, there := sim.Get[*corev1.Namespace](w, "going"); !there {
			return fmt.Errorf("it is gone although there may be leases in it")
		}
		m.served.Make(w, "leases", sim.Well)
		w.Sleep(time.Minute)
		if ns, there := sim.Get[*corev1.Namespace](w, "going"); there {
			return fmt.Errorf("it is still there: %+v", ns.Status)
		}
		return nil
	})
}

func newNamespace(name string) *corev1.Namespace {
	return &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       corev1.NamespaceSpec{Finalizers: []corev1.FinalizerName{corev1.FinalizerKubernetes}},
	}
}

// model is used by one world at a time.
type model struct {
	served *sim.Served
	wrong  error
}

func newModel() *model {
	return &model{served: sim.NewServed(
		sim.Document("v1", true, "ConfigMap", "Pod", "Secret"),
		sim.Document("apps/v1", true, "Deployment"),
		sim.Document("coordination.k8s.io/v1", true, "Lease"),
	)}
}

func (m *model) controller(client kubernetes.Interface, shared informers.SharedInformerFactory, _ record.EventRecorder) sim.Runner {
	return New(client, m.served.Metadata(client), m.served.Discovery(), shared)
}

func (m *model) create(t *rapid.T) sim.Act {
	kind, ns := rapid.SampledFrom(kinds).Draw(t, "kind"), rapid.SampledFrom([]string{"going", "going", "staying"}).Draw(t, "namespace")
	meta := metav1.ObjectMeta{
		Name:       rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name"),
		Finalizers: rapid.SampledFrom([][]string{nil, nil, nil, {hold}, {other}, {hold, other}}).Draw(t, "finalizers"),
	}
	return func(w *sim.World) { makeContent(w, kind, ns, meta) }
}

// makeContent makes an object as a user does, who may be refused.
func makeContent(w *sim.World, kind, ns string, meta metav1.ObjectMeta) {
	ctx := context.Background()
	switch kind {
	case "ConfigMap":
		_, _ = w.Client.CoreV1().ConfigMaps(ns).Create(ctx, &corev1.ConfigMap{ObjectMeta: meta}, metav1.CreateOptions{})
	case "Secret":
		_, _ = w.Client.CoreV1().Secrets(ns).Create(ctx, &corev1.Secret{ObjectMeta: meta}, metav1.CreateOptions{})
	case "Pod":
		_, _ = w.Client.CoreV1().Pods(ns).Create(ctx, &corev1.Pod{ObjectMeta: meta}, metav1.CreateOptions{})
	case "Deployment":
		_, _ = w.Client.AppsV1().Deployments(ns).Create(ctx, &appsv1.Deployment{ObjectMeta: meta}, metav1.CreateOptions{})
	case "Lease":
		_, _ = w.Client.CoordinationV1().Leases(ns).Create(ctx, &coordinationv1.Lease{ObjectMeta: meta}, metav1.CreateOptions{})
	}
}

// left is what is in the namespace, by kind.
func left(w *sim.World, ns string) map[string][]sim.Object {
	found := map[string][]sim.Object{}
	collect(found, "ConfigMap", ns, sim.List[*corev1.ConfigMap](w))
	collect(found, "Secret", ns, sim.List[*corev1.Secret](w))
	collect(found, "Pod", ns, sim.List[*corev1.Pod](w))
	collect(found, "Deployment", ns, sim.List[*appsv1.Deployment](w))
	collect(found, "Lease", ns, sim.List[*coordinationv1.Lease](w))
	return found
}

func collect[T sim.Object](into map[string][]sim.Object, kind, ns string, objects []T) {
	for _, obj := range objects {
		if obj.GetNamespace() == ns {
			into[kind] = append(into[kind], obj)
		}
	}
}

func (m *model) remove(*rapid.T) sim.Act {
	return func(w *sim.World) { sim.Delete[*corev1.Namespace](w, "going") }
}

func (m *model) remake(*rapid.T) sim.Act {
	return func(w *sim.World) { w.Create(newNamespace("going")) }
}

// holdNamespace has somebody else finish the namespace too, or no longer.
func (m *model) holdNamespace(t *rapid.T) sim.Act {
	held := rapid.Bool().Draw(t, "held")
	return func(w *sim.World) {
		ns, there := sim.Get[*corev1.Namespace](w, "going")
		if !there || held && ns.DeletionTimestamp != nil {
			return
		}
		sim.Update(w, "going", func(ns *corev1.Namespace) {
			ns.Spec.Finalizers = slices.DeleteFunc(ns.Spec.Finalizers, func(f corev1.FinalizerName) bool { return f == other })
			if held {
				ns.Spec.Finalizers = append(ns.Spec.Finalizers, other)
			}
		})
	}
}

// release takes the finalizer off everything.
func (m *model) release(t *rapid.T) sim.Act {
	finalizer := rapid.SampledFrom([]string{hold, hold, other}).Draw(t, "finalizer")
	return func(w *sim.World) { m.letGo(w, finalizer) }
}

func (m *model) letGo(w *sim.World, finalizer string) {
	ctx, patch := context.Background(), metav1.UpdateOptions{}
	for kind, objects := range left(w, "going") {
		for _, obj := range objects {
			obj = obj.DeepCopyObject().(sim.Object)
			obj.SetFinalizers(slices.DeleteFunc(obj.GetFinalizers(), func(f string) bool { return f == finalizer }))
			obj.SetResourceVersion("")
			switch kind {
			case "ConfigMap":
				_, _ = w.Client.CoreV1().ConfigMaps("going").Update(ctx, obj.(*corev1.ConfigMap), patch)
			case "Secret":
				_, _ = w.Client.CoreV1().Secrets("going").Update(ctx, obj.(*corev1.Secret), patch)
			case "Pod":
				_, _ = w.Client.CoreV1().Pods("going").Update(ctx, obj.(*corev1.Pod), patch)
			case "Deployment":
				_, _ = w.Client.AppsV1().Deployments("going").Update(ctx, obj.(*appsv1.Deployment), patch)
			case "Lease":
				_, _ = w.Client.CoordinationV1().Leases("going").Update(ctx, obj.(*coordinationv1.Lease), patch)
			}
		}
	}
}

func (m *model) fallIll(t *rapid.T) sim.Act {
	type disease struct {
		resource string
		ill      sim.Ill
	}
	d := rapid.SampledFrom([]disease{
		{"leases", sim.Mute}, {"deployments", sim.Mute}, {"leases", sim.Unserved}, {"secrets", sim.Unlistable},
		{"pods", sim.Unlistable}, {"deployments", sim.Unlistable}, {"configmaps", sim.Hanging},
	}).Draw(t, "disease")
	return func(w *sim.World) { m.served.Make(w, d.resource, d.ill) }
}

func (m *model) getWell(*rapid.T) sim.Act {
	return func(w *sim.World) {
		for _, kind := range kinds {
			m.served.Make(w, resource(kind), sim.Well)
		}
	}
}

// look lets everything come to rest and compares it with what it should be.
func (m *model) look(*rapid.T) sim.Act {
	return func(w *sim.World) {
		w.SetWeather(sim.Weather{})
		w.Sleep(3 * time.Minute)
		if m.wrong == nil {
			m.compare(w)
		}
	}
}

// check looks at a write in the order in which the API server made them.
func (m *model) check(w *sim.World, write sim.Write) error {
	if write.Actor != Name {
		return nil
	}
	if write.Needless {
		return fmt.Errorf("a needless write of %s %s", write.Kind, write.Key)
	}
	if write.Kind == "Namespace" {
		return m.checkNamespace(w, write)
	}
	ns, there := sim.Get[*corev1.Namespace](w, write.Key.Namespace)
	switch {
	case write.Verb != "delete":
		return fmt.Errorf("it does %s %s %s", write.Verb, write.Kind, write.Key)
	case !there || ns.DeletionTimestamp == nil:
		return fmt.Errorf("%s %s is deleted from a namespace that is not", write.Kind, write.Key)
	case write.Kind != "Pod" && len(left(w, ns.Name)["Pod"]) > 0:
		return fmt.Errorf("%s %s is deleted before the pods are gone", write.Kind, write.Key)
	}
	return nil
}

// checkNamespace demands that a namespace is let go of only if it is empty.
func (m *model) checkNamespace(w *sim.World, write sim.Write) error {
	before := write.Before.(*corev1.Namespace)
	if before.DeletionTimestamp == nil {
		return fmt.Errorf("namespace %s is not deleted", write.Key)
	}
	after, _ := write.After.(*corev1.Namespace)
	if after != nil && slices.Contains(after.Spec.Finalizers, corev1.FinalizerKubernetes) {
		return nil
	}
	if !strings.HasSuffix(write.Verb, "finalize") || after != nil && !slices.Equal(after.Spec.Finalizers, []corev1.FinalizerName{other}) {
		return fmt.Errorf("finalizers of namespace %s by %s: %v", write.Key, write.Verb, after)
	}
	for kind, objects := range left(w, before.Name) {
		if !m.served.Lately(kind) {
			return fmt.Errorf("namespace %s goes although %d %s are in it", write.Key, len(objects), resource(kind))
		}
	}
	for _, kind := range kinds {
		if how := m.served.How(resource(kind)); how != sim.Well && how != sim.Unserved && m.served.Since(resource(kind)) > time.Minute {
			return fmt.Errorf("namespace %s goes although nobody knows of %s in it", write.Key, resource(kind))
		}
	}
	return nil
}

// compare compares the namespaces with what they should be, at rest.
func (m *model) compare(w *sim.World) {
	for _, name := range []string{"going", "staying"} {
		ns, there := sim.Get[*corev1.Namespace](w, name)
		if err := m.expect(w, name, ns, there); err != nil {
			m.wrong = fmt.Errorf("namespace %s: %w", name, err)
		}
	}
}

func (m *model) expect(w *sim.World, name string, ns *corev1.Namespace, there bool) error {
	in := left(w, name)
	hangs := slices.ContainsFunc(kinds, func(kind string) bool { return m.served.How(resource(kind)) == sim.Hanging })
	switch {
	case !there || hangs:
		return nil
	case ns.DeletionTimestamp == nil:
		if len(ns.Status.Conditions) > 0 || ns.Status.Phase == corev1.NamespaceTerminating {
			return fmt.Errorf("it is not deleted, and has the status %+v", ns.Status)
		}
		return nil
	case !slices.Contains(ns.Spec.Finalizers, corev1.FinalizerKubernetes):
		return nil // the rest is somebody else's; that it was empty then, check says
	}
	for kind, objects := range in {
		for _, obj := range objects {
			if asked := kind == "Pod" || len(in["Pod"]) == 0 && m.served.How("pods") == sim.Well; asked && m.served.How(resource(kind)) == sim.Well && obj.GetDeletionTimestamp() == nil {
				return fmt.Errorf("%s %s is not deleted", kind, obj.GetName())
			}
		}
	}
	want, blocked := m.oracle(in)
	if !blocked {
		return fmt.Errorf("it is still there, with nothing in the way: %v", in)
	}
	var got []string
	for _, c := range ns.Status.Conditions {
		got = append(got, fmt.Sprintf("%s %s %s %s", c.Type, c.Status, c.Reason, c.Message))
	}
	if ns.Status.Phase != corev1.NamespaceTerminating || !slices.Equal(got, want) {
		return fmt.Errorf("it is %s with\n%s\nwant\n%s", ns.Status.Phase, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	return nil
}

// oracle is what the conditions say with that left in the namespace, and whether it is kept.
func (m *model) oracle(in map[string][]sim.Object) (conditions []string, kept bool) {
	var mute, failed, remaining []string
	waiting := map[string]int{}
	see := func(kind string) {
		group := groups[kind]
		switch m.served.How(resource(kind)) {
		case sim.Mute:
		case sim.Unserved:
		case sim.Unlistable:
			failed = append(failed, "conversion failed")
		default:
			if n := len(in[kind]); n > 0 {
				remaining = append(remaining, fmt.Sprintf("%s.%s has %d resource instances", resource(kind), group.Group, n))
			}
			for _, obj := range in[kind] {
				for _, f := range obj.GetFinalizers() {
					waiting[f]++
				}
			}
		}
	}
	for _, kind := range kinds {
		if m.served.How(resource(kind)) == sim.Mute {
			mute = append(mute, groups[kind].String()+": the simulated group is mute")
		}
	}
	see("Pod")
	if len(remaining) == 0 && len(failed) == 0 {
		for _, kind := range kinds {
			if kind != "Pod" {
				see(kind)
			}
		}
	}
	slices.Sort(remaining)
	say := func(bad bool, kind, badly, text, well string) {
		status := "False " + well
		if bad {
			status = "True " + badly + " " + text
		}
		conditions = append(conditions, kind+" "+status)
	}
	say(len(mute) > 0, "NamespaceDeletionDiscoveryFailure", "DiscoveryFailed",
		fmt.Sprintf("Discovery failed for some groups, %d failing: unable to retrieve the complete list of server APIs: %s", len(mute), strings.Join(mute, ", ")),
		"ResourcesDiscovered All resources successfully discovered")
	say(false, "NamespaceDeletionGroupVersionParsingFailure", "", "", "ParsedGroupVersions All legacy kube types successfully parsed")
	say(len(failed) > 0, "NamespaceDeletionContentFailure", "ContentDeletionFailed",
		fmt.Sprintf("Failed to delete all resource types, %d remaining: %s", len(failed), strings.Join(failed, ", ")),
		"ContentDeleted All content successfully deleted, may be waiting on finalization")
	say(len(remaining) > 0, "NamespaceContentRemaining", "SomeResourcesRemain", "Some resources are remaining: "+strings.Join(remaining, ", "),
		"ContentRemoved All content successfully removed")
	var finalizers []string
	for _, f := range []string{hold, other} {
		if waiting[f] > 0 {
			finalizers = append(finalizers, fmt.Sprintf("%s in %d resource instances", f, waiting[f]))
		}
	}
	say(len(finalizers) > 0, "NamespaceFinalizersRemaining", "SomeFinalizersRemain",
		"Some content in the namespace has finalizers remaining: "+strings.Join(finalizers, ", "), "ContentHasNoFinalizers All content-preserving finalizers finished")
	return conditions, len(mute)+len(failed)+len(remaining) > 0
}
