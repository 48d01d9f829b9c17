package storage

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// defaulted asks for storage of the default class.
func defaulted(name, storage string) *corev1.PersistentVolumeClaim {
	c := claim(name, "", storage)
	c.Spec.StorageClassName = nil
	return c
}

// pairOn makes a volume of a directory of the node and a claim that names it.
func pairOn(ctx context.Context, f *Framework, node string, change ...func(*corev1.PersistentVolume, *corev1.PersistentVolumeClaim)) {
	GinkgoHelper()
	v, c := volume(f, "a", "", "1Gi"), claim("c", "", "1Gi")
	v.Spec.HostPath.Type = ptr.To(corev1.HostPathDirectoryOrCreate)
	v.Spec.NodeAffinity = &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
		MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{node}}}}}}}
	c.Spec.VolumeName = v.Name
	for _, apply := range change {
		apply(v, c)
	}
	f.CreateForCluster(ctx, v)
	f.Create(ctx, c)
}

// sweep has the node's directory removed after the spec.
func sweep(f *Framework, node string) {
	DeferCleanup(func(ctx SpecContext) {
		pod := with(hostPath("/tmp", corev1.HostPathDirectory), Once("sweeper", "rm", "/data/"+f.Namespace+"-a"))
		pod.Spec.NodeName = node
		f.Create(ctx, pod)
		f.WaitPodSucceeded(ctx, "sweeper")
	})
}

// using is a pod that runs the script once, with the volume of the claim c at /data.
func using(name, script string) *corev1.Pod { return with(ofClaim("c"), Once(name, "sh", script)) }

func grown(storage string) func(*corev1.PersistentVolumeClaim) bool {
	return func(c *corev1.PersistentVolumeClaim) bool {
		return c.Status.Capacity.Storage().Cmp(resource.MustParse(storage)) >= 0
	}
}

