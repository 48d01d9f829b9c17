package kubelet

import (
	"context"
	"os"
	"os/signal"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"

	"golang.org/x/sys/unix"

	"github.com/etalon-dev/etalon/reference/kubelet/config"
	"github.com/etalon-dev/etalon/reference/kubelet/node"
	"github.com/etalon-dev/etalon/reference/kubelet/pods"
)

// PowerOff is the signal that tells the agent that its node shuts down. SIGTERM only ends the agent, as for an update of it: then
// the containers run on. There is no logind on nodes of ours, whose inhibitor locks tell a kubelet of this elsewhere; whoever
// shuts the machine down sends the signal and waits for the agent to end.
const PowerOff = unix.SIGPWR

// poweringOff returns a channel that tells of the signal.
func poweringOff(ctx context.Context) <-chan os.Signal {
	told := make(chan os.Signal, 1)
	signal.Notify(told, PowerOff)
	context.AfterFunc(ctx, func() { signal.Stop(told) })
	return told
}

// knownIn is how long an agent that is told of the shutdown as it starts waits to learn which pods there are to end.
const knownIn = 5 * time.Second

// shutDown ends the node's pods gracefully, if the configuration gives them time, as soon as the node is said to shut down and
// complete is closed, when all pods are known. It tells whether it was.
func shutDown(ctx context.Context, told <-chan os.Signal, complete <-chan struct{}, c *kubeletv1beta1.KubeletConfiguration, self *node.Self, m *pods.Manager, r record.EventRecorder) bool {
	select {
	case <-ctx.Done():
		return false
	case <-told:
	}
	steps := config.Shutdown(c)
	klog.FromContext(ctx).Info("The node shuts down", "gracePeriod", config.ShutdownPeriod(c))
	if len(steps) == 0 {
		return true
	}
	if n := self.Node(); n != nil {
		ref := &v1.ObjectReference{Kind: "Node", APIVersion: "v1", Name: n.Name, UID: n.UID}
		r.Event(ref, v1.EventTypeNormal, "Shutdown", "Shutdown manager detected shutdown event")
	}
	select {
	case <-complete:
	case <-ctx.Done():
		return false
	case <-time.After(knownIn):
		klog.FromContext(ctx).Info("The node shuts down before the agent knows all of its pods")
	}
	m.Close()
	self.ShutDown(ctx)
	m.Shutdown(ctx, steps)
	return true
}
