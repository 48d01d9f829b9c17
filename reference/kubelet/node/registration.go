package node

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/klog/v2"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
)

// Registration is what a node says of itself when it is registered for the first time; later these are others' to change
// (docs: concepts/architecture/nodes#self-registration-of-nodes).
type Registration struct {
	Labels     map[string]string
	Taints     []v1.Taint
	ProviderID string
	// ByOthers: someone else makes the Node object.
	ByOthers bool
}

// Timing is how often the API server hears of the node.
type Timing struct {
	// Look is how often the node's state is looked at; a change is reported at once. Report is how often it is reported
	// although nothing changed.
	Look, Report time.Duration
	// LeaseSeconds is how long the node's Lease is good; it is renewed four times in that.
	LeaseSeconds int32
}

// TimingOf reads it from the configuration.
func TimingOf(c *kubeletv1beta1.KubeletConfiguration) Timing {
	return Timing{Look: c.NodeStatusUpdateFrequency.Duration, Report: c.NodeStatusReportFrequency.Duration, LeaseSeconds: c.NodeLeaseDurationSeconds}
}

// settable are the labels of the project's own domains that a kubelet may give its node, besides all below kubelet.kubernetes.io
// and node.kubernetes.io (docs: reference/access-authn-authz/admission-controllers#noderestriction).
var settable = []string{
	v1.LabelHostname, v1.LabelTopologyRegion, v1.LabelTopologyZone, v1.LabelFailureDomainBetaRegion, v1.LabelFailureDomainBetaZone,
	v1.LabelInstanceTypeStable, v1.LabelInstanceType, v1.LabelOSStable, v1.LabelArchStable, "beta.kubernetes.io/os", "beta.kubernetes.io/arch",
}

// CheckLabels returns what is wrong with labels that a node is to give itself: the API server would refuse them.
func CheckLabels(labels map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		if problems := validation.IsQualifiedName(name); len(problems) > 0 {
			return fmt.Errorf("label %q: %s", name, problems[0])
		}
		if problems := validation.IsValidLabelValue(labels[name]); len(problems) > 0 {
			return fmt.Errorf("label %s: %q: %s", name, labels[name], problems[0])
		}
		domain, _, prefixed := strings.Cut(name, "/")
		if !prefixed || !within(domain, "kubernetes.io") && !within(domain, "k8s.io") || slices.Contains(settable, name) ||
			within(domain, "kubelet.kubernetes.io") || within(domain, "node.kubernetes.io") {
			continue
		}
		return fmt.Errorf("label %s: of those in kubernetes.io and k8s.io a node may give itself only those of kubelet.kubernetes.io and "+
			"node.kubernetes.io, and %s", name, strings.Join(settable, ", "))
	}
	return nil
}

func within(domain, of string) bool { return domain == of || strings.HasSuffix(domain, "."+of) }

// ParseTaints reads taints as --register-with-taints has them: key=value:effect, the value optional, separated by commas.
func ParseTaints(list []string) ([]v1.Taint, error) {
	var out []v1.Taint
	for _, text := range list {
		key, effect, ok := strings.Cut(text, ":")
		key, value, _ := strings.Cut(key, "=")
		t := v1.Taint{Key: key, Value: value, Effect: v1.TaintEffect(effect)}
		if !ok {
			return nil, fmt.Errorf("taint %q: want key=value:effect", text)
		}
		if err := CheckTaint(t); err != nil {
			return nil, fmt.Errorf("taint %q: %w", text, err)
		}
		out = append(out, t)
	}
	return out, nil
}

// CheckTaint returns what is wrong with a taint.
func CheckTaint(t v1.Taint) error {
	if problems := validation.IsQualifiedName(t.Key); len(problems) > 0 {
		return fmt.Errorf("key %q: %s", t.Key, problems[0])
	}
	if problems := validation.IsValidLabelValue(t.Value); len(problems) > 0 {
		return fmt.Errorf("value %q: %s", t.Value, problems[0])
	}
	switch t.Effect {
	case v1.TaintEffectNoSchedule, v1.TaintEffectPreferNoSchedule, v1.TaintEffectNoExecute:
		return nil
	}
	return fmt.Errorf("effect %q: want NoSchedule, PreferNoSchedule or NoExecute", t.Effect)
}

// await waits for another to make the Node object, then reports.
func (s *Self) await(ctx context.Context) error {
	n, err := s.Client.CoreV1().Nodes().Get(ctx, s.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		klog.FromContext(ctx).V(2).Info("Nobody has made the Node object yet", "node", s.Name)
	}
	if err != nil {
		return err
	}
	s.server.Store(n)
	return s.report(ctx, s.observe(ctx), true)
}

// ShutDown has the node say from now on that it shuts down.
func (s *Self) ShutDown(ctx context.Context) {
	s.ending.Store(true)
	if s.Node() == nil {
		return
	}
	if err := s.Report(ctx); err != nil {
		klog.FromContext(ctx).Error(err, "Cannot report that the node shuts down")
	}
}

// observe looks at the node.
func (s *Self) observe(ctx context.Context) Observed {
	o := s.Observe(ctx)
	if s.ending.Load() {
		o.Problems = append(slices.Clone(o.Problems), "node is shutting down")
	}
	return o
}
