package resources

import (
	"context"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
	"github.com/etalon-dev/etalon/spec"
)

const (
	// pluginDirectory is where device plugins find the kubelet.
	pluginDirectory = "/var/lib/kubelet/device-plugins"
	// pluginElsewhere is the exit code of the plugin if no kubelet is there.
	pluginElsewhere = 3
)

// devicePlugin is the fixtures' device plugin on one node, with devices of a resource that no other spec uses at the same time.
type devicePlugin struct {
	f     *Framework
	name  string
	node  corev1.Node
	nodes *Observer[*corev1.Node]
	kind  corev1.ResourceName
}

// startPlugin starts a device plugin and waits until the node has its devices.
func startPlugin(ctx context.Context, f *Framework, count int64) *devicePlugin {
	GinkgoHelper()
	node := f.Nodes(ctx)[0]
	// The node goes on to tell of a resource that once was there: there are to be few of them.
	p := &devicePlugin{f: f, node: node, kind: corev1.ResourceName(fmt.Sprintf("etalon.dev/thing-%d", GinkgoParallelProcess())), nodes: f.WatchNode(ctx, node.Name)}
	p.start(ctx, "plugin", count)
	return p
}

func (p *devicePlugin) start(ctx context.Context, name string, count int64) {
	GinkgoHelper()
	p.name = name
	pod := Once(name, "device-plugin", "--resource", string(p.kind), "--devices", fmt.Sprint(count), "--dir", pluginDirectory)
	pod.Spec.NodeSelector = p.here()
	pod.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: ptr.To(true)}
	pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "plugins", MountPath: pluginDirectory}}
	pod.Spec.Volumes = []corev1.Volume{{Name: "plugins", VolumeSource: corev1.VolumeSource{
		HostPath: &corev1.HostPathVolumeSource{Path: pluginDirectory, Type: ptr.To(corev1.HostPathDirectoryOrCreate)}}}}
	watched := p.f.WatchPod(ctx, name)
	p.f.Create(ctx, pod)
	seen := watched.MustReach(ctx, "the device plugin runs", one(func(p *corev1.Pod) bool { return Ready(p) || Ended(p) }))[0]
	if Ended(seen) {
		p.skipElsewhere(seen)
	}
	p.nodes.MustReach(ctx, fmt.Sprintf("node %s has %d of %s", p.node.Name, count, p.kind), func(nodes []*corev1.Node) bool {
		if has(p.kind, count, count)(nodes) {
			return true
		}
		if now := watched.Now(); len(now) == 1 && Ended(now[0]) {
			p.skipElsewhere(now[0])
		}
		return false
	})
}

func (p *devicePlugin) skipElsewhere(pod *corev1.Pod) {
	GinkgoHelper()
	end := Terminated(pod, "main")
	Expect(end).To(HaveField("ExitCode", BeEquivalentTo(pluginElsewhere)), "how the device plugin ended")
	Skip(fmt.Sprintf("needs %s: the kubelet of node %s has another directory", spec.KubeletDirectory, p.node.Name))
}

func (p *devicePlugin) here() map[string]string {
	return map[string]string{corev1.LabelHostname: p.node.Labels[corev1.LabelHostname]}
}

// id is that of the plugin's n-th device.
func (p *devicePlugin) id(n int) string {
	return fmt.Sprintf("%s-%d", strings.TrimPrefix(string(p.kind), "etalon.dev/"), n)
}

// tell makes a device sick or well.
func (p *devicePlugin) tell(ctx context.Context, what, id string) {
	GinkgoHelper()
	p.f.MustExec(ctx, p.name, "main", "/tool", "get", "http://127.0.0.1:8080/"+what+"?id="+id, "--method", "POST")
}

// calls are those of the kubelet so far.
func (p *devicePlugin) calls(ctx context.Context) []string {
	GinkgoHelper()
	return strings.Fields(strings.ReplaceAll(p.f.MustExec(ctx, p.name, "main", "/tool", "get", "http://127.0.0.1:8080/calls"), " ", ":"))
}

// run creates a pod that wants so many devices, and waits until it is ready.
func (p *devicePlugin) run(ctx context.Context, name, count string) {
	GinkgoHelper()
	p.f.Create(ctx, wanting(name, p.kind, count))
	p.f.WaitPodReady(ctx, name)
}

// given are the ids of the devices that the pod was told it has.
func (p *devicePlugin) given(ctx context.Context, pod string) string {
	GinkgoHelper()
	for line := range strings.Lines(p.f.MustExec(ctx, pod, "main", "/tool", "env")) {
		if list, found := strings.CutPrefix(strings.TrimSpace(line), "THINGS="); found {
			return list
		}
	}
	return ""
}
