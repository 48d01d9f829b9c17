package storage

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
	"github.com/etalon-dev/etalon/fixtures/csi/deploy"
	"github.com/etalon-dev/etalon/spec"
)

// csiDriver is the fixtures' driver, deployed for one spec under a name of its own.
type csiDriver struct {
	f    *Framework
	name string
	// node is the one that consumers run on, pod the driver's pod there.
	node corev1.Node
	pod  string
}

// driverCall is one that the driver got.
type driverCall struct {
	Method   string
	Volume   string
	Target   string
	Context  map[string]string
	Readonly bool
	Bytes    int64
	Error    string
	Mode     string
	Secrets  []string
	Block    bool
	FSType   string
	Options  []string
}

// startDriver deploys the driver, and waits until a node's CSINode names it.
func startDriver(ctx context.Context, f *Framework, change ...func(deploy.Object)) *csiDriver {
	GinkgoHelper()
	d := &csiDriver{f: f, name: f.Namespace + ".etalon.dev", node: f.Nodes(ctx)[0]}
	objects, err := deploy.Objects(d.name, f.Namespace, Image("csi"))
	Expect(err).NotTo(HaveOccurred())
	pods := f.WatchPods(ctx, "app=csi")
	for _, o := range objects {
		for _, apply := range change {
			apply(o)
		}
		if set, is := o.(*appsv1.DaemonSet); is {
			set.Spec.Template.Spec.NodeSelector = d.here()
		}
		if o.GetNamespace() == "" {
			f.CreateForCluster(ctx, o)
		} else {
			f.Create(ctx, o)
		}
	}
	DeferCleanup(d.drain, NodeTimeout(2*CleanUpTimeout))
	d.arrived(ctx, pods)
	return d
}

// arrived waits until the driver is there and registered.
func (d *csiDriver) arrived(ctx context.Context, pods *Observer[*corev1.Pod]) {
	GinkgoHelper()
	found := pods.MustReach(ctx, "the driver is ready on node "+d.node.Name, func(all []*corev1.Pod) bool {
		return len(all) == 1 && (Ready(all[0]) || elsewhere(all[0]))
	})[0]
	if elsewhere(found) {
		Skip(fmt.Sprintf("needs %s: the kubelet of node %s has another directory", spec.KubeletDirectory, d.node.Name))
	}
	d.pod = found.Name
	Eventually(ctx, func(ctx context.Context) ([]string, error) { return d.registered(ctx) }).
		WithTimeout(PodTimeout).WithPolling(100*time.Millisecond).Should(ContainElement(d.name), "the CSINode of %s names the driver", d.node.Name)
}

// on has the driver run on the nodes with those labels.
func (d *csiDriver) on(ctx context.Context, labels map[string]string) {
	GinkgoHelper()
	set := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: d.f.Namespace, Name: "csi"}}
	d.f.Get(ctx, set)
	d.f.Edit(ctx, set, func() { set.Spec.Template.Spec.NodeSelector = labels })
}

// leave takes the driver off its node until comeBack.
func (d *csiDriver) leave(ctx context.Context) {
	GinkgoHelper()
	pods := d.f.WatchPods(ctx, "app=csi")
	d.on(ctx, map[string]string{corev1.LabelHostname: "none"})
	pods.MustReach(ctx, "the driver is gone", func(all []*corev1.Pod) bool { return len(all) == 0 })
	Eventually(ctx, d.registered).WithTimeout(PodTimeout).WithPolling(100*time.Millisecond).ShouldNot(ContainElement(d.name), "the driver is not registered any more")
}

func (d *csiDriver) comeBack(ctx context.Context) {
	GinkgoHelper()
	pods := d.f.WatchPods(ctx, "app=csi")
	d.on(ctx, d.here())
	d.arrived(ctx, pods)
}

// here selects the driver's node.
func (d *csiDriver) here() map[string]string {
	return map[string]string{corev1.LabelHostname: d.node.Labels[corev1.LabelHostname]}
}

// elsewhere tells whether the driver did not find its pod where the kubelet's directory usually is.
func elsewhere(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool {
		for _, t := range []*corev1.ContainerStateTerminated{s.State.Terminated, s.LastTerminationState.Terminated} {
			if t != nil && t.ExitCode == deploy.Elsewhere {
				return true
			}
		}
		return false
	})
}

