package apps

import (
	"context"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/etalon-dev/etalon/reference/apiserver/disabled"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
	"github.com/etalon-dev/etalon/reference/apiserver/warnings"
)

var (
	daemonSetSpecDoc   = appsv1.DaemonSetSpec{}.SwaggerDoc()
	daemonSetStatusDoc = appsv1.DaemonSetStatus{}.SwaggerDoc()
)

// DaemonSets is the daemonsets resource.
var DaemonSets = generic.Resource[*appsv1.DaemonSet]{
	GV: appsv1.SchemeGroupVersion, Plural: "daemonsets", Singular: "daemonset", Short: []string{"ds"}, Categories: []string{"all"},
	Object: &appsv1.DaemonSet{}, List: &appsv1.DaemonSetList{},
	Spec:   func(d *appsv1.DaemonSet) any { return &d.Spec },
	Status: func(d *appsv1.DaemonSet) any { return &d.Status },
	PrepareCreate: func(_ context.Context, d *appsv1.DaemonSet) {
		setTemplateGeneration(d, 1)
	},
	PrepareUpdate: func(_ context.Context, d, old *appsv1.DaemonSet) {
		generation := templateGeneration(old)
		if !equality.Semantic.DeepEqual(d.Spec.Template, old.Spec.Template) {
			generation++
		}
		setTemplateGeneration(d, generation)
	},
	// What others may not touch through the main resource they may not through /status.
	PrepareStatus: func(_ context.Context, d, old *appsv1.DaemonSet) {
		setTemplateGeneration(d, templateGeneration(old))
	},
	Drop:           disabled.Of(func(d *appsv1.DaemonSet) *corev1.PodSpec { return &d.Spec.Template.Spec }),
	Validate:       validation.DaemonSet,
	Warnings:       warnings.DaemonSet,
	ValidateUpdate: validation.DaemonSetUpdate,
	ValidateStatus: validation.DaemonSetStatusUpdate,
	Generation:     true,
	Columns: append(append([]generic.Column[*appsv1.DaemonSet]{
		generic.Name[*appsv1.DaemonSet](),
		daemonCount("Desired", "desiredNumberScheduled", func(s *appsv1.DaemonSetStatus) int32 { return s.DesiredNumberScheduled }),
		daemonCount("Current", "currentNumberScheduled", func(s *appsv1.DaemonSetStatus) int32 { return s.CurrentNumberScheduled }),
		daemonCount("Ready", "numberReady", func(s *appsv1.DaemonSetStatus) int32 { return s.NumberReady }),
		daemonCount("Up-to-date", "updatedNumberScheduled", func(s *appsv1.DaemonSetStatus) int32 { return s.UpdatedNumberScheduled }),
		daemonCount("Available", "numberAvailable", func(s *appsv1.DaemonSetStatus) int32 { return s.NumberAvailable }),
		{Name: "Node Selector", Doc: corev1.PodSpec{}.SwaggerDoc()["nodeSelector"],
			Cell: func(d *appsv1.DaemonSet) any { return labels.FormatLabels(d.Spec.Template.Spec.NodeSelector) }},
		generic.Age[*appsv1.DaemonSet](),
	}, generic.Templated(func(d *appsv1.DaemonSet) *corev1.PodSpec { return &d.Spec.Template.Spec })...), generic.Column[*appsv1.DaemonSet]{
		Name: "Selector", Wide: true, Doc: daemonSetSpecDoc["selector"],
		Cell: func(d *appsv1.DaemonSet) any { return metav1.FormatLabelSelector(d.Spec.Selector) },
	}),
}

func daemonCount(name, field string, count func(*appsv1.DaemonSetStatus) int32) generic.Column[*appsv1.DaemonSet] {
	return generic.Column[*appsv1.DaemonSet]{Name: name, Type: generic.Integer, Doc: daemonSetStatusDoc[field],
		Cell: func(d *appsv1.DaemonSet) any { return int64(count(&d.Status)) }}
}

// templateGeneration counts the changes of the template; it was a field once, and pods still carry it.
func templateGeneration(d *appsv1.DaemonSet) int64 {
	n, err := strconv.ParseInt(d.Annotations[appsv1.DeprecatedTemplateGeneration], 10, 64)
	if err != nil {
		return 1
	}
	return n
}

func setTemplateGeneration(d *appsv1.DaemonSet, n int64) {
	if d.Annotations == nil {
		d.Annotations = map[string]string{}
	}
	d.Annotations[appsv1.DeprecatedTemplateGeneration] = strconv.FormatInt(n, 10)
}
