package framework

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/spec"
)

// skipUnless skips the spec, naming the missing need, when the cluster does not offer them all.
func (f *Framework) skipUnless(ctx context.Context, needs []string) {
	GinkgoHelper()
	for _, need := range needs {
		if need == spec.StandInNodes {
			f.skipWithoutStandIns(ctx)
		}
		if need == spec.PodMetrics {
			f.skipWithoutPodMetrics(ctx)
		}
		if need == spec.StaticPods {
			f.skipWithoutStaticPods(ctx)
		}
		if need == spec.PodPidsLimit {
			f.skipWithoutPidsLimit(ctx)
		}
		if need == spec.HugePages || need == spec.RuntimeHandlers {
			f.skipUnlessANodeHas(ctx, need)
		}
		if need == spec.DefaultStorageClass {
			f.skipWithoutDefaultClass(ctx)
		}
		if need == spec.UserNamespaces || need == spec.SupplementalGroupsPolicy {
			f.skipUnlessNodesHave(ctx, need)
		}
		if need == spec.LocalRegistry {
			f.skipWithoutLocalRegistry(ctx)
		}
		if group, isFree := strings.CutPrefix(need, spec.FreeGroup); isFree {
			f.skipUnlessFree(ctx, group)
		}
		if count, isNodes := strings.CutPrefix(need, "nodes:"); isNodes {
			wanted, err := strconv.Atoi(count)
			f.must(err, "read the need %q", need)
			if has := len(f.Nodes(ctx)); has < wanted {
				Skip(fmt.Sprintf("needs %s: the cluster has %d node(s) that are Ready and take any pod", need, has))
			}
		}
	}
}

// Nodes returns the nodes that are Ready and take pods without tolerations.
func (f *Framework) Nodes(ctx context.Context) []corev1.Node {
	GinkgoHelper()
	list, err := f.API.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	f.must(err, "list the nodes")
	var usable []corev1.Node
	for _, node := range list.Items {
		if takesPods(node) {
			usable = append(usable, node)
		}
	}
	return usable
}

func takesPods(node corev1.Node) bool {
	if node.Spec.Unschedulable {
		return false
	}
	for _, taint := range node.Spec.Taints {
		if taint.Effect != corev1.TaintEffectPreferNoSchedule {
			return false
		}
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// skipWithoutStandIns skips the spec where a cloud's controller removes Nodes that have no machine behind them.
func (f *Framework) skipWithoutStandIns(ctx context.Context) {
	GinkgoHelper()
	list, err := f.API.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	f.must(err, "list the nodes")
	for _, node := range list.Items {
		if cloud, _, found := strings.Cut(node.Spec.ProviderID, "://"); found && cloud != "kind" && cloud != "k3s" {
			Skip(fmt.Sprintf("needs %s: the nodes are of the cloud %q, which removes those without a machine", spec.StandInNodes, cloud))
		}
	}
}

// skipWithoutDefaultClass skips the spec where no StorageClass is the default, or where its volumes are made by hand.
func (f *Framework) skipWithoutDefaultClass(ctx context.Context) {
	GinkgoHelper()
	list, err := f.API.StorageV1().StorageClasses().List(ctx, metav1.ListOptions{})
	f.must(err, "list the StorageClasses")
	for _, class := range list.Items {
		if class.Annotations["storageclass.kubernetes.io/is-default-class"] == "true" && class.Provisioner != "kubernetes.io/no-provisioner" {
			return
		}
	}
	Skip(fmt.Sprintf("needs %s: none of the cluster's %d StorageClasses is the default and makes volumes", spec.DefaultStorageClass, len(list.Items)))
}

// skipUnlessNodesHave skips the spec unless every usable node says that its runtime has the feature.
func (f *Framework) skipUnlessNodesHave(ctx context.Context, need string) {
	GinkgoHelper()
	for _, node := range f.Nodes(ctx) {
		has := false
		switch need {
		case spec.SupplementalGroupsPolicy:
			has = node.Status.Features != nil && ptr.Deref(node.Status.Features.SupplementalGroupsPolicy, false)
		case spec.UserNamespaces:
			for _, handler := range node.Status.RuntimeHandlers {
				has = has || handler.Name == "" && handler.Features != nil && ptr.Deref(handler.Features.UserNamespaces, false)
			}
		}
		if !has {
			Skip(fmt.Sprintf("needs %s: node %s does not have it, by its status", need, node.Name))
		}
	}
}

// skipUnlessANodeHas skips the spec unless one of the usable nodes says that it has what is needed.
func (f *Framework) skipUnlessANodeHas(ctx context.Context, need string) {
	GinkgoHelper()
	nodes := f.Nodes(ctx)
	for _, node := range nodes {
		pages := node.Status.Allocatable[corev1.ResourceHugePagesPrefix+"2Mi"]
		if need == spec.HugePages && pages.Value() >= 4<<20 {
			return
		}
		for _, handler := range node.Status.RuntimeHandlers {
			if need == spec.RuntimeHandlers && handler.Name != "" {
				return
			}
		}
	}
	Skip(fmt.Sprintf("needs %s: none of the %d usable nodes has them, by its status", need, len(nodes)))
}
