package resources

import (
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// handled is a node and a handler of its runtime that has a name, which a RuntimeClass may give.
func handled(nodes []corev1.Node) (node, handler string) {
	for _, node := range nodes {
		for _, handler := range node.Status.RuntimeHandlers {
			if handler.Name != "" {
				return node.Name, handler.Name
			}
		}
	}
	return "", ""
}

var _ = Describe("what a node gives", func() {
	f := New()

	f.It("resources/node-sums", func(ctx SpecContext) {
		// A resource that no other spec asks for, of which the node has ten.
		const name = "conformance.etalon.dev/"
		unit := name + f.Namespace
		node := &f.Nodes(ctx)[0]
		status := func(value string) string {
			return `{"status":{"capacity":{"` + unit + `":` + value + `},"allocatable":{"` + unit + `":` + value + `}}}`
		}
		DeferCleanup(func(ctx SpecContext) {
			Expect(f.TryPatch(ctx, node, types.MergePatchType, status("null"), "status")).To(Succeed())
		})
		Expect(f.TryPatch(ctx, node, types.MergePatchType, status(`"10"`), "status")).To(Succeed())
		asks := func(pod *corev1.Pod, n string) *corev1.Pod {
			pod.Spec.NodeSelector = map[string]string{corev1.LabelHostname: node.Labels[corev1.LabelHostname]}
			pod.Spec.Containers[0].Resources = corev1.ResourceRequirements{Limits: list(unit, n)}
			return pod
		}
		ended, three, four := asks(Once("ended", "exit", "0"), "9"), asks(Pod("three", "sleep", "1h"), "3"), asks(Pod("four", "sleep", "1h"), "4")
		f.Create(ctx, ended)
		f.WaitPodSucceeded(ctx, "ended")
		f.Create(ctx, three, four)
		f.WaitPodReady(ctx, "three")
		f.WaitPodReady(ctx, "four")
		// What kubectl describe node sums up: the node's pods that have not ended.
		pods, err := f.API.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + node.Name + ",status.phase!=Succeeded,status.phase!=Failed"})
		Expect(err).NotTo(HaveOccurred())
		sum := int64(0)
		for _, pod := range pods.Items {
			for _, c := range pod.Spec.Containers {
				amount := c.Resources.Requests[corev1.ResourceName(unit)]
				sum += amount.Value()
			}
		}
		Expect(sum).To(BeEquivalentTo(7), "the sum of what the node's pods request")
		too, fits := asks(Pod("too-much", "sleep", "1h"), "4"), asks(Pod("fits", "sleep", "1h"), "3")
		watched := f.WatchPod(ctx, "too-much")
		f.Create(ctx, too)
		seen := watched.MustReach(ctx, "it is said not to fit", one(Unschedulable))[0]
		Expect(PodCondition(seen, corev1.PodScheduled).Message).To(ContainSubstring("Insufficient " + unit))
		f.Create(ctx, fits)
		f.WaitPodReady(ctx, "fits")
		f.Delete(ctx, four)
		f.WaitPodReady(ctx, "too-much")
	})

	f.It("resources/overhead-in-cgroup", func(ctx SpecContext) {
		node, handler := handled(f.Nodes(ctx))
		f.CreateForCluster(ctx, &nodev1.RuntimeClass{ObjectMeta: metav1.ObjectMeta{Name: f.Namespace}, Handler: handler,
			Overhead: &nodev1.Overhead{PodFixed: list("cpu", "100m", "memory", "40Mi")}})
		pod := sized("heavy", list("cpu", "100m", "memory", "24Mi"), list("cpu", "400m", "memory", "24Mi"), "sleep", "1h")
		pod.Spec.RuntimeClassName = &f.Namespace
		pod.Spec.NodeName = node
		f.Create(ctx, pod)
		uid := string(f.WaitPodReady(ctx, "heavy").UID)
		Expect(cgroup{f, "heavy", ""}.memory(ctx)).To(BeEquivalentTo(24<<20), "the container's own limit")
		// The pod's cgroup is named after its uid, in which some drivers write _ for -.
		looks := Pod("looks", "sleep", "1h")
		looks.Spec.NodeName = node
		looks.Spec.Volumes = []corev1.Volume{{Name: "groups", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/sys/fs/cgroup"}}}}
		looks.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "groups", MountPath: "/groups", ReadOnly: true}}
		f.Create(ctx, looks)
		f.WaitPodReady(ctx, "looks")
		found := strings.Fields(f.MustExec(ctx, "looks", "", "/tool", "find", "/groups", "pod"+uid, "pod"+strings.ReplaceAll(uid, "-", "_")))
		limits := map[string]int64{}
		for _, dir := range found {
			for _, file := range []string{"memory.max", "memory.limit_in_bytes", "cpu.max", "cpu.cfs_quota_us"} {
				if out := f.Exec(ctx, "looks", "", "/tool", "cat", dir+"/"+file); out.Code == 0 {
					limits[file[:3]], _ = strconv.ParseInt(strings.Fields(out.Stdout)[0], 10, 64)
				}
			}
		}
		Expect(limits["mem"]).To(BeEquivalentTo(64<<20), "memory of the pod's cgroup, of %v", found)
		Expect(limits["cpu"]).To(BeEquivalentTo(50_000), "quota of the pod's cgroup in each 100 ms, of %v", found)
	})

	f.It("resources/huge-pages-mounted", func(ctx SpecContext) {
		pod := sized("huge", list("cpu", "10m"), list("hugepages-2Mi", "4Mi", "memory", "32Mi"), "sleep", "1h")
		pod.Spec.Volumes = []corev1.Volume{{Name: "pages", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: "HugePages-2Mi"}}}}
		pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "pages", MountPath: "/pages"}}
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "huge")
		Expect(f.MustExec(ctx, "huge", "", "/tool", "cat", "/proc/mounts")).To(MatchRegexp(`(?m)^\S+ /pages hugetlbfs \S*pagesize=2M`))
		Expect(cgroup{f, "huge", ""}.read(ctx, "hugetlb.2MB.max", "hugetlb/hugetlb.2MB.limit_in_bytes")[0]).To(Equal("4194304"), "the limit of its cgroup")
	})
})