func (d *csiDriver) registered(ctx context.Context) ([]string, error) {
	n, err := d.f.API.StorageV1().CSINodes().Get(ctx, d.node.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, driver := range n.Spec.Drivers {
		names = append(names, driver.Name)
	}
	return names, nil
}

// drain removes what uses the driver while it is still there to give volumes back.
func (d *csiDriver) drain(ctx SpecContext) {
	api := d.f.API.CoreV1()
	consumers := metav1.ListOptions{LabelSelector: "app!=csi"}
	Expect(api.Pods(d.f.Namespace).DeleteCollection(ctx, metav1.DeleteOptions{}, consumers)).To(Succeed())
	Eventually(ctx, func(ctx context.Context) (int, error) {
		left, err := api.Pods(d.f.Namespace).List(ctx, consumers)
		return len(left.Items), err
	}).WithTimeout(CleanUpTimeout).WithPolling(200*time.Millisecond).Should(BeZero(), "the pods that use the driver are gone")
	Expect(api.PersistentVolumeClaims(d.f.Namespace).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})).To(Succeed())
	Eventually(ctx, func(ctx context.Context) (left []string, err error) {
		all, err := api.PersistentVolumes().List(ctx, metav1.ListOptions{})
		for _, v := range all.Items {
			if v.Spec.CSI != nil && v.Spec.CSI.Driver == d.name {
				left = append(left, v.Name)
			}
		}
		return left, err
	}).WithTimeout(CleanUpTimeout).WithPolling(200*time.Millisecond).Should(BeEmpty(), "the driver's volumes are gone")
}

// calls are those that the driver got and did not refuse.
func (d *csiDriver) calls(ctx context.Context, methods ...string) []driverCall {
	GinkgoHelper()
	var out []driverCall
	for line := range strings.Lines(d.f.MustExec(ctx, d.pod, "driver", "/csi", "calls")) {
		var c driverCall
		Expect(json.Unmarshal([]byte(line), &c)).To(Succeed())
		if c.Error == "" && (len(methods) == 0 || slices.Contains(methods, c.Method)) {
			out = append(out, c)
		}
	}
	return out
}

func sameCall(a, b driverCall) bool {
	return a.Method == b.Method && a.Volume == b.Volume && a.Target == b.Target
}

func methodsOf(calls []driverCall) []string {
	out := []string{}
	for _, c := range calls {
		out = append(out, c.Method)
	}
	return out
}

// claims is a claim of the driver's class.
func (d *csiDriver) claim(name string) *corev1.PersistentVolumeClaim {
	return claim(name, d.name, "8Mi")
}

// consumer is a pod on the driver's node that has the volume at /data.
func (d *csiDriver) consumer(name string, source corev1.VolumeSource, args ...string) *corev1.Pod {
	if len(args) == 0 {
		args = []string{"sleep", "1h"}
	}
	pod := Pod(name, args...)
	pod.Spec.NodeSelector = d.here()
	pod.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: source}}
	pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: "/data"}}
	return pod
}

func fromClaim(name string) corev1.VolumeSource {
	return corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name}}
}

// start creates the pod and waits until it is ready.
func (d *csiDriver) start(ctx context.Context, pod *corev1.Pod) {
	GinkgoHelper()
	watched := d.f.WatchPod(ctx, pod.Name)
	d.f.Create(ctx, pod)
	watched.MustReach(ctx, "pod "+pod.Name+" is ready", func(pods []*corev1.Pod) bool { return slices.ContainsFunc(pods, Ready) })
}

// end deletes the pod and waits until it is gone.
func (d *csiDriver) end(ctx context.Context, pod *corev1.Pod) {
	GinkgoHelper()
	watched := d.f.WatchPod(ctx, pod.Name)
	d.f.Delete(ctx, pod)
	watched.MustReach(ctx, "pod "+pod.Name+" is gone", func(pods []*corev1.Pod) bool { return len(pods) == 0 })
}

// touchWhenExpanded waits until only the node's part of the growth to size is missing, and changes the pod: kubelets look
// after a pod's volumes when they look after the pod, which else may be a minute later.
func (d *csiDriver) touchWhenExpanded(ctx context.Context, pvcs *Observer[*corev1.PersistentVolumeClaim], pod *corev1.Pod, size int64) {
	GinkgoHelper()
	pvcs.MustReach(ctx, "the claim waits for its node", func(all []*corev1.PersistentVolumeClaim) bool {
		return len(all) == 1 && (all[0].Status.Capacity.Storage().Value() >= size ||
			all[0].Status.AllocatedResourceStatuses[corev1.ResourceStorage] == corev1.PersistentVolumeClaimNodeResizePending)
	})
	d.touch(ctx, pod)
}

// touch has the kubelet look after the pod now.
func (d *csiDriver) touch(ctx context.Context, pod *corev1.Pod) {
	GinkgoHelper()
	d.f.Edit(ctx, pod, func() { metav1.SetMetaDataAnnotation(&pod.ObjectMeta, "etalon.dev/touched", "true") })
}

// volumeOf is the name of the claim's volume, which is bound once the claim's pod is scheduled.
func (d *csiDriver) volumeOf(ctx context.Context, claim string) string {
	GinkgoHelper()
	c := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: d.f.Namespace, Name: claim}}
	d.f.Get(ctx, c)
	return c.Spec.VolumeName
}