var _ = Describe("claims that pods mount", func() {
	f := New()

	f.It("storage/waits-for-claim-of-pod", func(ctx SpecContext) {
		node := f.Nodes(ctx)[0].Labels[corev1.LabelHostname]
		sweep(f, f.Nodes(ctx)[0].Name)
		pods := f.WatchPod(ctx, "early")
		early := using("early", "ls /data")
		f.Create(ctx, early)
		pods.MustReach(ctx, "the pod says that it cannot be scheduled", func(all []*corev1.Pod) bool { return len(all) == 1 && Unschedulable(all[0]) })
		Expect(f.WaitEvent(ctx, early, "FailedScheduling").Message).To(ContainSubstring(`persistentvolumeclaim "c" not found`))
		pairOn(ctx, f, node)
		f.WaitPodSucceeded(ctx, "early")
	})

	f.It("storage/claim-mounted", func(ctx SpecContext) {
		node := f.Nodes(ctx)[0]
		sweep(f, node.Name)
		pairOn(ctx, f, node.Labels[corev1.LabelHostname])
		f.Create(ctx, using("writer", "write /data/word hello"))
		f.WaitPodSucceeded(ctx, "writer")
		reader := using("reader", "cat /data/word && write /data/word mine")
		reader.Spec.Volumes[0].PersistentVolumeClaim.ReadOnly = true
		f.Create(ctx, reader)
		f.WaitPodFailed(ctx, "reader")
		Expect(f.Logs(ctx, "reader", corev1.PodLogOptions{})).To(And(ContainSubstring("hello\n"), ContainSubstring("read-only file system")))
	})

	f.It("storage/local-affinity", func(ctx SpecContext) {
		nodes := f.Nodes(ctx)
		node := nodes[len(nodes)-1]
		sweep(f, node.Name)
		maker := with(hostPath("/tmp/"+f.Namespace+"-a", corev1.HostPathDirectoryOrCreate), Once("maker", "write", "/data/word", "hello"))
		maker.Spec.NodeName = node.Name
		f.Create(ctx, maker)
		f.WaitPodSucceeded(ctx, "maker")
		pairOn(ctx, f, node.Labels[corev1.LabelHostname], func(v *corev1.PersistentVolume, _ *corev1.PersistentVolumeClaim) {
			v.Spec.Local, v.Spec.HostPath = &corev1.LocalVolumeSource{Path: v.Spec.HostPath.Path}, nil
		})
		for _, name := range []string{"one", "two", "three"} {
			f.Create(ctx, using(name, "cat /data/word"))
		}
		for _, name := range []string{"one", "two", "three"} {
			Expect(f.WaitPodSucceeded(ctx, name).Spec.NodeName).To(Equal(node.Name), "the node of pod "+name)
		}
	})

	f.It("storage/one-pod-only", func(ctx SpecContext) {
		node := f.Nodes(ctx)[0]
		sweep(f, node.Name)
		pairOn(ctx, f, node.Labels[corev1.LabelHostname], func(v *corev1.PersistentVolume, c *corev1.PersistentVolumeClaim) {
			v.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOncePod}
			c.Spec.AccessModes = v.Spec.AccessModes
		})
		first := using("first", "sleep 1h")
		f.Create(ctx, first)
		f.WaitPodReady(ctx, "first")
		pods := f.WatchPod(ctx, "second")
		f.Create(ctx, using("second", "sleep 1h"))
		pods.MustReach(ctx, "the second pod says that it cannot be scheduled", func(all []*corev1.Pod) bool { return len(all) == 1 && Unschedulable(all[0]) })
		pods.MustNever(ctx, "the second pod has a node while the first has the volume", func(all []*corev1.Pod) bool { return len(all) == 1 && all[0].Spec.NodeName != "" }, Quiet)
		f.Delete(ctx, first)
		f.WaitPodReady(ctx, "second")
	})

	f.It("storage/provisioned", func(ctx SpecContext) {
		pvcs := claims(ctx, f)
		f.Create(ctx, defaulted("c", "5Mi"), using("user", "write /data/word hello && cat /data/word"))
		bound := named(pvcs.MustReach(ctx, "the claim is Bound", is("c", func(c *corev1.PersistentVolumeClaim) bool { return c.Status.Phase == corev1.ClaimBound })), "c")
		f.WaitPodSucceeded(ctx, "user")
		Expect(bound.Spec.StorageClassName).NotTo(BeNil(), "the claim's class")
		v := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: bound.Spec.VolumeName}}
		f.Get(ctx, v)
		Expect(v.Spec.StorageClassName).To(Equal(*bound.Spec.StorageClassName), "the volume's class")
		Expect(v.Spec.Capacity.Storage().Cmp(resource.MustParse("5Mi"))).To(BeNumerically(">=", 0), "the volume has %s", v.Spec.Capacity.Storage())
	})

	f.It("storage/data-outlives-pod", func(ctx SpecContext) {
		f.Create(ctx, defaulted("c", "5Mi"), using("writer", "write /data/word hello"))
		writer := f.WaitPodSucceeded(ctx, "writer")
		f.Delete(ctx, writer)
		f.WaitGone(ctx, writer)
		f.Create(ctx, using("reader", "cat /data/word"))
		f.WaitPodSucceeded(ctx, "reader")
		Expect(f.Logs(ctx, "reader", corev1.PodLogOptions{})).To(Equal("hello\n"))
	})

	f.It("storage/stateful-data", func(ctx SpecContext) {
		template := with(ofClaim("unused"), Pod("web", "sh", "append /data/names $(POD); sleep 1h"))
		template.Spec.Volumes = nil
		template.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "POD", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}}}
		f.Create(ctx, &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: appsv1.StatefulSetSpec{
			Replicas: ptr.To(int32(2)), Selector: &metav1.LabelSelector{MatchLabels: template.Labels}, ServiceName: "web",
			Template:             corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: template.Labels}, Spec: template.Spec},
			VolumeClaimTemplates: []corev1.PersistentVolumeClaim{*defaulted("data", "5Mi")}}})
		names := func(pod, wanted string) {
			f.WaitUntil(ctx, "the volume of "+pod+" holds "+wanted, SettleTimeout, func(ctx context.Context) (bool, string) {
				out, err := f.TryExec(ctx, pod, "main", nil, "/tool", "cat", "/data/names")
				if err != nil {
					return false, err.Error()
				}
				return strings.Join(strings.Fields(out.Stdout), " ") == wanted, out.Stdout
			})
		}
		names("web-0", "web-0")
		names("web-1", "web-1")
		f.Delete(ctx, Pod("web-1"))
		names("web-1", "web-1 web-1")
		names("web-0", "web-0")
	})

	f.It("storage/deleted-with-claim", func(ctx SpecContext) {
		pvcs := claims(ctx, f)
		c := defaulted("c", "5Mi")
		f.Create(ctx, c, using("user", "write /data/word hello"))
		user := f.WaitPodSucceeded(ctx, "user")
		bound := named(pvcs.MustReach(ctx, "the claim is Bound", is("c", func(c *corev1.PersistentVolumeClaim) bool { return c.Status.Phase == corev1.ClaimBound })), "c")
		v := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: bound.Spec.VolumeName}}
		f.Get(ctx, v)
		if v.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimDelete {
			Skip("needs a default StorageClass with the reclaim policy Delete")
		}
		f.Delete(ctx, user)
		f.WaitGone(ctx, user)
		f.Delete(ctx, c)
		f.WaitGone(ctx, c)
		f.WaitGone(ctx, v)
	})

	f.It("storage/ephemeral-mounted", func(ctx SpecContext) {
		spec := defaulted("", "5Mi").Spec
		source := corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{VolumeClaimTemplate: &corev1.PersistentVolumeClaimTemplate{Spec: spec}}}
		for range 2 {
			pod := with(source, Once("scratch", "sh", "ls /data; write /data/word hello"))
			f.Create(ctx, pod)
			f.WaitPodSucceeded(ctx, "scratch")
			Expect(f.Logs(ctx, "scratch", corev1.PodLogOptions{})).NotTo(ContainSubstring("word"), "what is in a new volume")
			c := defaulted("scratch-data", "5Mi")
			f.Get(ctx, c)
			f.Delete(ctx, pod)
			f.WaitGone(ctx, pod)
			f.WaitGone(ctx, c)
		}
	})

	f.It("storage/expanded", func(ctx SpecContext) {
		pvcs := claims(ctx, f)
		c := defaulted("c", "5Mi")
		f.Create(ctx, c, using("user", "write /data/word hello && sleep 1h"))
		f.WaitPodReady(ctx, "user")
		f.Get(ctx, c)
		class, err := f.API.StorageV1().StorageClasses().Get(ctx, *c.Spec.StorageClassName, metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		if !ptr.Deref(class.AllowVolumeExpansion, false) {
			Skip("needs a default StorageClass that allows expansion: " + class.Name + " does not")
		}
		f.Edit(ctx, c, func() { c.Spec.Resources.Requests = size("3Gi") })
		pvcs.MustReach(ctx, "the claim has what it asked for", is("c", grown("3Gi")))
		v := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: c.Spec.VolumeName}}
		f.Get(ctx, v)
		Expect(v.Spec.Capacity.Storage().Cmp(resource.MustParse("3Gi"))).To(BeNumerically(">=", 0), "the volume has %s", v.Spec.Capacity.Storage())
		Expect(f.MustExec(ctx, "user", "", "/tool", "cat", "/data/word")).To(Equal("hello"))
		user := Pod("user")
		f.Get(ctx, user)
		Expect(Status(user, "main").RestartCount).To(BeZero(), "restarts of the pod")
	})
})
